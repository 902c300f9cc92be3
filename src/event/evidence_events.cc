// SPDX-License-Identifier: Apache-2.0
// Data of the evidence family after leaf 0.
#include "event/evidence_events.h"

#include "event/cell_ref_members.h"

namespace event {
namespace {

std::string HolesJson(const std::vector<Hole>& holes) {
  std::vector<std::string> rows;
  for (const Hole& hole : holes) {
    Object row;
    row.Add("from", std::to_string(hole.from.count())).Add("to", std::to_string(hole.to.count())).Add("why", hole.why);
    rows.push_back(row.Take());
  }
  return ArrayOfRaw(rows);
}

void AddCounters(Object& object, const Counters& counters) {
  object.Add("delivered", counters.delivered).Add("dropped", counters.dropped).Add("issued", counters.issued);
}

std::string CountersObject(const Counters& counters) {
  Object object;
  AddCounters(object, counters);
  object.Add("unknown", counters.unknown);
  return object.Take();
}

}  // namespace

Draft CoverageOpenedEvent(const CellRef& cell, Observer observer, std::string_view scope,
                          const std::vector<std::string>& covers) {
  Object object = BeginShort(cell);
  object.Add("covers", covers);
  object.Add("observer", ToString(observer));
  object.Add("scope", scope);
  return Finish(kCoverageOpened, std::move(object));
}

Draft CoverageClosedEvent(const CellRef& cell, Observer observer, std::string_view scope, LeafIndex opened,
                          const std::vector<Hole>& holes, const Counters& counters) {
  Object object = BeginShort(cell);
  object.Raw("counters", CountersObject(counters));
  object.Raw("holes", HolesJson(holes));
  object.Add("observer", ToString(observer));
  object.Add("opened", opened);
  object.Add("scope", scope);
  return Finish(kCoverageClosed, std::move(object));
}

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAgree: return "agree";
    case Verdict::kGap: return "gap";
    case Verdict::kContradiction: return "contradiction";
  }
  return "contradiction";
}

Draft FindingEvent(const CellRef& cell, Verdict verdict, std::string_view rule, const std::vector<LeafIndex>& cites,
                   std::string_view text) {
  std::vector<std::string> leaves;
  for (const LeafIndex leaf : cites) leaves.push_back(std::to_string(leaf));
  Object object = BeginShort(cell);
  object.AddCut("cites", leaves);
  object.Add("rule", rule);
  object.AddCut("text", text);
  object.Add("verdict", ToString(verdict));
  Draft draft = Finish(kFinding, std::move(object));
  draft.observer = Observer::kWitness;
  return draft;
}

std::string CountersJson(const std::vector<SourceCounters>& sources) {
  std::vector<std::string> rows;
  for (const SourceCounters& source : sources) {
    Object row;
    AddCounters(row, source.counters);
    row.Add("source", source.source).Add("unknown", source.counters.unknown);
    rows.push_back(row.Take());
  }
  return ArrayOfRaw(rows);
}

std::string CoverageJson(const std::vector<CoverageRow>& coverage) {
  std::vector<std::string> rows;
  for (const CoverageRow& interval : coverage) {
    Object row;
    row.Add("from", interval.from);
    row.Raw("holes", HolesJson(interval.holes));
    row.Add("scope", interval.scope);
    row.Add("source", ToString(interval.source));
    row.Add("to", interval.to);
    rows.push_back(row.Take());
  }
  return ArrayOfRaw(rows);
}

Draft ClosingEvent(const CellRef& cell, const Closing& closing) {
  Object outcome;
  outcome.AddOrNull("exitCode", closing.exit_code);
  outcome.Add("reasonCode", closing.reason_code);
  outcome.AddOrNull("signal", closing.signal);
  Object object = BeginShort(cell);
  object.Raw("coverage", CoverageJson(closing.coverage));
  object.Raw("outcome", outcome.Take());
  if (!closing.sinks.empty()) object.Raw("sinks", CountersJson(closing.sinks));
  object.Raw("sources", CountersJson(closing.sources));
  return Finish(kClosing, std::move(object));
}

std::string EvidenceBundleUrn(std::string_view run_id) { return std::string("urn:cellos:evidence-bundle:").append(run_id); }

