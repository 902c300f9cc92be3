// SPDX-License-Identifier: Apache-2.0
// Accepting, judging, and what all connections share.
#include "gate/relay/relay.h"

#include <errno.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "gate/relay/flow.h"

namespace gate {
namespace {

using std::chrono::milliseconds;

constexpr int kAcceptsPerRound = 64;
constexpr std::size_t kScratchBytes = 64 << 10;
constexpr milliseconds kPause{20};  // of accepting, when descriptors or the records' queue are short

wire::RuleRef Builtin(wire::BuiltinRule rule) {
  return {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(rule)};
}

// The cell's own addresses, which the table calls loopback too: nothing steers a connection to them here, unless a rule
// names that very address, which then is the host's.
bool IsOfTheCell(const Grants& grants, const base::IpAddress& address) {
  if (base::ClassOf(address) != base::AddressClass::kLoopback) return false;
  std::vector<std::uint32_t> literals;
  grants.LiteralsOf(address, &literals);
  return literals.empty();
}

}  // namespace

Relay::Relay(const RelayParts& parts, const RelayListeners& listeners, const RelayBounds& bounds)
    : parts_(parts),
      listeners_(listeners),
      bounds_(bounds),
      pipes_(bounds.pipes),
      room_(std::make_unique_for_overwrite<std::uint8_t[]>(kScratchBytes)),
      scratch_(room_.get(), kScratchBytes) {}

base::Result<std::unique_ptr<Relay>> Relay::Create(const RelayParts& parts, const RelayListeners& listeners,
                                                   const RelayBounds& bounds) {
  std::unique_ptr<Relay> relay(new Relay(parts, listeners, bounds));
  for (const int listener : {listeners.tcp4, listeners.tcp6}) {
    if (listener >= 0) TRY(parts.loop.Watch(listener, EPOLLIN, relay.get()));
  }
  return relay;
}

Relay::~Relay() {
  while (!live_.empty()) live_.back()->EndBy(wire::GateReason::kGateRevoked, {});
  for (const Loop::TimerId timer : {tick_, again_timer_, resume_}) parts_.loop.Cancel(timer);
  for (const int listener : {listeners_.tcp4, listeners_.tcp6}) parts_.loop.Unwatch(listener);
}

void Relay::OnReady(int fd, std::uint32_t) {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    if (parts_.congested() && !revoked_) return Pause();
    if (!AcceptOne(fd)) return;
  }
}

bool Relay::AcceptOne(int listener) {
  base::IpEndpoint peer;
  const long accepted = sys::AcceptInet(listener, &peer);
  if (accepted == -ECONNABORTED) return true;
  if (accepted == -EMFILE || accepted == -ENFILE || accepted == -ENOMEM || accepted == -ENOBUFS) {
    if (!EvictSilent()) Pause();
    return false;
  }
  if (accepted < 0) return false;
  ++totals_.relay_accepts;
  Admit(base::UniqueFd(static_cast<int>(accepted)), peer, listener == listeners_.tcp6);
  return true;
}

void Relay::Admit(base::UniqueFd client, const base::IpEndpoint& peer, bool v6) {
  base::IpEndpoint to;
  FlowVerdict verdict;
  if (!parts_.destinations.Of(client.get(), v6, &to) || IsOfTheCell(parts_.grants, to.address)) {
    verdict.reason = wire::GateReason::kGateNotRedirected;
    verdict.rule = Builtin(wire::BuiltinRule::kGateListener);
  } else if (revoked_) {
    verdict.reason = wire::GateReason::kGateRevoked;
    verdict.rule = {wire::RuleKind::kDefault, {}, 0};
  } else {
    verdict = JudgeFlow(parts_.grants, parts_.credits, to, false, parts_.loop.Now());
    if (verdict.reason == wire::GateReason::kGateGrantMatch && !MakeRoom()) {
      verdict.reason = wire::GateReason::kGateLimit;
      verdict.rule = Builtin(wire::BuiltinRule::kLimits);
    }
  }
  if (verdict.reason != wire::GateReason::kGateGrantMatch) return Refuse(std::move(client), peer, to, verdict);
  Flow* flow = NewFlow();
  ++half_open_;
  if (verdict.inspect) silent_.emplace_back(flow, flow->generation() + 1);
  flow->Start(std::move(client), peer, to, std::move(verdict));
}

