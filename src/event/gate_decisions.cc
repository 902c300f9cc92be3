// SPDX-License-Identifier: Apache-2.0
// Members in their order, into one string that keeps its room.
#include "event/gate_decisions.h"

#include <cassert>

#include "event/cell_ref_members.h"
#include "event/text_pen.h"
#include "event/types.h"
#include "json/writer.h"

namespace event {
namespace {

constexpr std::string_view kTruncated = R"(,"truncated":true)";
// Names of members, numbers, and words that come from a closed list.
constexpr std::size_t kRest = 1024;

// `,"name":"text"`, or nothing.
std::string Member(std::string_view name, const std::optional<std::string>& text) {
  std::string member;
  if (!text) return member;
  member.append(",\"").append(name).append("\":");
  json::AppendString(member, *text);
  return member;
}

std::string CorrelationOf(const CellRef& cell) {
  if (!cell.correlation) return {};
  Object object;
  AddCorrelation(object, cell);
  std::string text = object.Take();
  text.front() = ',';
  text.pop_back();
  return text;
}

}  // namespace

GateDecisionWriter::Value GateDecisionWriter::ValueOf(std::string_view text) {
  constexpr std::string_view kBefore = R"({"_":)";
  Object object;
  object.AddCut("_", text);
  Value value{.json = object.Take()};
  value.json.pop_back();
  value.cut = value.json.ends_with(kTruncated);
  if (value.cut) value.json.resize(value.json.size() - kTruncated.size());
  value.json.erase(0, kBefore.size());
  return value;
}

GateDecisionWriter::GateDecisionWriter(const CellRef& cell, const Run& run) {
  cell_ = Member("cellId", cell.cell_id).substr(1);
  run_ = Member("runId", cell.run_id);
  run_schema_ = run_ + R"(,"schemaVersion":"1.0.0")";
  cell_decision_ = cell_;
  if (cell.correlation && cell.correlation->correlation_id) {
    const Value id = ValueOf(*cell.correlation->correlation_id);
    correlation_cut_ = id.cut;
    cell_decision_ += R"(,"correlationId":)" + id.json;
  }
  cell_decision_ += R"(,"decision":")";
  const auto& trust = run.query_trust;
  query_trust_ =
      '"' + Member("issuerKid", trust.issuer_kid) + Member("keysetId", trust.keyset_id) + R"(,"observedAt":")";
  query_policy_ = '"' + Member("policyDigest", trust.policy_digest) + R"(,"queryId":")";
  l7_cell_ = "\"," + cell_ + CorrelationOf(cell) + R"(,"decisionId":")";
  const auto& l7 = run.l7_trust;
  l7_trust_ = '"' + Member("issuerKid", l7.issuer_kid.empty() ? std::string(kL7Issuer) : l7.issuer_kid) +
              Member("keysetId", l7.keyset_id) + Member("policyDigest", run.policy_digest) + R"(,"reasonCode":")";
  l7_run_ = run_ + R"(,"sniHost":)";
  l7_spec_ = Member("specId", cell.spec_id);
  for (const std::string& id : run.resolvers) resolvers_.push_back(ValueOf(id));
  if (resolvers_.empty()) resolvers_.push_back(ValueOf(""));
}

const GateDecisionWriter::Value& GateDecisionWriter::Resolver(const Query& query) const {
  return query.upstream->resolver < resolvers_.size() ? resolvers_[query.upstream->resolver] : resolvers_.front();
}

std::string_view GateDecisionWriter::Escaped(std::string_view text) {
  assert(text.size() <= kMaxName);
  name_.clear();
  json::AppendString(name_, text);
  return name_;
}

const Draft& GateDecisionWriter::Finish(std::string_view type, std::string_view source, Observer observer,
                                        const Moment& when) {
  draft_.type = type;
  draft_.source = source;
  draft_.observer = observer;
  draft_.observed_at = when.boot;
  draft_.time = when.wall;
  return draft_;
}

const Draft& GateDecisionWriter::PermittedEvent(const Query& query, const Moment& when) {
  const std::string_view name = Escaped(query.name);
  const Value& resolver = Resolver(query);
  const std::size_t room =
      kRest + cell_.size() + name.size() + query.type.size() + resolver.json.size() + run_schema_.size();
  draft_.data.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    TextPen pen(begin);
    pen.Text("{").Text(cell_).Text(R"(,"queryName":)").Text(name);
    pen.Text(R"(,"queryType":")").Text(query.type).Text(R"(","resolver":)").Text(resolver.json).Text(run_schema_);
    if (resolver.cut) pen.Text(kTruncated);
    pen.Text("}");
    return static_cast<std::size_t>(pen.end() - begin);
  });
  return Finish(kDnsQueryPermitted, kSourceDnsProxy, Observer::kGateDns, when);
}

