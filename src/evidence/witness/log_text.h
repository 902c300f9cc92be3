// SPDX-License-Identifier: Apache-2.0
// For tests: the lines of a log made with the builders of events, without keys or files.
#pragma once

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "event/dns_events.h"
#include "event/draft.h"
#include "event/evidence_events.h"
#include "event/flow_events.h"
#include "event/guest_events.h"
#include "event/lifecycle_events.h"
#include "event/network_events.h"
#include "event/probe_events.h"
#include "event/types.h"
#include "evidence/witness/cross_witness.h"

namespace evidence {

inline void PrintTo(const WitnessFinding& finding, std::ostream* out) {
  *out << event::ToString(finding.verdict) << ' ' << finding.rule << " [" << fmt::format("{}", fmt::join(finding.cites, ","))
       << "] " << finding.text;
}

// A watched cell with a network. Every call adds lines; the clocks go on by a millisecond each.
class LogText {
 public:
  event::LeafIndex Add(const event::Draft& draft) {
    boot_ms_ += 1;
    wall_ms_ += 1;
    const std::uint64_t boot = draft.observed_at ? static_cast<std::uint64_t>(draft.observed_at->count())
                                                 : boot_ms_ * 1'000'000;
    const auto index = lines.size();
    lines.push_back(fmt::format(
        R"({{"boottimens":"{}","data":{},"datacontenttype":"application/json","id":"{:08x}-0000-4000-8000-000000000000",)"
        R"("lane":"{}","observer":"{}","sequence":"{:020}","source":"{}","specversion":"1.0","time":"{}","type":"{}"}})",
        boot, draft.data, index, event::ToString(event::LaneOf(draft.observer)), event::ToString(draft.observer), index,
        draft.source, base::FormatMillis(base::WallTime(std::chrono::milliseconds(wall_ms_))), draft.type));
    return index;
  }

