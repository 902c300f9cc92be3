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

std::string_view TextOf(const std::array<char, 36>& id) { return {id.data(), id.size()}; }

}  // namespace

GateEvents::GateEvents(Parts parts)
    : p_(std::move(parts)), writer_(p_.recorder->cell(), RunOf()), queries_(kRememberedQueries) {}

event::GateDecisionWriter::Run GateEvents::RunOf() const {
  event::GateDecisionWriter::Run run{.query_trust = DnsTrust(),
                                     .l7_trust = {p_.settings->trust_keyset_id, p_.settings->l7_kid},
                                     .policy_digest = p_.policy_digest};
  for (const auto& resolver : p_.network->resolvers) run.resolvers.push_back(resolver.id);
  return run;
}

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
  const Moment when = When(Observer::kGateDns, record);
  const bool malformed = record.reason == GateReason::kMalformedQuery;
  const std::string type = malformed ? std::string("A") : QueryTypeText(record.type);
  event::GateDecisionWriter::Query query{.id = NewId(),
                                         .name = malformed || record.name[0] == 0 ? kUnknown : record.name,
                                         .type = type,
                                         .allowed = wire::IsAllow(record.reason),
                                         .reason_code = wire::ReasonText(record.reason),
                                         .rule_ref = rule_.Of(record.rule),
                                         .asked_server = asked_.Of(record),
                                         .transport = record.transport == 0 ? "udp" : "tcp"};
  if (record.rcode != 0xff) query.rcode = record.rcode;
  if (WasPermitted(record.reason)) {
    query.upstream = {.resolver = record.resolver,
                      .latency_ms = record.latency_us / 1000,
                      .targets = query.allowed ? record.count : 0};
    p_.recorder->TryAppend(writer_.PermittedEvent(query, when));
  }
  const auto leaf = p_.recorder->TryAppend(writer_.QueryEvent(query, when));
  if (IsRefusedEvent(record.reason)) {
    Emit(event::DnsQueryRefusedEvent(p_.recorder->cell(), query.name, query.type, query.reason_code), when);
  }
  if (query.allowed) {
    RememberQuery(record, query.name, when, leaf);
  } else if (record.reason != GateReason::kUpstreamFailure) {
    Deny(record, {});
  }
  aliases_.clear();
  alias_of_ = 0;
}

// The query that was just told.
void GateEvents::RememberQuery(const GateRecord& record, std::string_view name, const Moment& when,
                               std::optional<event::LeafIndex> leaf) {
  linked_.query_id = id_;
  linked_.leaf = leaf;
  linked_.name = name;
  linked_.answered_at = when.text;
  linked_.ttl_seconds = record.ttl_s;
  linked_.cnames.clear();
  if (alias_of_ == record.id) linked_.cnames = aliases_;
  queries_.Remember(record.id, linked_);
}

void GateEvents::TakeFlow(const GateRecord& record) {
  const Moment when = When(Observer::kGateFlow, record);
  const Answer* known = record.query != 0 ? queries_.Find(record.query) : nullptr;
  const bool allowed = wire::IsAllow(record.reason);
  p_.recorder->TryAppend(
      writer_.FlowEvent({.id = NewId(),
                         .allowed = allowed,
                         .reason_code = wire::ReasonText(record.reason),
                         .destination = destination_.Of(record),
                         .port = record.port,
                         .source_port = record.source_port,
                         .protocol = ProtocolText(record.protocol),
                         .rule_ref = rule_.Of(record.rule),
                         .alpn = record.alpn,
                         .name = record.name,
                         .has_sni = record.has_sni != 0,
                         .has_host = record.has_host != 0,
                         .query = known != nullptr ? std::string_view(known->json) : std::string_view()},
                        when));
  RememberFlow(record.id);
  if (!allowed) return Deny(record, known != nullptr ? known->query.name : std::string());
  ++flows_allowed_;
  ++flows_open_;
  if (record.rule.kind == wire::RuleKind::kEgressRule) {
    rules_used_.insert(record.rule.index);
  } else {
    ++flows_under_no_rule_;
  }
}

