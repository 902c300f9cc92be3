// SPDX-License-Identifier: Apache-2.0
// Data of the events about connections: decisions with the record that links them to names, ends, and a gate that failed
// (events.md §6.2; what only the log has: extensions.md §3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event/cell_ref.h"
#include "event/dns_events.h"
#include "event/draft.h"
#include "event/run_log.h"

namespace event {

// The answer that a destination was reached by.
struct LinkedQuery {
  std::string query_id;
  std::optional<LeafIndex> leaf;  // of its dns_query
  std::string name;
  std::string answered_at;  // RFC 3339
  std::uint64_t ttl_seconds = 0;
  std::vector<std::string> cnames;
};

// As events hold it: one JSON object.
std::string ToJson(const LinkedQuery& query);

struct FlowDecision {
  std::string decision_id;  // UUID
  std::string direction = "egress";
  bool allowed = false;
  std::string reason_code;
  std::optional<std::string> nft_rule_ref;
  std::optional<std::string> destination;
  std::optional<std::uint16_t> port;
  std::optional<std::string> protocol;
  std::optional<std::uint64_t> packets, bytes;
  std::string observed_at;  // RFC 3339
  DecisionTrust trust;
  // The linked record, in the log only.
  std::optional<std::string> flow_id, rule_ref, sni, http_host, alpn;
  std::optional<LinkedQuery> query;
  std::optional<std::uint16_t> source_port;
  std::optional<std::uint64_t> suppressed;  // further denials of this kind that were only counted
};
// `observer`: gate.flow, kernel.nft or kernel.nflog.
Draft FlowDecisionEvent(const CellRef& cell, const FlowDecision& decision, Observer observer);

// Ours.
struct FlowClosed {
  std::string flow_id;  // decisionId of its decision
  std::uint64_t bytes_out = 0, bytes_in = 0, duration_ms = 0;
  std::string closed_by;  // workload | peer | gate
  std::optional<std::string> reason_code;
};
Draft FlowClosedEvent(const CellRef& cell, const FlowClosed& closed);

// Ours. `phase`: start | run | end.
struct GateFailed {
  std::string phase, reason;
  std::uint64_t flows_reset = 0;
};
Draft GateFailedEvent(const CellRef& cell, const GateFailed& failed);

}  // namespace event
