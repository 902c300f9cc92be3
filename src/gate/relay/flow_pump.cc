// SPDX-License-Identifier: Apache-2.0
// A connection's bytes, both ways: back-pressure, half-close, bounds, the end.
#include <errno.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "gate/relay/flow.h"

namespace gate {
namespace {

// Then other flows have their turn.
constexpr int kStepsPerTurn = 16;
constexpr std::uint64_t kBytesPerTurn = 1 << 20;
constexpr std::size_t kShown = 16 << 10;

void CopyText(char* to, std::size_t size, std::string_view text) {
  std::memcpy(to, text.data(), std::min(text.size(), size - 1));
}

}  // namespace

void Flow::Pump() {
  const std::uint64_t most = to_server_.read() + to_client_.read() + kBytesPerTurn;
  for (int step = 0; step < kStepsPerTurn && to_server_.read() + to_client_.read() < most; ++step) {
    const Left to_server = StepToServer();
    if (to_server == Left::kGone) return;
    const Left to_client = StepToClient();
    if (to_client == Left::kGone) return;
    if (to_server == Left::kWaiting && to_client == Left::kWaiting) return EndIfDone();
  }
  relay_.RunAgain(this);
}

void Flow::Continue() {
  if (phase_ == Phase::kOpen) Pump();
  if (phase_ == Phase::kRefused) Drain();
}

std::uint64_t Flow::Allowance(bool to_server) const {
  const auto left = [](std::uint64_t bound, std::uint64_t used) {
    if (bound == 0) return std::numeric_limits<std::uint64_t>::max();
    return used >= bound ? 0 : bound - used;
  };
  const wire::GateLimits& limits = relay_.parts_.grants.limits();
  const std::uint64_t both = left(limits.flow_bytes, to_server_.read() + to_client_.read());
  return to_server ? std::min(both, left(limits.flow_bytes_out, to_server_.read())) : both;
}

Flow::Left Flow::WriteHeld(bool to_server) {
  Stream& stream = to_server ? to_server_ : to_client_;
  if (!(to_server ? server_writable_ : client_writable_)) return Left::kWaiting;
  return After(stream.Write(to_server ? server_.get() : client_.get()), to_server, false);
}

Flow::Left Flow::StepToServer() {
  if (!to_server_.Drained()) return WriteHeld(true);
  if (to_server_.Ended()) return PassEnd(true);
  if (!client_readable_) return Left::kWaiting;
  const std::uint64_t allowance = Allowance(true);
  if (allowance == 0) {
    EndBy(wire::GateReason::kGateBudget, {wire::RuleKind::kBuiltin, {}, std::uint32_t(wire::BuiltinRule::kLimits)});
    return Left::kGone;
  }
  if (inspector_ && unseen_ == 0) return ShowToInspector(true);
  const std::uint64_t before = to_server_.read();
  const std::uint64_t most = inspector_ ? std::min(unseen_, allowance) : allowance;
  const Moved moved = to_server_.Step(client_.get(), server_.get(), most, relay_.scratch_, relay_.pipes_);
  if (inspector_) unseen_ -= to_server_.read() - before;
  return After(moved, true, to_server_.short_read());
}

Flow::Left Flow::StepToClient() {
  if (!to_client_.Drained()) return WriteHeld(false);
  if (to_client_.Ended()) return PassEnd(false);
  if (!server_readable_) return Left::kWaiting;
  const std::uint64_t allowance = Allowance(false);
  if (allowance == 0) {
    EndBy(wire::GateReason::kGateBudget, {wire::RuleKind::kBuiltin, {}, std::uint32_t(wire::BuiltinRule::kLimits)});
    return Left::kGone;
  }
  if (inspector_ && inspector_->WantsServerBytes()) return ShowToInspector(false);
  const Moved moved = to_client_.Step(server_.get(), client_.get(), allowance, relay_.scratch_, relay_.pipes_);
  if (inspector_ && (moved == Moved::kSome || moved == Moved::kTargetFull)) inspector_->ServerSpoke();
  return After(moved, false, to_client_.short_read());
}

Flow::Left Flow::ShowToInspector(bool from_client) {
  Stream& stream = from_client ? to_server_ : to_client_;
  bool& readable = from_client ? client_readable_ : server_readable_;
  const std::span<std::uint8_t> buffer(relay_.scratch_.data(),
                                       static_cast<std::size_t>(std::min<std::uint64_t>(kShown, Allowance(from_client))));
  const long got = sys::Receive(from_client ? client_.get() : server_.get(), buffer);
  if (got == -EAGAIN) {
    readable = false;
    return Left::kWaiting;
  }
  if (got < 0) return After(Moved::kSourceBroken, from_client, false);
  l7::Output output;
  if (got == 0) {
    stream.End();
    NoteEnd(from_client ? wire::ClosedBy::kWorkload : wire::ClosedBy::kPeer);
    if (from_client) inspector_->ClientEnded(&output);
  } else {
    stream.CountRead(static_cast<std::uint64_t>(got));
    const auto bytes = buffer.first(static_cast<std::size_t>(got));
    from_client ? inspector_->FromClient(bytes, &output) : inspector_->FromServer(bytes, &output);
    if (bytes.size() < buffer.size() && !(from_client ? client_ended_ : server_ended_)) readable = false;
  }
  return Use(output) ? Left::kMore : Left::kGone;
}

Flow::Left Flow::After(Moved moved, bool to_server, bool short_read) {
  bool& readable = to_server ? client_readable_ : server_readable_;
  const bool ended = to_server ? client_ended_ : server_ended_;
  switch (moved) {
    case Moved::kSome:
      if (short_read && !ended) readable = false;
      return Left::kMore;
    case Moved::kSourceEmpty:
      readable = false;
      return Left::kWaiting;
    case Moved::kTargetFull:
      (to_server ? server_writable_ : client_writable_) = false;
      if (!to_server && !client_output_) WatchClient(true);
      if (to_server && !server_output_) WatchServer(true);
      return phase_ == Phase::kOpen ? Left::kWaiting : Left::kGone;
    case Moved::kEnd:
      NoteEnd(to_server ? wire::ClosedBy::kWorkload : wire::ClosedBy::kPeer);
      return Left::kMore;
    case Moved::kSourceBroken:
    case Moved::kTargetBroken: {
      const bool workload = (moved == Moved::kSourceBroken) == to_server;
      Break(workload ? wire::ClosedBy::kWorkload : wire::ClosedBy::kPeer);
      return Left::kGone;
    }
  }
  return Left::kWaiting;
}

void Flow::NoteEnd(wire::ClosedBy side) {
  if (!std::exchange(one_ended_, true)) first_end_ = side;
}

// The end of one side is told to the other, unless closing does that anyhow.
Flow::Left Flow::PassEnd(bool to_server) {
  bool& told = to_server ? server_told_ : client_told_;
  if (std::exchange(told, true)) return Left::kWaiting;
  const Stream& other = to_server ? to_client_ : to_server_;
  if (!other.Ended() || !other.Drained()) sys::ShutdownWrite(to_server ? server_.get() : client_.get());
  return Left::kWaiting;
}

void Flow::EndIfDone() {
  if (!to_server_.Ended() || !to_client_.Ended() || !to_server_.Drained() || !to_client_.Drained()) return;
  Finish(first_end_, wire::GateReason::kNone, {}, false);
}

// A reset of one side becomes a reset of the other.
void Flow::Break(wire::ClosedBy by) {
  if (!told_ && phase_ == Phase::kConnecting) ReportFlow(wire::GateReason::kGateUpstreamFailure, ECONNABORTED);
  if (phase_ == Phase::kOpen && by == wire::ClosedBy::kPeer && !to_client_.Drained()) to_client_.Write(client_.get());
  // The broken side needs no reset any more.
  if (base::UniqueFd& broken = by == wire::ClosedBy::kPeer ? server_ : client_; broken) {
    relay_.parts_.loop.Forget(broken.get());
    broken.Reset();
  }
  Finish(by, wire::GateReason::kNone, {}, true);
}

void Flow::Finish(wire::ClosedBy by, wire::GateReason reason, wire::RuleRef rule, bool reset) {
  if (told_) ReportClosed(by, reason, rule);
  if (ticket_ != 0) relay_.parts_.dialler.Cancel(std::exchange(ticket_, 0));
  if (half_open()) --relay_.half_open_;
  phase_ = Phase::kFree;
  for (base::UniqueFd* socket : {&client_, &server_}) {
    if (!*socket) continue;
    if (reset) sys::SetResetOnClose(socket->get());
    relay_.parts_.loop.Forget(socket->get());
    socket->Reset();
  }
  relay_.totals_.bytes_out += to_server_.written();
  relay_.totals_.bytes_in += to_client_.read();
  to_server_.Close(relay_.pipes_);
  to_client_.Close(relay_.pipes_);
  relay_.Release(this);
}

void Flow::Describe(wire::GateRecord* record) const {
  record->id = id_;
  record->query = query_;
  record->port = to_.port;
  record->source_port = source_port_;
  record->v6 = to_.address.v6 ? 1 : 0;
  std::memcpy(record->address, to_.address.bytes.data(), sizeof record->address);
}

void Flow::ReportDecision(const l7::Decision& decision) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kL7;
  Describe(&record);
  decision.Fill(&record);
  ++(decision.allowed() ? relay_.totals_.l7_allowed : relay_.totals_.l7_denied);
  relay_.parts_.reporter.Report(record);
}

void Flow::ReportFlow(wire::GateReason reason, int error) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlow;
  Describe(&record);
  record.reason = reason;
  record.rule = rule_;
  record.code = static_cast<std::uint32_t>(error);
  record.has_sni = has_sni_ ? 1 : 0;
  record.has_host = has_host_ ? 1 : 0;
  CopyText(record.name, sizeof record.name, name_);
  CopyText(record.alpn, sizeof record.alpn, alpn_);
  ++(wire::IsAllow(reason) ? relay_.totals_.flows_allowed : relay_.totals_.flows_denied);
  relay_.parts_.reporter.Report(record);
}

void Flow::ReportClosed(wire::ClosedBy by, wire::GateReason reason, wire::RuleRef rule) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlowClosed;
  Describe(&record);
  record.reason = reason;
  record.rule = rule;
  record.closed_by = by;
  record.bytes_out = to_server_.written();
  record.bytes_in = to_client_.read();
  record.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(relay_.parts_.loop.Now() - opened_).count());
  relay_.parts_.reporter.Report(record);
}

}  // namespace gate
