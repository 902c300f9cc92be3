// SPDX-License-Identifier: Apache-2.0
// From a client's question to the upstream, or to the reply that needs none.
#include "gate/dns/proxy_core.h"

#include <algorithm>
#include <cstring>

#include "gate/dns/proxy_record.h"

namespace gate::dns {
namespace {

constexpr std::uint16_t kDnsPort = 53;

TcpEdgeLimits LimitsOf(const wire::GateLimits& limits) {
  TcpEdgeLimits edge;
  edge.clients = std::max(limits.tcp_dns_clients, 1u);
  edge.idle = std::chrono::milliseconds(limits.dns_idle_ms);
  edge.message = std::min(edge.message, edge.idle);
  edge.unread = std::min(edge.unread, edge.idle);
  return edge;
}

}  // namespace

Proxy::Core::Core(const ProxyParts& parts, const ProxySockets& sockets)
    : loop_(parts.loop), grants_(parts.grants), reporter_(parts.reporter), credits_(parts.credits),
      policy_(parts.grants), udp_(parts.loop, *this, sockets.udp4, sockets.udp6),
      tcp_(parts.loop, *this, *this, sockets.tcp4, sockets.tcp6, LimitsOf(parts.grants.limits())),
      upstream_(parts.loop, parts.grants, parts.dialler, *this, sockets.upstream),
      cache_(parts.grants.limits().cache_entries),
      budget_(parts.grants.limits().names_per_minute, parts.grants.limits().label_bytes_per_minute),
      refresh_(parts.loop, parts.grants, parts.reporter, *this), self_(std::make_shared<Core*>(this)) {
  const wire::GateConfigHeader& header = grants_.header();
  if (header.max_novel_ips > 0) {
    rebinding_.emplace(RebindPolicy{.cap = header.max_novel_ips, .reject = header.reject_on_rebind != 0});
  }
}

Proxy::Core::~Core() { *self_ = nullptr; }

base::Result<> Proxy::Core::Start() {
  TRY(upstream_.Start());
  TRY(udp_.Start());
  TRY(tcp_.Start());
  loop_.OnRoundEnd([self = self_] {
    if (*self != nullptr) (*self)->Flush();
  });
  refresh_.Start();
  return {};
}

void Proxy::Core::Flush() {
  udp_.Flush();
  tcp_.Flush();
}

void Proxy::Core::Revoke() {
  revoked_ = true;
  refresh_.Stop();
}

void Proxy::Core::AddTo(wire::GateTotals* totals) const {
  totals->queries += counters_.queries;
  totals->queries_allowed += counters_.queries_allowed;
  totals->queries_denied += counters_.queries_denied;
  totals->queries_malformed += counters_.queries_malformed;
  totals->upstream_failures += counters_.upstream_failures;
  totals->cache_hits += counters_.cache_hits;
  totals->upstream_ignored += upstream_.ignored();
}

wire::GateRecord Proxy::Core::QueryRecord(const Question& question, const Asker& asker) const {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kDnsQuery;
  record.type = question.type;
  record.port = kDnsPort;
  record.source_port = asker.port;
  record.v6 = asker.asked.v6;
  std::memcpy(record.address, asker.asked.bytes.data(), sizeof record.address);
  record.transport = asker.transport == EdgeTransport::kTcp ? 1 : 0;
  record.protocol = asker.transport == EdgeTransport::kTcp ? wire::IpProtocol::kTcp : wire::IpProtocol::kUdp;
  PutName(question.name(), &record);
  return record;
}

Taken Proxy::Core::OnQuestion(Bytes message, const Asker& asker) {
  if (revoked_) return Taken::kClose;
  Question question;
  const bool stream = asker.transport == EdgeTransport::kTcp;
  const Decision decision = Decide(message, stream ? ClientTransport::kTcp : ClientTransport::kUdp, grants_, &question);
  if (!stream || !message.empty()) ++counters_.queries;
  switch (decision.action) {
    case Action::kForward: return Forward(question, decision.rule, asker);
    case Action::kRefuse: Deny(question, asker, decision.reason, decision.rule, nullptr); return Taken::kHold;
    case Action::kDrop: break;
  }
  ++counters_.queries_malformed;
  question.name_size = 0;
  question.type = kTypeA;
  wire::GateRecord record = QueryRecord(question, asker);
  record.reason = decision.reason;
  record.rule = decision.rule;
  reporter_.Report(record);
  return Taken::kClose;
}

Taken Proxy::Core::Forward(const Question& question, wire::RuleRef rule, const Asker& asker) {
  const std::optional<QuestionKey> key = QuestionKey::Of(question);
  if (key) {
    std::uint32_t age_s = 0;
    if (const Served* served = cache_.Find(key->text(), loop_.Now(), &age_s)) {
      ++counters_.cache_hits;
      Serve(question, rule, asker, *served, age_s, nullptr);
      return Taken::kHold;
    }
    if (Join(question, asker, key->text())) return Taken::kHold;
  }
  if (!budget_.Spend(question.name(), loop_.Now())) {
    Deny(question, asker, wire::GateReason::kDeniedBudget, {wire::RuleKind::kBudget}, nullptr);
    return Taken::kHold;
  }
  const std::uint32_t index = NewJob(question);
  Job& job = *jobs_[index];
  job.asker = asker;
  job.rule = rule;
  if (key) {
    job.key = key->text();
    in_flight_.emplace(job.key, index);
  }
  if (!upstream_.Ask(index, job.question)) {
    FreeJob(index);
    Deny(question, asker, wire::GateReason::kUpstreamFailure,
         {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(wire::BuiltinRule::kLimits)}, nullptr);
  }
  return Taken::kHold;
}

// Waits for the answer to an equal question that is under way.
bool Proxy::Core::Join(const Question& question, const Asker& asker, std::string_view key) {
  const auto found = in_flight_.find(key);
  if (found == in_flight_.end() || joined_ >= kMaxJoined) return false;
  jobs_[found->second]->joined.push_back({asker, {question.message.begin(), question.message.end()}});
  ++joined_;
  return true;
}

std::uint32_t Proxy::Core::NewJob(const Question& question) {
  if (free_jobs_.empty()) {
    free_jobs_.push_back(static_cast<std::uint32_t>(jobs_.size()));
    jobs_.push_back(std::make_unique<Job>());
  }
  const std::uint32_t index = free_jobs_.back();
  free_jobs_.pop_back();
  Job& job = *jobs_[index];
  job.question = question;
  job.message.assign(question.message.begin(), question.message.end());
  job.question.message = job.message;
  job.refresh = false;
  return index;
}

void Proxy::Core::FreeJob(std::uint32_t index) {
  Job& job = *jobs_[index];
  if (!job.key.empty()) in_flight_.erase(job.key);
  job.key.clear();
  joined_ -= job.joined.size();
  job.joined.clear();
  free_jobs_.push_back(index);
}

void Proxy::Core::Reply(const Question& question, const Asker& asker, Bytes message) {
  if (asker.transport == EdgeTransport::kTcp) return tcp_.Answer(asker, message);
  const std::size_t limit = UdpLimit(question);
  if (message.size() <= limit) return udp_.Answer(asker, message);
  std::vector<std::uint8_t> cut(message.begin(), message.end());
  udp_.Answer(asker, Bytes(cut).first(CutForUdp(cut, limit)));
}

void Proxy::Core::Deny(const Question& question, const Asker& asker, wire::GateReason reason, wire::RuleRef rule,
                       const Outcome* outcome) {
  ++(reason == wire::GateReason::kUpstreamFailure ? counters_.upstream_failures : counters_.queries_denied);
  std::array<std::uint8_t, kMaxReplyBytes> reply;
  Reply(question, asker, Bytes(reply).first(WriteDenial(question, reason, rule, reply)));
  wire::GateRecord record = QueryRecord(question, asker);
  record.reason = reason;
  record.rule = rule;
  record.rcode = RcodeOf(reason);
  if (outcome != nullptr) {
    record.resolver = outcome->resolver;
    record.latency_us = outcome->latency_us;
  }
  reporter_.Report(record);
}

// A stream client that gets no place, or loses it to another, is told as a connection that met the limit.
void Proxy::Core::OnClientCut(const Asker& asker) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlow;
  record.reason = wire::GateReason::kGateLimit;
  record.rule = {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(wire::BuiltinRule::kLimits)};
  record.port = kDnsPort;
  record.source_port = asker.port;
  record.v6 = asker.asked.v6;
  std::memcpy(record.address, asker.asked.bytes.data(), sizeof record.address);
  PutName({}, &record);
  reporter_.Report(record);
}

}  // namespace gate::dns
