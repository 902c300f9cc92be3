// SPDX-License-Identifier: Apache-2.0
// What the gate of one run decides, written by the hundred thousand: the bytes of dns_events.h, flow_events.h and
// trust_events.h without their cost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "event/cell_ref.h"
#include "event/dns_events.h"
#include "event/draft.h"
#include "event/trust_events.h"

namespace event {

// Views are borrowed for the length of a call. Names and protocols are any text of at most kMaxName bytes; of ids,
// reasons, rules, addresses and other words nothing needs to be escaped. An empty text is left out where a member may
// be absent. Used by one thread.
class GateDecisionWriter {
 public:
  static constexpr std::size_t kMaxName = 255;

  // What the decisions of a run have in common.
  struct Run {
    DecisionTrust query_trust;
    TrustIds l7_trust;
    std::string policy_digest;           // of decisions on names seen in connections
    std::vector<std::string> resolvers;  // their ids
  };
  GateDecisionWriter(const CellRef& cell, const Run& run);

  // When it was decided; `text` is `wall` in RFC 3339.
  struct Moment {
    base::BootTime boot{};
    base::WallTime wall{};
    std::string_view text;
  };

  struct Upstream {
    std::size_t resolver = 0;  // of Run::resolvers; the first for one that is not there
    std::uint64_t latency_ms = 0, targets = 0;
  };
  struct Query {
    std::string_view id, name, type;
    bool allowed = false;
    std::string_view reason_code;
    std::optional<std::uint32_t> rcode;
    std::optional<Upstream> upstream;
    std::string_view rule_ref;  // may be empty
    std::string_view asked_server, transport;
  };
  struct Flow {
    std::string_view id;  // of decision and flow
    bool allowed = false;
    std::string_view reason_code, destination;
    std::uint16_t port = 0, source_port = 0;  // source_port: 0 is left out
    std::string_view protocol;
    std::string_view rule_ref, alpn;  // may be empty
    std::string_view name;            // what the connection named, as SNI or Host or both
    bool has_sni = false, has_host = false;
    std::string_view query;  // ToJson of the answer that led to it; may be empty
  };
  struct Closed {
    std::string_view flow_id;
    std::uint64_t bytes_out = 0, bytes_in = 0, duration_ms = 0;
    std::string_view closed_by, reason_code;  // reason_code may be empty
  };
  struct L7 {
    std::string_view id;
    bool allowed = false;
    std::string_view name, reason_code;
    std::string_view rule_ref;  // may be empty
    std::optional<std::string_view> flow_id;
    std::uint32_t stream = 0;  // 0 is left out
  };

  // DnsQueryPermittedEvent, DnsQueryEvent, FlowDecisionEvent of a gate, FlowClosedEvent, L7EgressDecisionEvent of a
  // gate. Valid until the next call of any.
  const Draft& PermittedEvent(const Query& query, const Moment& when);  // has an upstream
  const Draft& QueryEvent(const Query& query, const Moment& when);
  const Draft& FlowEvent(const Flow& flow, const Moment& when);
  const Draft& ClosedEvent(const Closed& closed, const Moment& when);
  const Draft& L7Event(const L7& decision, const Moment& when);

 private:
  // One value in JSON; `cut`: it was too long for an event, which then says so.
  struct Value {
    std::string json;
    bool cut = false;
  };
  static Value ValueOf(std::string_view text);
  const Value& Resolver(const Query& query) const;
  const Draft& Finish(std::string_view type, std::string_view source, Observer observer, const Moment& when);
  std::string_view Escaped(std::string_view text);

  // Parts of events, from one member that changes to the next.
  std::string cell_, cell_decision_, run_, run_schema_;
  std::string query_trust_, query_policy_;
  std::string l7_cell_, l7_trust_, l7_run_, l7_spec_;
  bool correlation_cut_ = false;
  std::vector<Value> resolvers_;
  std::string name_, alpn_;  // escaped
  Draft draft_;
};

}  // namespace event
