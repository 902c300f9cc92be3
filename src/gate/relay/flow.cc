// SPDX-License-Identifier: Apache-2.0
// A connection's phases up to the moment when bytes are merely moved.
#include "gate/relay/flow.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

namespace gate {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRefusalIsRead{100};  // before the reset, which would overtake the reply

wire::RuleRef Limits() {
  return {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(wire::BuiltinRule::kLimits)};
}

}  // namespace

void Flow::Start(base::UniqueFd client, const base::IpEndpoint& peer, const base::IpEndpoint& to, FlowVerdict verdict) {
  ++generation_;
  id_ = relay_.parts_.reporter.NewId();
  client_ = std::move(client);
  to_ = to;
  source_port_ = peer.port;
  rule_ = verdict.rule;
  query_ = verdict.query;
  name_.clear();
  alpn_.clear();
  held_.clear();
  has_sni_ = has_host_ = false;
  to_server_ = {};
  to_client_ = {};
  unseen_ = 0;
  client_readable_ = server_readable_ = server_writable_ = false;
  client_writable_ = true;
  client_watched_ = client_output_ = server_output_ = client_told_ = server_told_ = told_ = one_ended_ = client_ended_ =
      server_ended_ = false;
  opened_ = active_ = relay_.parts_.loop.Now();
  inspector_.reset();  // of the connection that this object served before
  if (!verdict.inspect) return Dial(rule_.index);
  phase_ = Phase::kPeeking;
  deadline_ = opened_ + milliseconds(relay_.parts_.grants.limits().peek_ms);
  inspector_ = std::make_unique<l7::Inspector>(relay_.parts_.grants.rules(), std::move(verdict.candidates));
  WatchClient(false);
}

// Edge-triggered: one call per socket and flow, and one more for a socket that was full; readiness is kept here.
void Flow::WatchClient(bool output) {
  const std::uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (output ? std::uint32_t{EPOLLOUT} : 0u);
  client_watched_ = relay_.parts_.loop.Watch(client_.get(), events, this).has_value();
  client_output_ = output;
  if (!client_watched_) EndBy(wire::GateReason::kGateLimit, Limits());
}

void Flow::WatchServer(bool output) {
  const std::uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (output ? std::uint32_t{EPOLLOUT} : 0u);
  server_output_ = output;
  if (!relay_.parts_.loop.Watch(server_.get(), events, this)) EndBy(wire::GateReason::kGateLimit, Limits());
}

void Flow::OnReady(int fd, std::uint32_t events) {
  active_ = relay_.parts_.loop.Now();
  if (fd == client_.get()) return OnClient(events);
  if (fd == server_.get()) return OnServer(events);
}

void Flow::OnClient(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) client_ended_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) client_readable_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) client_writable_ = true;
  switch (phase_) {
    case Phase::kPeeking:
      Peek();
      return;
    case Phase::kOpen:
      return Pump();
    case Phase::kRefused:
      Drain();
      return;
    case Phase::kConnecting:  // what comes now waits, but a workload that is gone is not dialled for
      if ((events & (EPOLLHUP | EPOLLERR)) != 0) Break(wire::ClosedBy::kWorkload);
      return;
    case Phase::kFree:
      return;
  }
}

void Flow::OnServer(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) server_ended_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) server_readable_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) server_writable_ = true;
  if (phase_ == Phase::kOpen) return Pump();
  if (phase_ != Phase::kConnecting) return;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    if (const int error = sys::TakeSocketError(server_.get()); error != 0) return ConnectFailed(error);
  }
  if ((events & EPOLLOUT) != 0) Connected();
}

bool Flow::Peek() {
  while (phase_ == Phase::kPeeking && client_readable_) {
    const long got = sys::Receive(client_.get(), relay_.scratch_);
    if (got == -EAGAIN) {
      client_readable_ = false;
      return true;
    }
    l7::Output output;
    if (got <= 0) {  // ended or reset: either way it is judged, and told
      to_server_.End();
      client_readable_ = false;
      inspector_->ClientEnded(&output);
    } else {
      to_server_.CountRead(static_cast<std::uint64_t>(got));
      if (static_cast<std::size_t>(got) < relay_.scratch_.size() && !client_ended_) client_readable_ = false;
      inspector_->FromClient({relay_.scratch_.data(), static_cast<std::size_t>(got)}, &output);
    }
    if (!Use(output)) return false;
    // A first stream of h2c that is refused, and maybe no other: told at once. What does not fit waits for the rest.
    if (phase_ == Phase::kPeeking && !to_client_.held().empty()) (void)to_client_.Write(client_.get());
  }
  return phase_ != Phase::kFree;
}

bool Flow::Use(l7::Output& output) {
  for (l7::Decision& decision : output.decisions) {
    if (decision.allowed()) {
      has_sni_ = decision.has_sni;
      has_host_ = decision.has_host;
      name_ = decision.name;
      if (!decision.alpn.empty()) alpn_ = decision.alpn;
      if (!told_) rule_ = decision.rule;
    }
    if (decision.allowed() && !told_) {
      held_.push_back(std::move(decision));
    } else {
      ReportDecision(decision);
    }
  }
  if (output.next == l7::Next::kEnd) {
    wire::GateReason reason = wire::GateReason::kNone;
    wire::RuleRef rule = {};
    for (const l7::Decision& decision : output.decisions) {
      if (decision.allowed()) continue;
      reason = decision.reason;
      rule = decision.rule;
    }
    if (told_) ReportClosed(wire::ClosedBy::kGate, reason, rule);
    return RefuseWith(std::move(output.to_client));
  }
  unseen_ += output.unseen;
  to_client_.held() += output.to_client;
  to_server_.held() += output.to_server;
  if (output.next == l7::Next::kSplice) inspector_.reset();
  if (phase_ == Phase::kPeeking && !to_server_.held().empty()) Dial(rule_.index);
  return phase_ != Phase::kFree && phase_ != Phase::kRefused;
}

