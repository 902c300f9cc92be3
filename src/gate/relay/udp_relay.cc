// SPDX-License-Identifier: Apache-2.0
// Datagrams in, judged once for each association.
#include "gate/relay/udp_relay.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

#include "gate/relay/udp_association.h"

namespace gate {
namespace {

using std::chrono::milliseconds;

constexpr int kDatagramsPerRound = 64;
constexpr std::size_t kMaxDatagram = 65536;
constexpr milliseconds kMayMakeRoom{5000};  // idle for so long, an association gives way to a new one
constexpr milliseconds kTick{1000};

wire::RuleRef Limits() {
  return {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(wire::BuiltinRule::kLimits)};
}

std::size_t HashOf(const base::IpEndpoint& endpoint) {
  const std::string_view bytes(reinterpret_cast<const char*>(endpoint.address.bytes.data()), 16);
  return std::hash<std::string_view>()(bytes) * 31 + endpoint.port;
}

}  // namespace

std::size_t UdpRelay::Hash::operator()(const Key& key) const { return HashOf(key.client) * 131 + HashOf(key.to); }

UdpRelay::UdpRelay(const UdpRelayParts& parts, std::vector<Port> ports, std::size_t bound)
    : parts_(parts),
      ports_(std::move(ports)),
      bound_(bound),
      room_(std::make_unique_for_overwrite<std::uint8_t[]>(kMaxDatagram)),
      scratch_(room_.get(), kMaxDatagram) {}

base::Result<std::unique_ptr<UdpRelay>> UdpRelay::Create(const UdpRelayParts& parts, std::vector<Port> ports,
                                                         std::size_t bound) {
  std::unique_ptr<UdpRelay> relay(new UdpRelay(parts, std::move(ports), bound));
  for (const Port& port : relay->ports_) {
    for (const int fd : {port.v4, port.v6}) {
      if (fd >= 0) TRY(parts.loop.Watch(fd, EPOLLIN, relay.get()));
    }
  }
  return relay;
}

UdpRelay::~UdpRelay() {
  Revoke();
  parts_.loop.Cancel(tick_);
  for (const Port& port : ports_) {
    parts_.loop.Unwatch(port.v4);
    parts_.loop.Unwatch(port.v6);
  }
}

const UdpRelay::Port* UdpRelay::PortOf(int fd) const {
  const auto found =
      std::find_if(ports_.begin(), ports_.end(), [fd](const Port& port) { return port.v4 == fd || port.v6 == fd; });
  return found == ports_.end() ? nullptr : &*found;
}

void UdpRelay::OnReady(int fd, std::uint32_t) {
  const Port* port = PortOf(fd);
  for (int i = 0; port != nullptr && i < kDatagramsPerRound; ++i) {
    sys::PacketPath path;
    const long got = sys::ReceivePacket(fd, scratch_, &path);
    if (got == -EMSGSIZE || got == -EPROTO) {
      ++totals_.udp_datagrams_dropped;
      continue;
    }
    if (got < 0) return;
    ++totals_.udp_datagrams_in;
    Take(fd, *port, path, {scratch_.data(), static_cast<std::size_t>(got)});
  }
}

void UdpRelay::Take(int fd, const Port& port, const sys::PacketPath& path, std::span<const std::uint8_t> datagram) {
  const Key key = {path.peer, {path.local, port.port}};
  if (const auto known = associations_.find(key); known != associations_.end()) {
    return known->second->FromClient(datagram);
  }
  FlowVerdict verdict = JudgeFlow(parts_.grants, parts_.credits, key.to, true, parts_.loop.Now());
  if (revoked_) {
    verdict.reason = wire::GateReason::kGateRevoked;
    verdict.rule = {wire::RuleKind::kDefault, {}, 0};
  } else if (verdict.reason == wire::GateReason::kGateGrantMatch && !MakeRoom()) {
    verdict.reason = wire::GateReason::kGateLimit;
    verdict.rule = Limits();
  }
  if (verdict.reason != wire::GateReason::kGateGrantMatch) return Refuse(key, verdict);
  auto made = std::make_unique<UdpAssociation>(*this, key, fd, path, verdict);
  UdpAssociation* association = made.get();
  associations_.emplace(key, std::move(made));
  ArmTick();
  association->FromClient(datagram);
  association->Start();
}

bool UdpRelay::MakeRoom() {
  if (associations_.size() < bound_) return true;
  const auto oldest = std::min_element(associations_.begin(), associations_.end(), [](const auto& a, const auto& b) {
    return a.second->active() < b.second->active();
  });
  if (oldest == associations_.end() || parts_.loop.Now() - oldest->second->active() < kMayMakeRoom) return false;
  oldest->second->EndBy(wire::GateReason::kGateLimit, Limits());
  return true;
}

void UdpRelay::Refuse(const Key& key, const FlowVerdict& verdict) {
  ++totals_.udp_datagrams_dropped;
  ++totals_.flows_denied;
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFlow;
  record.reason = verdict.reason;
  record.rule = verdict.rule;
  record.protocol = wire::IpProtocol::kUdp;
  record.port = key.to.port;
  record.source_port = key.client.port;
  record.v6 = key.to.address.v6 ? 1 : 0;
  std::memcpy(record.address, key.to.address.bytes.data(), sizeof record.address);
  parts_.reporter.Report(record);
}

void UdpRelay::Release(const Key& key) { associations_.erase(Key(key)); }

void UdpRelay::ArmTick() {
  if (tick_ != 0) return;
  tick_ = parts_.loop.At(parts_.loop.Now() + kTick, [this] {
    tick_ = 0;
    Tick();
    if (!associations_.empty()) ArmTick();
  });
}

void UdpRelay::Tick() {
  const base::BootTime now = parts_.loop.Now();
  for (auto next = associations_.begin(); next != associations_.end();) {
    UdpAssociation& association = *next->second;
    ++next;  // checking may take it out
    association.Check(now);
  }
}

void UdpRelay::Revoke() {
  revoked_ = true;
  while (!associations_.empty()) {
    associations_.begin()->second->EndBy(wire::GateReason::kGateRevoked, {wire::RuleKind::kDefault, {}, 0});
  }
}

void UdpRelay::AddTo(wire::GateTotals* totals) const {
  totals->flows_allowed += totals_.flows_allowed;
  totals->flows_denied += totals_.flows_denied;
  totals->bytes_out += totals_.bytes_out;
  totals->bytes_in += totals_.bytes_in;
  totals->udp_datagrams_in += totals_.udp_datagrams_in;
  totals->udp_datagrams_dropped += totals_.udp_datagrams_dropped;
}

}  // namespace gate
