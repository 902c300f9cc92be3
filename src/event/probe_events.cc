// SPDX-License-Identifier: Apache-2.0
// Data of the host probe events.
#include "event/probe_events.h"

#include "base/encoding.h"
#include "event/cell_ref_members.h"

namespace event {
namespace {

struct Probe {
  std::string_view name, type;
  Observer observer;
};
constexpr Probe kProbes[] = {
    {"cgroup", kHostCgroup, Observer::kHostCgroup},
    {"fc_metrics", kHostFcMetrics, Observer::kHostFcMetrics},
    {"nftables", kHostNftables, Observer::kHostNftables},
    {"tap_link", kHostTapLink, Observer::kHostTapLink},
};

}  // namespace

base::Result<Draft> HostProbeEvent(const CellRef& cell, const HostReading& reading) {
  std::string_view name = reading.source;
  if (name.starts_with("host.")) name.remove_prefix(5);
  for (const Probe& probe : kProbes) {
    if (probe.name != name) continue;
    Object object = BeginShort(cell);
    object.Add("hostReceivedAt", base::FormatMillis(reading.received_at));
    object.Raw("inputs", reading.inputs);
    object.Raw("output", reading.output);
    object.Add("probeSource", reading.source);
    object.AddCut("sampleError", reading.sample_error);
    object.Add("specSignatureHash", reading.spec_signature_hash);
    return Draft{.type = probe.type,
                 .source = kSourceHostProbes,
                 .observer = probe.observer,
                 .data = object.Take(),
                 .id_form = IdForm::kEventUrn,
                 .time = reading.received_at};
  }
  return base::Fail(base::ErrorKind::kInvalid, "unknown host probe short name: " + base::Escape(name));
}

Draft ProcessCensusEvent(const CellRef& cell, const ProcessCensus& census) {
  Object object = Begin(cell);
  object.Add("lost", census.lost).Add("overruns", census.overruns).Add("scope", census.scope);
  Object totals;
  if (census.totals) {
    totals.Add("execs", census.totals->execs).Add("exits", census.totals->exits).Add("killed", census.totals->killed);
    totals.Add("processes", census.totals->processes).Add("threads", census.totals->threads);
  }
  object.Raw("totals", totals.Take());
  object.AddCut("unavailable", census.unavailable);
  return Finish(kProcessCensus, std::move(object));
}

}  // namespace event
