// SPDX-License-Identifier: Apache-2.0
// Sealing what a dead supervisor left: the proven part is read exactly as a verifier reads it.
#include "evidence/seal_cut.h"

#include <fmt/format.h>

#include <algorithm>

#include "event/json_object.h"
#include "event/run_log.h"
#include "event/types.h"
#include "evidence/seal.h"
#include "evidence/verify/leaf_zero.h"
#include "evidence/verify/log_walk.h"
#include "evidence/verify/plan_file.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxSecrets = 4096;
constexpr std::size_t kMaxContradictions = 1u << 20;

// What the seal says beyond the verifier's summary.
struct Gathered {
  std::optional<std::uint64_t> controls;
  std::vector<SecretLeaves> secrets;
  std::vector<event::LeafIndex> contradictions;
};

base::Result<> Gather(std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf, Gathered& gathered) {
  if (facts.lane == event::Lane::kDerived) {
    const bool contradiction = facts.type == event::kFinding && PlainStringOf(leaf.FindData("verdict")) == "contradiction";
    if (contradiction && gathered.contradictions.size() < kMaxContradictions) gathered.contradictions.push_back(index);
    return {};
  }
  if (facts.lane != event::Lane::kWitnessed) return {};
  if (facts.type == event::kEffectiveControls && !gathered.controls) gathered.controls = index;
  const bool delivered = facts.type == event::kSecretDelivered;
  if (!delivered && facts.type != event::kSecretRevoked) return {};
  const auto name = StringOf(leaf.FindData("name"));
  if (!name) return {};
  auto secret = std::ranges::find(gathered.secrets, *name, &SecretLeaves::name);
  if (secret == gathered.secrets.end()) {
    if (gathered.secrets.size() == kMaxSecrets) return {};
    secret = gathered.secrets.insert(secret, SecretLeaves{.name = *name});
  }
  // The first of each, as in the seal of a supervisor that lives: later rows are repetitions, or their number.
  auto& at = delivered ? secret->delivered_at : secret->revoked_at;
  if (!at) at = index;
  return {};
}