  void Begin(const std::vector<std::string>& covers) {
    using event::Observer;
    Add({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"});
    Add(event::CoverageOpenedEvent(cell, Observer::kSupervisor, "cell", {"lifecycle"}));
    Add(event::CoverageOpenedEvent(cell, Observer::kInit, "cell", {"workload"}));
    agent = Add(event::CoverageOpenedEvent(cell, Observer::kAgent, "cell", covers));
    dns = Add(event::CoverageOpenedEvent(cell, Observer::kGateDns, "cell", {"questions"}));
    flow = Add(event::CoverageOpenedEvent(cell, Observer::kGateFlow, "cell", {"connections"}));
    Add(event::CoverageOpenedEvent(cell, Observer::kKernelNflog, "cell", {"refused packets"}));
    Add({.type = event::kEffectiveControls, .source = event::kSourceSupervisor, .data = "{}"});
    Usage(1000);
    Add(event::StartedEvent(cell, {.ttl_seconds = 60}));
    Add(event::NetworkPolicyEvent(cell, {{.host = "192.0.2.1", .port = 443}, {.host = "name.example", .port = 443}}));
    event::Draft executed = event::ProcessSpawnedEvent(cell, "/bin/sh", 1);
    executed.observer = Observer::kInit;
    Add(executed);
  }
  void Begin() { Begin({"process.spawn", "process.exited", "net.connect_attempted", "capability.denied"}); }

  event::LeafIndex Claim(std::string_view source, std::uint32_t pid, std::int64_t guest_behind_ms = 0) {
    return Add(*event::GuestDeclarationEvent(
        cell, {.probe_source = source,
               .pid = pid,
               .comm = "sh",
               .monotonic_ns = static_cast<std::uint64_t>(static_cast<std::int64_t>(boot_ms_) - guest_behind_ms) * 1'000'000,
               .received_at = base::WallTime(std::chrono::milliseconds(wall_ms_)),
               .spec_signature_hash = "sha256:00",
               .frame_sha256 = std::string(64, 'a')}));
  }
  void Life(std::uint32_t pid, int execs = 1) {
    for (int i = 0; i < execs; ++i) Claim("process.spawned", pid);
    Claim("process.exited", pid);
  }
  event::LeafIndex ExitStatus(std::uint32_t pid, event::ExitKind kind, std::uint32_t status) {
    return Add(*event::GuestExitStatusEvent(cell, {.declaration = {.probe_source = "agent.exit_status",
                                                                   .pid = pid,
                                                                   .comm = "sh",
                                                                   .received_at = base::WallTime(std::chrono::milliseconds(wall_ms_)),
                                                                   .spec_signature_hash = "sha256:00",
                                                                   .frame_sha256 = std::string(64, 'a')},
                                                   .kind = kind,
                                                   .status = status}));
  }
  event::LeafIndex Census(std::uint64_t processes, std::uint64_t execs, std::uint64_t exits, std::uint64_t lost = 0) {
    event::ProcessCensus census{.overruns = lost > 0 ? 1u : 0u, .lost = lost, .scope = "descendants"};
    census.totals = {.processes = processes, .threads = 0, .execs = execs, .exits = exits, .killed = 0};
    return Add(event::ProcessCensusEvent(cell, census));
  }
  event::LeafIndex Usage(std::uint64_t usec) {
    return Add(*event::HostProbeEvent(cell, {.source = "host.cgroup",
                                             .inputs = "{}",
                                             .output = fmt::format(R"({{"cpu_stat":{{"usage_usec":{}}}}})", usec),
                                             .received_at = base::WallTime(std::chrono::milliseconds(wall_ms_)),
                                             .spec_signature_hash = "sha256:00"}));
  }

  event::LeafIndex Query(const std::string& id, const std::string& name, bool allowed = true) {
    return Add(event::DnsQueryEvent(cell, {.query_id = id, .name = name, .type = "A", .allowed = allowed,
                                           .reason_code = "r", .observed_at = "t"}));
  }
  event::LeafIndex Flow(const std::string& id, int rule = 0, std::optional<event::LinkedQuery> query = std::nullopt,
                        const std::string& protocol = "tcp") {
    event::FlowDecision decision{.decision_id = id, .allowed = true, .reason_code = "gate_grant_match",
                                 .destination = "192.0.2.1", .port = 443, .protocol = protocol, .observed_at = "t",
                                 .flow_id = id, .rule_ref = fmt::format("authority.egressRules[{}]", rule),
                                 .query = std::move(query)};
    return Add(event::FlowDecisionEvent(cell, decision, event::Observer::kGateFlow));
  }
  event::LeafIndex Refusal() {
    return Add(event::FlowDecisionEvent(cell, {.decision_id = "d", .reason_code = "nft_log_drop", .observed_at = "t"},
                                        event::Observer::kKernelNflog));
  }
  event::LeafIndex FlowEnd(const std::string& id, std::uint64_t out, std::uint64_t in) {
    return Add(event::FlowClosedEvent(cell, {.flow_id = id, .bytes_out = out, .bytes_in = in, .closed_by = "peer"}));
  }
  struct Row {
    std::string chain, text;
    std::uint64_t packets = 0, bytes = 0;
  };
  // The table of a cell that may reach TCP ports alone; `granted` first packets, `refused` packets, `dns` sockets, and
  // packets of `bytes` each way.
  event::LeafIndex Table(std::uint64_t granted, std::uint64_t refused, std::uint64_t dns_sockets, std::uint64_t bytes = 0) {
    const std::uint64_t packets = bytes == 0 ? 0 : 1 + bytes / 1000;
    return Rows({{"steer", "udp dport 53", dns_sockets, 0}, {"steer", "", granted, 0}, {"steer", "", 0, 0},
                 {"output", "accept", packets, bytes}, {"output", "accept", packets, bytes}, {"output", "accept", 0, 0},
                 {"output", "ip daddr 255.255.255.255", 0, 0}, {"output", "ip daddr 255.255.255.255 drop", 0, 0},
                 {"output", "udp dport 40053 accept", dns_sockets, 60 * dns_sockets}, {"output", "accept", granted, 60 * granted},
                 {"output", "", 0, 0}, {"output", "", 0, 0}, {"output", "accept", 5, 500}, {"output", "", refused, 0}, {"output", "", refused, 0}});
  }
  event::LeafIndex Rows(const std::vector<Row>& rows) {
    std::string out;
    for (const Row& row : rows) {
      out += fmt::format(R"({}{{"bytes":{},"chain":"{}","family":"inet","handle":1,"packets":{},"ruleRepr":"{}","table":"t"}})",
                         out.empty() ? "" : ",", row.bytes, row.chain, row.packets, row.text);
    }
    return Add(*event::HostProbeEvent(cell, {.source = "host.nftables",
                                             .inputs = "{}",
                                             .output = "{\"rows\":[" + out + "]}",
                                             .received_at = base::WallTime(std::chrono::milliseconds(wall_ms_)),
                                             .spec_signature_hash = "sha256:00"}));
  }

  event::LeafIndex End(const std::string& reason = "completed", std::int32_t code = 0) {
    event::Draft completed =
        event::CommandCompletedEvent(cell, {.argv = {"/bin/sh"}, .exit_code = code, .duration_ms = 5, .reason = reason});
    completed.observer = event::Observer::kInit;
    const auto leaf = Add(completed);
    Add(event::DestroyedEvent(cell, {.ttl_seconds = 60, .outcome = event::Outcome::kSucceeded}));
    return leaf;
  }
  void StepWall(std::int64_t ms) { wall_ms_ += ms; }

  // Every kind of thing that a watched cell with a network does, each witness saying the same.
  void WholeRun() {
    Begin();
    Life(4, 2);
    Life(5);
    Life(5);
    ExitStatus(4, event::ExitKind::kExited, 0);
    Claim("net.connect_attempted", 5);
    Claim("net.connect_attempted", 5);
    Claim("capability.denied", 5);
    const auto answer = Query("q1", "name.example");
    Flow("f1", 1, event::LinkedQuery{.query_id = "q1", .leaf = answer, .name = "name.example", .answered_at = "t", .ttl_seconds = 60});
    FlowEnd("f1", 1500, 1500);
    Refusal();
    Usage(9000);
    Census(5, 6, 5);
    Table(1, 1, 1, 1700);
    End();
  }

  std::vector<WitnessFinding> Findings() const { return FindingsOf(lines); }
  static std::vector<WitnessFinding> FindingsOf(const std::vector<std::string>& lines) {
    CrossWitness witness;
    for (std::size_t i = 0; i < lines.size(); ++i) witness.Add(i, lines[i]);
    return std::move(witness).Conclude();
  }

  event::CellRef cell{.cell_id = "cell-t", .spec_id = "cell-t", .run_id = "run-t", .correlation = {}};
  std::vector<std::string> lines;
  event::LeafIndex agent = 0, dns = 0, flow = 0;  // their coverage_opened

 private:
  std::uint64_t boot_ms_ = 1'000'000;
  std::int64_t wall_ms_ = 1'788'264'000'000;
};

}  // namespace evidence