const Draft& GateDecisionWriter::QueryEvent(const Query& query, const Moment& when) {
  const std::string_view name = Escaped(query.name);
  const Value* resolver = query.upstream ? &Resolver(query) : nullptr;
  const std::size_t room = kRest + query.asked_server.size() + cell_decision_.size() + query_trust_.size() +
                           when.text.size() + query_policy_.size() + query.id.size() + name.size() + query.type.size() +
                           query.reason_code.size() + query.rule_ref.size() + run_schema_.size() +
                           query.transport.size() + (resolver != nullptr ? resolver->json.size() : 0);
  draft_.data.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    TextPen pen(begin);
    pen.Text(R"({"askedServer":")").Text(query.asked_server).Text("\",").Text(cell_decision_);
    pen.Text(query.allowed ? "allow" : "deny").Text(query_trust_).Text(when.text).Text(query_policy_).Text(query.id);
    pen.Text(R"(","queryName":)").Text(name).Text(R"(,"queryType":")").Text(query.type);
    pen.Text(R"(","reasonCode":")").Text(query.reason_code).Text("\"");
    if (query.rcode) pen.Text(R"(,"responseRcode":)").Decimal(*query.rcode);
    if (resolver != nullptr) pen.Text(R"(,"responseTargetCount":)").Decimal(query.upstream->targets);
    if (!query.rule_ref.empty()) pen.Text(R"(,"ruleRef":")").Text(query.rule_ref).Text("\"");
    pen.Text(run_schema_).Text(R"(,"transport":")").Text(query.transport).Text("\"");
    if (correlation_cut_ || (resolver != nullptr && resolver->cut)) pen.Text(kTruncated);
    if (resolver != nullptr) {
      pen.Text(R"(,"upstreamLatencyMs":)").Decimal(query.upstream->latency_ms);
      pen.Text(R"(,"upstreamResolverId":)").Text(resolver->json);
    }
    pen.Text("}");
    return static_cast<std::size_t>(pen.end() - begin);
  });
  return Finish(kDnsQuery, kSourceDnsProxy, Observer::kGateDns, when);
}

const Draft& GateDecisionWriter::FlowEvent(const Flow& flow, const Moment& when) {
  assert(flow.alpn.size() <= kMaxName);
  const std::string_view name = Escaped(flow.name);
  alpn_.clear();
  json::AppendString(alpn_, flow.alpn);
  const std::size_t room = kRest + alpn_.size() + cell_decision_.size() + 2 * flow.id.size() + flow.destination.size() +
                           2 * name.size() + when.text.size() + flow.protocol.size() + flow.query.size() +
                           flow.reason_code.size() + flow.rule_ref.size() + run_schema_.size();
  draft_.data.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    TextPen pen(begin);
    pen.Text("{");
    if (!flow.alpn.empty()) pen.Text(R"("alpn":)").Text(alpn_).Text(",");
    pen.Text(cell_decision_).Text(flow.allowed ? "allow" : "deny").Text(R"(","decisionId":")").Text(flow.id);
    pen.Text(R"(","direction":"egress","dstAddr":")").Text(flow.destination).Text(R"(","dstPort":)").Decimal(flow.port);
    pen.Text(R"(,"flowId":")").Text(flow.id).Text("\"");
    if (flow.has_host) pen.Text(R"(,"httpHost":)").Text(name);
    pen.Text(R"(,"observedAt":")").Text(when.text).Text(R"(","protocol":")").Text(flow.protocol).Text("\"");
    if (!flow.query.empty()) pen.Text(R"(,"query":)").Text(flow.query);
    pen.Text(R"(,"reasonCode":")").Text(flow.reason_code).Text("\"");
    if (!flow.rule_ref.empty()) pen.Text(R"(,"ruleRef":")").Text(flow.rule_ref).Text("\"");
    pen.Text(run_schema_);
    if (flow.has_sni) pen.Text(R"(,"sni":)").Text(name);
    if (flow.source_port != 0) pen.Text(R"(,"srcPort":)").Decimal(flow.source_port);
    if (correlation_cut_) pen.Text(kTruncated);
    pen.Text("}");
    return static_cast<std::size_t>(pen.end() - begin);
  });
  return Finish(kNetworkFlowDecision, kSourceSupervisor, Observer::kGateFlow, when);
}

const Draft& GateDecisionWriter::ClosedEvent(const Closed& closed, const Moment& when) {
  const std::size_t room =
      kRest + cell_.size() + closed.closed_by.size() + closed.flow_id.size() + closed.reason_code.size() + run_.size();
  draft_.data.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    TextPen pen(begin);
    pen.Text(R"({"bytesIn":)").Decimal(closed.bytes_in).Text(R"(,"bytesOut":)").Decimal(closed.bytes_out);
    pen.Text(",").Text(cell_).Text(R"(,"closedBy":")").Text(closed.closed_by);
    pen.Text(R"(","durationMs":)").Decimal(closed.duration_ms).Text(R"(,"flowId":")").Text(closed.flow_id).Text("\"");
    if (!closed.reason_code.empty()) pen.Text(R"(,"reasonCode":")").Text(closed.reason_code).Text("\"");
    pen.Text(run_).Text("}");
    return static_cast<std::size_t>(pen.end() - begin);
  });
  return Finish(kNetworkFlowClosed, kSourceSupervisor, Observer::kGateFlow, when);
}

const Draft& GateDecisionWriter::L7Event(const L7& decision, const Moment& when) {
  const std::string_view name = Escaped(decision.name), flow = decision.flow_id.value_or(std::string_view());
  const std::size_t room = kRest + l7_cell_.size() + decision.id.size() + flow.size() + l7_trust_.size() +
                           decision.reason_code.size() + decision.rule_ref.size() + l7_run_.size() + name.size() +
                           l7_spec_.size();
  draft_.data.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    TextPen pen(begin);
    pen.Text(R"({"action":")").Text(decision.allowed ? "allow" : "deny").Text(l7_cell_).Text(decision.id);
    if (decision.flow_id) pen.Text(R"(","flowId":")").Text(flow);
    pen.Text(l7_trust_).Text(decision.reason_code).Text("\"");
    if (!decision.rule_ref.empty()) pen.Text(R"(,"ruleRef":")").Text(decision.rule_ref).Text("\"");
    pen.Text(l7_run_).Text(name).Text(l7_spec_);
    if (decision.stream != 0) pen.Text(R"(,"streamId":)").Decimal(decision.stream);
    pen.Text("}");
    return static_cast<std::size_t>(pen.end() - begin);
  });
  return Finish(kL7EgressDecision, kSourceSniProxy, Observer::kGateL7, when);
}

}  // namespace event
