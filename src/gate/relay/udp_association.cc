// SPDX-License-Identifier: Apache-2.0
// Dialling, datagrams both ways, the end.
#include "gate/relay/udp_association.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

namespace gate {
namespace {

using std::chrono::milliseconds;

constexpr int kAnswersPerRound = 64;
constexpr std::size_t kQueued = 8, kQueuedBytes = 64 << 10;
constexpr milliseconds kIdle{60000};

wire::RuleRef Limits() {
  return {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(wire::BuiltinRule::kLimits)};
}

}  // namespace

UdpAssociation::UdpAssociation(UdpRelay& relay, UdpRelay::Key key, int listener, const sys::PacketPath& path,
                               const FlowVerdict& verdict)
    : relay_(relay),
      key_(key),
      listener_(listener),
      path_(path),
      rule_(verdict.rule),
      query_(verdict.query),
      opened_(relay.parts_.loop.Now()),
      active_(opened_) {}

UdpAssociation::~UdpAssociation() {
  if (ticket_ != 0) relay_.parts_.dialler.Cancel(ticket_);
  if (server_) relay_.parts_.loop.Forget(server_.get());
}

void UdpAssociation::Start() {
  wire::DialRequest request;
  request.index = rule_.index;
  request.port = key_.to.port;
  request.protocol = wire::IpProtocol::kUdp;
  request.v6 = key_.to.address.v6 ? 1 : 0;
  std::memcpy(request.address, key_.to.address.bytes.data(), sizeof request.address);
  ticket_ = relay_.parts_.dialler.Dial(request,
                                       [this](base::Result<base::UniqueFd> dialled) { OnDialled(std::move(dialled)); });
}

void UdpAssociation::OnDialled(base::Result<base::UniqueFd> dialled) {
  ticket_ = 0;
  int error = dialled ? 0 : dialled.error().os_errno;
  if (error == 0) {
    server_ = std::move(*dialled);
    if (!relay_.parts_.loop.Watch(server_.get(), EPOLLIN, this)) error = EMFILE;
  }
  if (error != 0) {
    const bool full = error == EAGAIN || error == EMFILE || error == ENFILE;
    ReportFlow(full ? wire::GateReason::kGateLimit : wire::GateReason::kGateUpstreamFailure, error);
    relay_.totals_.udp_datagrams_dropped += queued_.size();
    return relay_.Release(key_);  // `this` is gone
  }
  ReportFlow(wire::GateReason::kGateGrantMatch, 0);
  SendQueued();
}

void UdpAssociation::SendQueued() {
  const std::vector<std::string> queued = std::move(queued_);
  queued_.clear();
  for (const std::string& datagram : queued) {
    if (!Send({reinterpret_cast<const std::uint8_t*>(datagram.data()), datagram.size()})) return;
  }
}

void UdpAssociation::FromClient(std::span<const std::uint8_t> datagram) {
  active_ = relay_.parts_.loop.Now();
  if (server_) {
    Send(datagram);
    return;
  }
  std::size_t bytes = datagram.size();
  for (const std::string& queued : queued_) bytes += queued.size();
  if (queued_.size() >= kQueued || bytes > kQueuedBytes) {
    ++relay_.totals_.udp_datagrams_dropped;
    return;
  }
  queued_.emplace_back(reinterpret_cast<const char*>(datagram.data()), datagram.size());
}

bool UdpAssociation::WithinBudget(std::size_t out, std::size_t in) {
  const wire::GateLimits& limits = relay_.parts_.grants.limits();
  const auto holds = [](std::uint64_t bound, std::uint64_t used) { return bound == 0 || used <= bound; };
  if (holds(limits.flow_bytes, bytes_out_ + bytes_in_ + out + in) && holds(limits.flow_bytes_out, bytes_out_ + out)) {
    return true;
  }
  Finish(wire::ClosedBy::kGate, wire::GateReason::kGateBudget, Limits());
  return false;
}

bool UdpAssociation::Send(std::span<const std::uint8_t> datagram) {
  if (!WithinBudget(datagram.size(), 0)) return false;
  const long sent = sys::Send(server_.get(), datagram);
  if (sent == -EAGAIN || sent == -ENOBUFS || sent == -EMSGSIZE) {
    ++relay_.totals_.udp_datagrams_dropped;
    return true;
  }
  if (sent < 0) {
    Finish(wire::ClosedBy::kPeer, wire::GateReason::kNone, {});
    return false;
  }
  bytes_out_ += datagram.size();
  return true;
}

void UdpAssociation::OnReady(int, std::uint32_t) {
  for (int i = 0; i < kAnswersPerRound; ++i) {
    const long got = sys::Receive(server_.get(), relay_.scratch_);
    if (got == -EAGAIN) return;
    if (got < 0) return Finish(wire::ClosedBy::kPeer, wire::GateReason::kNone, {});
    if (!WithinBudget(0, static_cast<std::size_t>(got))) return;
    active_ = relay_.parts_.loop.Now();
    bytes_in_ += static_cast<std::uint64_t>(got);
    const long sent = sys::SendPacket(listener_, {relay_.scratch_.data(), static_cast<std::size_t>(got)}, path_);
    if (sent < 0) ++relay_.totals_.udp_datagrams_dropped;
  }
}

void UdpAssociation::Check(base::BootTime now) {
  const wire::GateLimits& limits = relay_.parts_.grants.limits();
  if (!server_) {
    if (now - opened_ < milliseconds(limits.connect_ms)) return;
    ReportFlow(wire::GateReason::kGateUpstreamFailure, ETIMEDOUT);
    return relay_.Release(key_);
  }
  if (limits.flow_ms != 0 && now - opened_ >= milliseconds(limits.flow_ms)) {
    return Finish(wire::ClosedBy::kGate, wire::GateReason::kGateBudget, Limits());
  }
  // The usual end of an association: nobody says when one is over.
  if (now - active_ >= std::min(kIdle, milliseconds(limits.idle_ms))) {
    Finish(wire::ClosedBy::kGate, wire::GateReason::kNone, {});
  }
}

void UdpAssociation::EndBy(wire::GateReason reason, wire::RuleRef rule) {
  if (server_) return Finish(wire::ClosedBy::kGate, reason, rule);
  rule_ = rule;
  ReportFlow(reason, 0);
  relay_.Release(key_);
}

void UdpAssociation::Finish(wire::ClosedBy by, wire::GateReason reason, wire::RuleRef rule) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlowClosed;
  Describe(&record);
  record.reason = reason;
  record.rule = rule;
  record.closed_by = by;
  record.bytes_out = bytes_out_;
  record.bytes_in = bytes_in_;
  record.duration_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(relay_.parts_.loop.Now() - opened_).count());
  relay_.parts_.reporter.Report(record);
  relay_.totals_.bytes_out += bytes_out_;
  relay_.totals_.bytes_in += bytes_in_;
  relay_.Release(key_);  // `this` is gone
}

void UdpAssociation::ReportFlow(wire::GateReason reason, int error) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlow;
  Describe(&record);
  record.reason = reason;
  record.rule = rule_;
  record.code = static_cast<std::uint32_t>(error);
  ++(wire::IsAllow(reason) ? relay_.totals_.flows_allowed : relay_.totals_.flows_denied);
  id_ = relay_.parts_.reporter.Report(record);
}

void UdpAssociation::Describe(wire::GateRecord* record) const {
  record->id = id_;
  record->query = query_;
  record->protocol = wire::IpProtocol::kUdp;
  record->port = key_.to.port;
  record->source_port = key_.client.port;
  record->v6 = key_.to.address.v6 ? 1 : 0;
  std::memcpy(record->address, key_.to.address.bytes.data(), sizeof record->address);
}

}  // namespace gate