void Flow::Dial(std::uint32_t rule_index) {
  phase_ = Phase::kConnecting;
  deadline_ = relay_.parts_.loop.Now() + milliseconds(relay_.parts_.grants.limits().connect_ms);
  wire::DialRequest request;
  request.index = rule_index;
  request.port = to_.port;
  request.v6 = to_.address.v6 ? 1 : 0;
  std::memcpy(request.address, to_.address.bytes.data(), sizeof request.address);
  ticket_ = relay_.parts_.dialler.Dial(request,
                                       [this](base::Result<base::UniqueFd> dialled) { OnDialled(std::move(dialled)); });
}

void Flow::OnDialled(base::Result<base::UniqueFd> dialled) {
  ticket_ = 0;
  if (!dialled) return ConnectFailed(dialled.error().os_errno);
  server_ = std::move(*dialled);
  const bool connected = TryConnected();
  WatchServer(!connected);
  if (connected && phase_ == Phase::kConnecting) Connected();
}

// On a short way the connection stands already, and takes the first bytes; else they wait for the event, which also tells
// why it failed.
bool Flow::TryConnected() {
  const std::uint64_t before = to_server_.written();
  server_writable_ = !to_server_.held().empty() && to_server_.Write(server_.get()) != Moved::kTargetBroken &&
                     to_server_.written() != before;
  return server_writable_;
}

void Flow::Connected() {
  phase_ = Phase::kOpen;
  --relay_.half_open_;
  (void)sys::SetNoDelay(server_.get());  // only slower without
  ReportFlow(wire::GateReason::kGateGrantMatch, 0);
  told_ = true;
  for (const l7::Decision& decision : held_) ReportDecision(decision);
  held_.clear();
  if (!client_watched_) WatchClient(false);
  if (phase_ == Phase::kOpen) Pump();
}

void Flow::ConnectFailed(int error) {
  const bool full = error == EAGAIN || error == EMFILE || error == ENFILE;
  ReportFlow(full ? wire::GateReason::kGateLimit : wire::GateReason::kGateUpstreamFailure, error);
  for (const l7::Decision& decision : held_) ReportDecision(decision);
  held_.clear();
  l7::Output output;
  if (inspector_) inspector_->UpstreamFailed(&output);
  RefuseWith(std::move(output.to_client));
}

bool Flow::RefuseWith(std::string reply) {
  told_ = false;  // everything is said
  if (ticket_ != 0) relay_.parts_.dialler.Cancel(std::exchange(ticket_, 0));
  if (server_) {
    sys::SetResetOnClose(server_.get());
    relay_.parts_.loop.Forget(server_.get());
    server_.Reset();
  }
  if (phase_ == Phase::kOpen) ++relay_.half_open_;
  phase_ = Phase::kRefused;
  deadline_ = relay_.parts_.loop.Now() + kRefusalIsRead;
  // What the server said before is owed to the workload first; what does not fit now is not waited for.
  to_client_.held() += reply;
  if (to_client_.held().empty() || to_client_.Write(client_.get()) != Moved::kSome) {
    Finish(wire::ClosedBy::kGate, wire::GateReason::kNone, {}, true);
    return false;
  }
  if (!client_watched_) WatchClient(false);
  return Drain();
}

// Unread bytes would make the reset overtake the reply.
bool Flow::Drain() {
  for (int i = 0; i < 4 && client_readable_; ++i) {
    const long got = sys::Receive(client_.get(), relay_.scratch_);
    if (got == -EAGAIN) client_readable_ = false;
    if (got > 0 || got == -EAGAIN) continue;
    Finish(wire::ClosedBy::kGate, wire::GateReason::kNone, {}, true);
    return false;
  }
  if (client_readable_) relay_.RunAgain(this);
  return false;
}

void Flow::Check(base::BootTime now) {
  const wire::GateLimits& limits = relay_.parts_.grants.limits();
  switch (phase_) {
    case Phase::kPeeking: {
      if (now < deadline_) return;
      l7::Output output;
      inspector_->TimedOut(&output);
      Use(output);
      return;
    }
    case Phase::kConnecting:
      if (now >= deadline_) ConnectFailed(ETIMEDOUT);
      return;
    case Phase::kRefused:
      if (now >= deadline_) Finish(wire::ClosedBy::kGate, wire::GateReason::kNone, {}, true);
      return;
    case Phase::kOpen:
      if (limits.flow_ms != 0 && now - opened_ >= milliseconds(limits.flow_ms)) {
        return EndBy(wire::GateReason::kGateBudget, Limits());
      }
      if (now - active_ >= milliseconds(limits.idle_ms)) EndBy(wire::GateReason::kGateLimit, Limits());
      return;
    case Phase::kFree:
      return;
  }
}

void Flow::EndBy(wire::GateReason reason, wire::RuleRef rule) {
  if (phase_ == Phase::kFree) return;
  if (!told_ && phase_ != Phase::kRefused) {
    rule_ = rule;
    ReportFlow(reason, 0);
  }
  Finish(wire::ClosedBy::kGate, reason, rule, true);
}

}  // namespace gate
