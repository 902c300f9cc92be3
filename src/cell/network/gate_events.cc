// SPDX-License-Identifier: Apache-2.0
// Decisions: queries, flows, what was seen in them. The order of events is that of the records.
#include "cell/network/gate_events.h"

#include <algorithm>

#include "base/encoding.h"
#include "cell/network/gate_words.h"
#include "crypto/random.h"
#include "event/dns_events.h"
#include "event/trust_events.h"
#include "event/types.h"

namespace cell {
namespace {

using event::Observer;
using wire::GateReason;
using wire::GateRecord;
using wire::GateRecordKind;

// What a gate that invents ids can make us remember.
constexpr std::size_t kRememberedQueries = 16384, kRememberedFlows = 65536, kAliases = 64;

constexpr const char* kUnknown = "(unknown)";
std::string NameOf(const GateRecord& record) { return record.name[0] == 0 ? kUnknown : record.name; }

// Whether the name had been let through before this was decided: then query_permitted comes first.
bool WasPermitted(GateReason reason) {
  switch (reason) {
    case GateReason::kAllowedByAllowlist:
    case GateReason::kUpstreamFailure:
    case GateReason::kDeniedDnssec:
    case GateReason::kDeniedAddressClass:
    case GateReason::kDeniedCnameChain:
    case GateReason::kDeniedRebind: return true;
    default: return false;
  }
}

bool IsRefusedEvent(GateReason reason) {
  return reason == GateReason::kDeniedNotInAllowlist || reason == GateReason::kDeniedQueryType;
}

std::string_view ClosedByText(wire::ClosedBy closed_by) {
  switch (closed_by) {
    case wire::ClosedBy::kWorkload: return "workload";
    case wire::ClosedBy::kPeer: return "peer";
    case wire::ClosedBy::kGate: return "gate";
  }
  return "gate";
}

}  // namespace

GateEvents::GateEvents(Parts parts) : p_(std::move(parts)), queries_(kRememberedQueries) { query_.trust = DnsTrust(); }

void GateEvents::Take(const GateRecord& record) {
  switch (record.kind) {
    case GateRecordKind::kDnsAlias: return TakeAlias(record);
    case GateRecordKind::kDnsQuery: return TakeQuery(record);
    case GateRecordKind::kFlow: return TakeFlow(record);
    case GateRecordKind::kFlowClosed: return TakeClosed(record);
    case GateRecordKind::kL7: return TakeL7(record);
    case GateRecordKind::kDnssecFailed: return TakeDnssec(record);
    case GateRecordKind::kRebind: return TakeRebind(record);
    case GateRecordKind::kTarget: return TakeTarget(record);
    case GateRecordKind::kTargetsEnd: return TakeTargetsEnd(record);
    case GateRecordKind::kSuppressed: return TakeSuppressed(record);
    case GateRecordKind::kTotals: totals_ = record.totals; return;
    default: return;
  }
}

void GateEvents::TakeAlias(const GateRecord& record) {
  if (alias_of_ != record.id) aliases_.clear();
  alias_of_ = record.id;
  if (aliases_.size() < kAliases) aliases_.push_back(record.name);
}

void GateEvents::TakeQuery(const GateRecord& record) {
  const base::BootTime at = At(Observer::kGateDns, record);
  const bool malformed = record.reason == GateReason::kMalformedQuery;
  const bool permitted = WasPermitted(record.reason);
  event::DnsQuery& query = query_;
  query.query_id.clear();
  crypto::AppendUuid(query.query_id);
  query.name = malformed || record.name[0] == 0 ? kUnknown : record.name;
  query.type = malformed ? std::string("A") : QueryTypeText(record.type);
  query.allowed = wire::IsAllow(record.reason);
  query.reason_code = wire::ReasonText(record.reason);
  query.observed_at = WallText(at);
  query.rule_ref = RuleText(record.rule);
  query.asked_server = AskedServer(record);
  query.transport = record.transport == 0 ? "udp" : "tcp";
  query.rcode.reset();
  if (record.rcode != 0xff) query.rcode = record.rcode;
  query.latency_ms.reset();
  query.target_count.reset();
  query.resolver_id.reset();
  if (permitted) {
    query.resolver_id = ResolverId(record.resolver);
    query.latency_ms = record.latency_us / 1000;
    query.target_count = query.allowed ? record.count : 0;
    Emit(event::DnsQueryPermittedEvent(p_.recorder->cell(), query.name, query.type, *query.resolver_id), at);
  }
  const auto told = Emit(event::DnsQueryEvent(p_.recorder->cell(), query), at);
  if (IsRefusedEvent(record.reason)) {
    Emit(event::DnsQueryRefusedEvent(p_.recorder->cell(), query.name, query.type, query.reason_code), at);
  }
  if (query.allowed) {
    RememberQuery(record, told);
  } else if (record.reason != GateReason::kUpstreamFailure) {
    Deny(record, {});
  }
  aliases_.clear();
  alias_of_ = 0;
}

// The query that was just told.
void GateEvents::RememberQuery(const GateRecord& record, const std::optional<Recorded>& told) {
  linked_.query_id = query_.query_id;
  linked_.leaf.reset();
  if (told) linked_.leaf = told->leaf;
  linked_.name = query_.name;
  linked_.answered_at = query_.observed_at;
  linked_.ttl_seconds = record.ttl_s;
  linked_.cnames.clear();
  if (alias_of_ == record.id) linked_.cnames = aliases_;
  queries_.Remember(record.id, linked_);
}

void GateEvents::TakeFlow(const GateRecord& record) {
  const base::BootTime at = At(Observer::kGateFlow, record);
  event::FlowDecision flow{.decision_id = crypto::NewUuid(),
                           .allowed = wire::IsAllow(record.reason),
                           .reason_code = wire::ReasonText(record.reason),
                           .destination = AddressText(record),
                           .port = record.port,
                           .protocol = std::string(ProtocolText(record.protocol)),
                           .observed_at = WallText(at),
                           .rule_ref = RuleText(record.rule)};
  flow.flow_id = flow.decision_id;
  if (record.has_sni != 0) flow.sni = record.name;
  if (record.has_host != 0) flow.http_host = record.name;
  if (record.alpn[0] != 0) flow.alpn = record.alpn;
  if (record.source_port != 0) flow.source_port = record.source_port;
  const event::LinkedQuery* known = record.query != 0 ? queries_.Find(record.query) : nullptr;
  if (known != nullptr) flow.query = *known;
  Emit(event::FlowDecisionEvent(p_.recorder->cell(), flow, Observer::kGateFlow), at);
  RememberFlow(record.id, flow.decision_id);
  if (!flow.allowed) return Deny(record, flow.query ? flow.query->name : std::string());
  ++flows_allowed_;
  ++flows_open_;
  if (record.rule.kind == wire::RuleKind::kEgressRule) {
    rules_used_.insert(record.rule.index);
  } else {
    ++flows_under_no_rule_;
  }
}

void GateEvents::TakeClosed(const GateRecord& record) {
  const base::BootTime at = At(Observer::kGateFlow, record);
  if (flows_open_ > 0) --flows_open_;
  const auto known = flows_.find(record.id);
  event::FlowClosed closed{.flow_id = known != flows_.end() ? known->second : std::string(),
                           .bytes_out = record.bytes_out,
                           .bytes_in = record.bytes_in,
                           .duration_ms = record.duration_ms,
                           .closed_by = std::string(ClosedByText(record.closed_by))};
  if (record.reason != GateReason::kNone) closed.reason_code = wire::ReasonText(record.reason);
  Emit(event::FlowClosedEvent(p_.recorder->cell(), closed), at);
  if (known != flows_.end()) flows_.erase(known);
}

void GateEvents::TakeL7(const GateRecord& record) {
  const base::BootTime at = At(Observer::kGateL7, record);
  const bool allowed = wire::IsAllow(record.reason);
  event::L7EgressDecision decision{.decision_id = crypto::NewUuid(),
                                   .action = allowed ? "allow" : "deny",
                                   .sni_host = NameOf(record),
                                   .policy_digest = p_.policy_digest,
                                   .reason_code = wire::ReasonText(record.reason),
                                   .rule_ref = RuleText(record.rule),
                                   .trust = {p_.settings->trust_keyset_id, p_.settings->l7_kid}};
  if (record.stream != 0) decision.stream_id = record.stream;
  if (const auto known = flows_.find(record.id); known != flows_.end()) decision.flow_id = known->second;
  event::Draft draft = event::L7EgressDecisionEvent(p_.recorder->cell(), decision);
  draft.source = event::kSourceSniProxy;
  draft.observer = Observer::kGateL7;
  Emit(std::move(draft), at);
  if (!allowed) return Deny(record, {});
  if (record.rule.kind == wire::RuleKind::kEgressRule) rules_used_.insert(record.rule.index);
}

void GateEvents::TakeSuppressed(const GateRecord& record) {
  if (record.count == 0) return;
  const event::CellRef& cell = p_.recorder->cell();
  const std::string reason = wire::ReasonText(record.reason);
  switch (record.kind2) {
    case GateRecordKind::kDnsQuery: {
      const base::BootTime at = At(Observer::kGateDns, record);
      Emit(event::DnsQueryEvent(cell, {.query_id = crypto::NewUuid(),
                                       .name = NameOf(record),
                                       .type = record.type == 0 ? std::string("A") : QueryTypeText(record.type),
                                       .reason_code = reason,
                                       .observed_at = WallText(at),
                                       .trust = DnsTrust(),
                                       .rule_ref = RuleText(record.rule),
                                       .suppressed = record.count}),
           at);
      break;
    }
    case GateRecordKind::kL7: {
      event::Draft draft = event::L7EgressDecisionEvent(
          cell, {.decision_id = crypto::NewUuid(),
                 .action = "deny",
                 .sni_host = NameOf(record),
                 .policy_digest = p_.policy_digest,
                 .reason_code = reason,
                 .rule_ref = RuleText(record.rule),
                 .trust = {p_.settings->trust_keyset_id, p_.settings->l7_kid},
                 .suppressed = record.count});
      draft.source = event::kSourceSniProxy;
      draft.observer = Observer::kGateL7;
      Emit(std::move(draft), At(Observer::kGateL7, record));
      break;
    }
    default: {
      const base::BootTime at = At(Observer::kGateFlow, record);
      Emit(event::FlowDecisionEvent(cell,
                                    {.decision_id = crypto::NewUuid(),
                                     .reason_code = reason,
                                     .observed_at = WallText(at),
                                     .rule_ref = RuleText(record.rule),
                                     .suppressed = record.count},
                                    Observer::kGateFlow),
           at);
    }
  }
  Deny(record, {});
}

void GateEvents::Deny(const GateRecord& record, const std::string& known_name) {
  AddDenial(DenialOf(record, known_name, *p_.network));
}

void GateEvents::AddDenial(const Denial& denial) {
  tally_.Add(denial);
  file_.Add(denial, p_.clock->Wall());
}

event::DecisionTrust GateEvents::DnsTrust() const {
  return {p_.settings->trust_keyset_id, p_.settings->resolver_kid, p_.policy_digest};
}

std::string GateEvents::ResolverId(std::uint8_t index) const {
  const auto& resolvers = p_.network->resolvers;
  if (index < resolvers.size()) return resolvers[index].id;
  return resolvers.empty() ? std::string() : resolvers.front().id;  // from the cache
}

base::BootTime GateEvents::At(Observer observer, const GateRecord& record) {
  base::BootTime& last = last_[static_cast<std::size_t>(observer)];
  const base::BootTime now = p_.clock->Boot();
  const base::BootTime said(static_cast<std::int64_t>(std::min<std::uint64_t>(record.at_ns, now.count())));
  last = std::max(last, said);
  return last;
}

std::string GateEvents::WallText(base::BootTime at) {
  const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(p_.clock->Boot() - at);
  return std::string(wall_text_.Format(p_.clock->Wall() - ago));
}

// Nearly always the one before.
const std::string& GateEvents::AskedServer(const GateRecord& record) {
  base::IpAddress address{.v6 = record.v6 != 0};
  std::ranges::copy(record.address, address.bytes.begin());
  if (asked_text_.empty() || address != asked_) {
    asked_ = address;
    asked_text_ = AddressText(record);
  }
  return asked_text_;
}

std::optional<Recorded> GateEvents::Emit(event::Draft draft, base::BootTime at) {
  draft.observed_at = at;
  return p_.recorder->TryEmit(std::move(draft));
}

void GateEvents::RememberFlow(std::uint64_t id, std::string decision) {
  if (!flows_.insert_or_assign(id, std::move(decision)).second) return;
  flow_order_.push_back(id);
  if (flow_order_.size() <= kRememberedFlows) return;
  flows_.erase(flow_order_.front());
  flow_order_.pop_front();
}

}  // namespace cell