namespace {

void AddRefs(Object& object, std::string_view name, const std::vector<std::string>& ids) {
  if (!ids.empty()) object.Add(name, ids);
}

std::string GuestRefs(const std::vector<EvidenceBundle::GuestRef>& guest) {
  std::vector<std::string> rows;
  for (const auto& ref : guest) {
    Object row;
    row.Add("eventId", ref.id).Add("eventType", ref.type).Add("ruleClass", ref.rule_class);
    rows.push_back(row.Take());
  }
  return ArrayOfRaw(rows);
}

std::string HostSeries(const std::vector<EvidenceBundle::Series>& series) {
  std::vector<std::string> rows;
  for (const auto& each : series) {
    Object row;
    row.Add("first", each.first).Add("last", each.last).Add("probeSource", each.probe_source);
    rows.push_back(row.Add("readings", each.readings).Take());
  }
  return ArrayOfRaw(rows);
}

std::string GuestEvents(const std::vector<EvidenceBundle::GuestCount>& counts) {
  std::vector<std::string> rows;
  for (const auto& each : counts) {
    Object row;
    row.Add("count", each.count).Add("eventType", each.type).Add("first", each.first).Add("last", each.last);
    rows.push_back(row.Take());
  }
  return ArrayOfRaw(rows);
}

std::string LifecycleRows(const std::vector<EvidenceBundle::LifecycleRow>& lifecycle) {
  std::vector<std::string> rows;
  for (const auto& each : lifecycle) {
    Object row;
    rows.push_back(row.Add("eventId", each.id).Add("eventType", each.type).Add("leaf", each.leaf).Take());
  }
  return ArrayOfRaw(rows);
}

// The statement that follows the log: what signs all of this.
std::string Attestations() {
  Object row;
  row.Add("file", "seal.json").Add("predicateType", "urn:cellos:attestation:run:v1");
  return ArrayOfRaw({row.Take()});
}

}  // namespace

Draft EvidenceBundleEvent(const CellRef& cell, const EvidenceBundle& bundle) {
  Object lifecycle;
  lifecycle.Add("commandCompleted", bundle.command_completed);
  lifecycle.Add("destroyed", bundle.destroyed);
  AddRefs(lifecycle, "spawned", bundle.spawned);
  if (!bundle.started.empty()) lifecycle.Add("started", bundle.started);

  Object object = Begin(cell);
  if (!bundle.lifecycle.empty()) object.Raw("attestations", Attestations());
  object.Add("cellDestroyedEventRef", bundle.destroyed);
  object.Add("complianceSummaryEventRef", bundle.compliance_summary);
  object.Add("emittedAtUnixMs", bundle.emitted_at_unix_ms);
  if (!bundle.guest.empty()) object.Raw("guestEventRefs", GuestRefs(bundle.guest));
  if (!bundle.guest_events.empty()) object.Raw("guestEvents", GuestEvents(bundle.guest_events));
  object.Add("homeostasisEventRef", bundle.homeostasis);
  if (!bundle.fc_metrics.empty() || !bundle.cgroup.empty() || !bundle.nftables.empty() || !bundle.tap.empty()) {
    Object probes;
    AddRefs(probes, "cgroup", bundle.cgroup);
    AddRefs(probes, "fcMetrics", bundle.fc_metrics);
    AddRefs(probes, "nftables", bundle.nftables);
    AddRefs(probes, "tap", bundle.tap);
    object.Raw("hostProbeEventRefs", probes.Take());
  }
  if (!bundle.host_series.empty()) object.Raw("hostSeries", HostSeries(bundle.host_series));
  if (!bundle.lifecycle.empty()) object.Raw("lifecycle", LifecycleRows(bundle.lifecycle));
  object.Raw("lifecycleEventRefs", lifecycle.Take());
  object.Add("residueClass", ToString(bundle.residue));
  object.AddCut("residueException", bundle.residue_exception);
  object.Add("specSignatureHash", bundle.spec_signature_hash);
  if (bundle.cut) object.MarkTruncated();
  return Finish(kEvidenceBundle, std::move(object));
}

}  // namespace event