void GateEvents::TakeClosed(const GateRecord& record) {
  const Moment when = When(Observer::kGateFlow, record);
  if (flows_open_ > 0) --flows_open_;
  const auto known = flows_.find(record.id);
  event::GateDecisionWriter::Closed closed{.bytes_out = record.bytes_out,
                                           .bytes_in = record.bytes_in,
                                           .duration_ms = record.duration_ms,
                                           .closed_by = ClosedByText(record.closed_by),
                                           .reason_code = wire::ReasonText(record.reason)};
  if (known != flows_.end()) closed.flow_id = TextOf(known->second);
  p_.recorder->TryAppend(writer_.ClosedEvent(closed, when));
  if (known != flows_.end()) flows_.erase(known);
}

void GateEvents::TakeL7(const GateRecord& record) {
  const Moment when = When(Observer::kGateL7, record);
  const bool allowed = wire::IsAllow(record.reason);
  event::GateDecisionWriter::L7 decision{.id = NewId(),
                                         .allowed = allowed,
                                         .name = record.name[0] == 0 ? kUnknown : record.name,
                                         .reason_code = wire::ReasonText(record.reason),
                                         .rule_ref = rule_.Of(record.rule),
                                         .stream = record.stream};
  if (const auto known = flows_.find(record.id); known != flows_.end()) decision.flow_id = TextOf(known->second);
  p_.recorder->TryAppend(writer_.L7Event(decision, when));
  if (!allowed) return Deny(record, {});
  if (record.rule.kind == wire::RuleKind::kEgressRule) rules_used_.insert(record.rule.index);
}

void GateEvents::TakeSuppressed(const GateRecord& record) {
  if (record.count == 0) return;
  const event::CellRef& cell = p_.recorder->cell();
  const std::string reason = wire::ReasonText(record.reason);
  switch (record.kind2) {
    case GateRecordKind::kDnsQuery: {
      const Moment when = When(Observer::kGateDns, record);
      Emit(event::DnsQueryEvent(cell, {.query_id = crypto::NewUuid(),
                                       .name = NameOf(record),
                                       .type = record.type == 0 ? std::string("A") : QueryTypeText(record.type),
                                       .reason_code = reason,
                                       .observed_at = std::string(when.text),
                                       .trust = DnsTrust(),
                                       .rule_ref = RuleText(record.rule),
                                       .suppressed = record.count}),
           when);
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
      Emit(std::move(draft), When(Observer::kGateL7, record));
      break;
    }
    default: {
      const Moment when = When(Observer::kGateFlow, record);
      Emit(event::FlowDecisionEvent(cell,
                                    {.decision_id = crypto::NewUuid(),
                                     .reason_code = reason,
                                     .observed_at = std::string(when.text),
                                     .rule_ref = RuleText(record.rule),
                                     .suppressed = record.count},
                                    Observer::kGateFlow),
           when);
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

GateEvents::Moment GateEvents::When(Observer observer, const GateRecord& record) {
  base::BootTime& last = last_[static_cast<std::size_t>(observer)];
  const base::BootTime now = p_.clock->Boot();
  const base::BootTime said(static_cast<std::int64_t>(std::min<std::uint64_t>(record.at_ns, now.count())));
  last = std::max(last, said);
  const base::WallTime wall = p_.clock->Wall() - std::chrono::duration_cast<std::chrono::milliseconds>(now - last);
  return {.boot = last, .wall = wall, .text = wall_text_.Format(wall)};
}

void GateEvents::Emit(event::Draft draft, const Moment& when) {
  draft.observed_at = when.boot;
  draft.time = when.wall;
  p_.recorder->TryEmit(std::move(draft));
}

std::string_view GateEvents::NewId() {
  id_.clear();
  crypto::AppendUuid(id_);
  return id_;
}

// The flow whose decision was just told.
void GateEvents::RememberFlow(std::uint64_t id) {
  DecisionId decision;
  std::ranges::copy(id_, decision.begin());
  if (!flows_.insert_or_assign(id, decision).second) return;
  flow_order_.push_back(id);
  if (flow_order_.size() <= kRememberedFlows) return;
  flows_.erase(flow_order_.front());
  flow_order_.pop_front();
}

}  // namespace cell
