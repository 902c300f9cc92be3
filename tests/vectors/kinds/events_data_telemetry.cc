// SPDX-License-Identifier: Apache-2.0
// Vectors of event data: the flat shape of host probes, guest declarations, silence.
#include "event/guest_events.h"
#include "event/probe_data_v1.h"
#include "vectors/kinds/events_data_builders.h"

namespace vectors {
namespace {

event::FlatReading ReadingOf(const Arguments& args) {
  return {.spec_signature_hash = args.TextOr("spec_signature_hash"),
          .sampled_at_unix_ms = args.Natural("sampled_at_unix_ms").value_or(0),
          .sample_error = args.Text("sample_error")};
}

event::FlatCgroup::Keys KeysOf(const Arguments& args, std::string_view name) {
  event::FlatCgroup::Keys keys;
  for (const Value& pair : args.Items(name)) {
    keys.emplace_back(pair.array()[0].string(), pair.array()[1].unsigned_integer());
  }
  return keys;
}

std::string Cgroup(const Arguments& args) {
  const Arguments sample = args.In("sample");
  return event::FlatCgroupData(CellOf(args), ReadingOf(args),
                               {.path = args.TextOr("cgroup_path"),
                                .memory_events = KeysOf(sample, "memory_events"),
                                .cpu_stat = KeysOf(sample, "cpu_stat"),
                                .pids_events = KeysOf(sample, "pids_events")});
}

std::string Tap(const Arguments& args) {
  const Arguments stats = args.In("stats");
  return event::FlatTapData(CellOf(args), ReadingOf(args),
                            {.name = args.TextOr("tap_name"),
                             .link_state = args.TextOr("link_state"),
                             .rx_packets = stats.Natural("rx_packets"),
                             .tx_packets = stats.Natural("tx_packets"),
                             .rx_bytes = stats.Natural("rx_bytes"),
                             .tx_bytes = stats.Natural("tx_bytes"),
                             .rx_errors = stats.Natural("rx_errors"),
                             .tx_errors = stats.Natural("tx_errors"),
                             .rx_dropped = stats.Natural("rx_dropped"),
                             .tx_dropped = stats.Natural("tx_dropped")});
}

std::string Nftables(const Arguments& args) {
  event::FlatNftables nftables{.table = args.TextOr("table_name")};
  for (const Value& item : args.Items("rule_counters")) {
    const Arguments rule(&item);
    nftables.rules.push_back({.handle = rule.TextOr("rule_handle"),
                              .packets = rule.Natural("packets").value_or(0),
                              .bytes = rule.Natural("bytes").value_or(0),
                              .verdict = rule.Text("verdict"),
                              .match = rule.Text("match")});
  }
  return event::FlatNftablesData(CellOf(args), ReadingOf(args), nftables);
}

std::string FcMetrics(const Arguments& args) {
  return event::FlatFcMetricsData(CellOf(args), ReadingOf(args), {.socket_path = args.TextOr("fc_socket_path")});
}

std::string Silenced(const Arguments& args) {
  return event::AgentSilencedEvent(CellOf(args), {.window_ms = args.Natural("window_ms").value_or(0),
                                                  .elapsed_ms = args.Natural("elapsed_ms").value_or(0)})
      .data;
}

}  // namespace

std::optional<std::string> TelemetryData(std::string_view builder, const Arguments& args) {
  if (builder == "observability_host_cgroup_data_v1") return Cgroup(args);
  if (builder == "observability_host_tap_data_v1") return Tap(args);
  if (builder == "observability_host_nftables_data_v1") return Nftables(args);
  if (builder == "observability_host_fc_metrics_data_v1") return FcMetrics(args);
  if (builder == "agent_silenced") return Silenced(args);
  return std::nullopt;
}

base::Result<StampedGuest> StampGuest(const Arguments& args) {
  const Arguments guest = args.In("guest"), host = args.In("host");
  const std::string source = guest.TextOr("probe_source"), comm = guest.TextOr("guest_comm");
  const std::string spec = host.TextOr("spec_signature_hash");
  const event::GuestDeclaration declaration{
      .probe_source = source,
      .pid = static_cast<std::uint32_t>(guest.Natural("guest_pid").value_or(0)),
      .comm = comm,
      .monotonic_ns = guest.Natural("guest_monotonic_ns").value_or(0),
      .received_at = base::WallTime(std::chrono::milliseconds(host.Integer64("received_at_unix_ms").value_or(0))),
      .spec_signature_hash = spec};
  return StampedGuest{TRY(event::GuestDeclarationData(CellOf(host), declaration)),
                      base::FormatSeconds(declaration.received_at)};
}

}  // namespace vectors