void Relay::Refuse(base::UniqueFd client, const base::IpEndpoint& peer, const base::IpEndpoint& to,
                   const FlowVerdict& verdict) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlow;
  record.reason = verdict.reason;
  record.rule = verdict.rule;
  record.port = to.port;
  record.source_port = peer.port;
  record.v6 = to.address.v6 ? 1 : 0;
  std::memcpy(record.address, to.address.bytes.data(), sizeof record.address);
  parts_.reporter.Report(record);
  ++totals_.flows_denied;
  sys::SetResetOnClose(client.get());
}

// A flow more than the bounds allow takes the place of one that has sent nothing for longest, if there is one.
bool Relay::MakeRoom() {
  if (live_.size() < bounds_.flows && half_open_ < bounds_.half_open) return true;
  return EvictSilent();
}

bool Relay::EvictSilent() {
  while (silent_begin_ < silent_.size()) {
    const auto [flow, generation] = silent_[silent_begin_++];
    if (flow->generation() != generation || !flow->silent()) continue;
    flow->EndBy(wire::GateReason::kGateLimit, Builtin(wire::BuiltinRule::kLimits));
    return true;
  }
  return false;
}

Flow* Relay::NewFlow() {
  if (free_.empty()) {
    flows_.push_back(std::make_unique<Flow>(*this));
    free_.push_back(flows_.back().get());
  }
  Flow* flow = free_.back();
  free_.pop_back();
  flow->position = live_.size();
  live_.push_back(flow);
  ArmTick();
  return flow;
}

void Relay::Release(Flow* flow) {
  live_.back()->position = flow->position;
  std::swap(live_[flow->position], live_.back());
  live_.pop_back();
  free_.push_back(flow);
  if (live_.empty()) {
    silent_.clear();
    silent_begin_ = 0;
  }
}

void Relay::RunAgain(Flow* flow) {
  if (std::exchange(flow->queued, true)) return;
  again_.push_back(flow);
  if (again_timer_ != 0) return;
  again_timer_ = parts_.loop.At(parts_.loop.Now(), [this] {
    again_timer_ = 0;
    running_.swap(again_);
    for (Flow* next : running_) {
      next->queued = false;
      next->Continue();
    }
    running_.clear();
  });
}

void Relay::ArmTick() {
  if (tick_ != 0) return;
  const milliseconds every = std::clamp(milliseconds(parts_.grants.limits().peek_ms / 8), milliseconds(5),
                                        milliseconds(100));
  tick_ = parts_.loop.At(parts_.loop.Now() + every, [this] {
    tick_ = 0;
    Tick();
    if (!live_.empty()) ArmTick();
  });
}

// From the end: a flow that ends takes itself out and puts a later one, seen already, into its place.
void Relay::Tick() {
  const base::BootTime now = parts_.loop.Now();
  for (std::size_t i = live_.size(); i > 0; --i) {
    if (i <= live_.size()) live_[i - 1]->Check(now);
  }
  if (silent_begin_ * 2 > silent_.size()) {
    silent_.erase(silent_.begin(), silent_.begin() + static_cast<std::ptrdiff_t>(silent_begin_));
    silent_begin_ = 0;
  }
  std::erase_if(silent_, [](const auto& entry) {
    return entry.first->generation() != entry.second || !entry.first->silent();
  });
}

void Relay::Pause() {
  if (resume_ != 0) return;
  for (const int listener : {listeners_.tcp4, listeners_.tcp6}) parts_.loop.Unwatch(listener);
  resume_ = parts_.loop.At(parts_.loop.Now() + kPause, [this] {
    resume_ = 0;
    Resume();
  });
}

void Relay::Resume() {
  for (const int listener : {listeners_.tcp4, listeners_.tcp6}) {
    if (listener >= 0) (void)parts_.loop.Watch(listener, EPOLLIN, this);
  }
}

void Relay::Revoke() {
  revoked_ = true;
  while (!live_.empty()) live_.back()->EndBy(wire::GateReason::kGateRevoked, {wire::RuleKind::kDefault, {}, 0});
}

void Relay::AddTo(wire::GateTotals* totals) const {
  totals->flows_allowed += totals_.flows_allowed;
  totals->flows_denied += totals_.flows_denied;
  totals->l7_allowed += totals_.l7_allowed;
  totals->l7_denied += totals_.l7_denied;
  totals->bytes_out += totals_.bytes_out;
  totals->bytes_in += totals_.bytes_in;
  totals->relay_accepts += totals_.relay_accepts;
}

}  // namespace gate