std::string HolesJson(const std::vector<HoleRow>& holes) {
  std::vector<std::string> rows;
  for (const HoleRow& hole : holes) {
    event::Object row;
    row.Add("from", std::to_string(hole.from)).Add("to", std::to_string(hole.to)).Add("why", hole.why);
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

// Intervals that were not closed end with the proven part.
std::string CoverageJson(const LogSummary& summary, std::uint64_t size) {
  std::vector<std::string> rows;
  for (const Interval& interval : summary.coverage) {
    event::Object row;
    row.Add("from", interval.opened).Raw("holes", HolesJson(interval.holes)).Add("scope", interval.scope);
    row.Add("source", event::ToString(interval.observer)).Add("to", interval.closed.value_or(size - 1));
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

std::string SourcesJson(const std::vector<SourceRow>& sources) {
  std::vector<std::string> rows;
  for (const SourceRow& source : sources) {
    event::Object row;
    row.Add("delivered", source.counts.delivered).Add("dropped", source.counts.dropped);
    row.Add("issued", source.counts.issued).Add("source", source.source).Add("unknown", source.counts.unknown);
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

std::string OutcomeJson(const OutcomeRow& outcome) {
  event::Object object;
  object.Raw("exitCode", outcome.exit_code).Add("reasonCode", outcome.reason_code).Raw("signal", outcome.signal);
  return object.Take();
}

SealStatement StatementOf(const LeafZero& zero, const LogWalk& walk, const PlanFile& plan, Gathered gathered) {
  const LogSummary& summary = walk.summary;
  SealStatement statement{.run_id = zero.run_id,
                          .cell_id = zero.cell_id,
                          .origin = zero.origin,
                          .started_on = summary.first_time,
                          .finished_on = summary.last_time,
                          .size = walk.last->size,
                          .root = walk.last->root,
                          .checkpoint = walk.last->note,
                          .run_vkey = zero.run_vkey,
                          .spec_digest = zero.spec_digest,
                          .policy_pack_digest = zero.policy_pack_digest,
                          .plan_digest = zero.plan_digest,
                          .controls = gathered.controls,
                          .backend = plan.backend,
                          .findings = {summary.agree, summary.gap, std::move(gathered.contradictions)},
                          .secrets = std::move(gathered.secrets),
                          .software_json = zero.software_json,
                          .machine_json = zero.machine_json,
                          .previous_seal_json = zero.previous_seal_json};
  statement.coverage_json = CoverageJson(summary, walk.last->size);
  if (summary.closing) {
    statement.outcome_json = OutcomeJson(summary.closing->outcome);
    statement.sources_json = SourcesJson(summary.closing->sources);
    statement.complete = IsComplete(plan.required_sources, summary.closing->sources, summary.closing->coverage);
  } else {
    statement.outcome_json = OutcomeJson({.reason_code = "cut", .exit_code = "null", .signal = "null"});
    statement.tail = walk.tail;
  }
  return statement;
}

// The same coverage in the order of `closing`, which the seal must repeat.
std::string CoverageJson(const std::vector<IntervalRow>& rows_of_closing) {
  std::vector<std::string> rows;
  for (const IntervalRow& interval : rows_of_closing) {
    event::Object row;
    row.Add("from", interval.from).Raw("holes", HolesJson(interval.holes)).Add("scope", interval.scope);
    row.Add("source", interval.source).Add("to", interval.to);
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

base::Result<LeafZero> ReadLeafZero(const FileView& events) {
  LineReader lines(events, event::kMaxLeafBytes);
  const auto line = TRY(lines.Next());
  if (!line || !line->ended || line->too_long) return base::Fail(base::ErrorKind::kNotFound, "the log has no whole first line");
  return ParseLeafZero(line->text);
}

base::Result<> FirstFault(const LogWalk& walk) {
  for (const auto* fault : {&walk.checkpoint_fault, &walk.root_fault, &walk.leaf_fault, &walk.frame_fault}) {
    if (*fault) return std::unexpected(**fault);
  }
  return {};
}

}  // namespace

base::Result<DeadSeal> SealDeadRun(int run_directory, const std::string& run_id, const std::string& keys_directory) {
  const RunFiles files = TRY(RunFiles::FromDirectory(run_directory, run_id));
  if (TRY(files.Find("seal.json"))) return DeadSeal::kAlreadySealed;
  const auto events = TRY(files.Find("events.jsonl"));
  const auto checkpoints = TRY(files.Find("checkpoints"));
  if (!events || !checkpoints) return DeadSeal::kNoLog;
  auto zero = ReadLeafZero(*events);
  const bool no_leaf = !zero && zero.error().kind == base::ErrorKind::kNotFound;
  if (checkpoints->size() == 0) return no_leaf ? DeadSeal::kNoLog : DeadSeal::kNoCheckpoint;
  if (no_leaf) return DeadSeal::kNoCheckpoint;
  if (!zero) return std::unexpected(std::move(zero).error());
  TRY(CheckCertificate(*zero));

  const auto frames = TRY(files.Find("frames"));
  Gathered gathered;
  WalkInputs inputs{.events = &*events,
                    .checkpoints = &*checkpoints,
                    .frames = frames ? &*frames : nullptr,
                    .zero = &*zero,
                    .torn_note = TornNote::kIgnored,
                    .frame_end = FrameEnd::kMayBeCut};
  inputs.on_leaf = [&](std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf) {
    return Gather(index, facts, leaf, gathered);
  };
  const LogWalk walk = TRY(WalkLog(inputs));
  TRY(FirstFault(walk));
  if (walk.proven() == 0) return DeadSeal::kNoCheckpoint;

  const PlanFile plan = TRY(ReadPlanFile(files, zero->plan_digest));
  std::vector<std::string> ids;
  for (const crypto::SpkiKey& key : zero->deployment_keys) ids.push_back(key.key_id);
  const std::vector<SealingKey> keys = TRY(FindSealingKeys(keys_directory, ids));
  SealStatement statement = StatementOf(*zero, walk, plan, std::move(gathered));
  if (walk.summary.closing) statement.coverage_json = CoverageJson(walk.summary.closing->coverage);
  TRY(WriteSeal(run_directory, statement, keys));
  return walk.summary.closing ? DeadSeal::kComplete : DeadSeal::kCut;
}

}  // namespace evidence
