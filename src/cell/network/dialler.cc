// SPDX-License-Identifier: Apache-2.0
// Judge, connect, pass on. The request's numbers are the only thing that is taken from the asker.
#include "cell/network/dialler.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "sys/dial.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace cell {
namespace {

constexpr std::uint32_t kDialsPerSecond = 50'000;  // far above what a relay reaches, far below a flood's harm
constexpr std::size_t kServedAtOnce = 64;
constexpr std::size_t kPacketBytes = wire::kMaxDialsPerPacket * sizeof(wire::DialRequest);
static_assert(wire::kMaxDialsPerPacket <= sys::kMaxPassedFds);

base::IpEndpoint TargetOf(const wire::DialRequest& request) {
  base::IpEndpoint to{.port = request.port};
  to.address.v6 = request.v6 != 0;
  std::copy(std::begin(request.address), std::end(request.address), to.address.bytes.begin());
  return to;
}

}  // namespace

base::Result<Dialler> Dialler::Create(Asker asker, const plan::NetworkPlan& network, const base::Clock& clock,
                                      base::UniqueFd socket, OnRefused on_refused) {
  TRY(sys::SetNonblocking(socket.get()));
  return Dialler(asker, network, clock, std::move(socket), std::move(on_refused));
}

short Dialler::events() const { return kept_ ? POLLOUT : POLLIN; }

bool Dialler::Serve(std::string* why) {
  bool gone = false;
  if (kept_ && Send(*kept_, &gone)) kept_.reset();
  for (std::size_t served = 0; served < kServedAtOnce && !kept_ && !gone;) {
    char packet[kPacketBytes + 1];
    const auto received = sys::RecvMsg(socket_.get(), packet, MSG_DONTWAIT);
    if (!received && received.error().os_errno == EAGAIN) return true;
    if (!received || received->bytes == 0) {
      gone = true;
      break;
    }
    Answers answers;
    if (received->truncated || !received->fds.empty() || !DialAll({packet, received->bytes}, &answers)) {
      *why = "a dial request that cannot be one";
      return false;
    }
    served += answers.replies.size();
    if (!Send(answers, &gone) && !gone) kept_ = std::move(answers);
  }
  if (gone) *why = "its dial socket was closed";
  return !gone;
}

bool Dialler::DialAll(std::string_view packet, Answers* answers) {
  constexpr std::size_t kOne = sizeof(wire::DialRequest);
  if (packet.size() % kOne != 0 || packet.size() > kPacketBytes) return false;
  std::array<wire::DialRequest, wire::kMaxDialsPerPacket> requests;
  const std::size_t count = packet.size() / kOne;
  for (std::size_t i = 0; i < count; ++i) {
    const auto fault = wire::DecodeDialRequest(packet.data() + i * kOne, kOne, &requests[i]);
    if (fault != wire::GateRecordFault::kNone) return false;
  }
  answers->replies.reserve(count);
  answers->sockets.reserve(count);
  for (std::size_t i = 0; i < count; ++i) answers->replies.push_back(Dial(requests[i], &answers->sockets));
  return true;
}

const char* Dialler::WhyRefused(const wire::DialRequest& request, const base::IpEndpoint& to) const {
  const bool for_resolver = request.purpose == wire::DialPurpose::kResolver;
  if (asker_ == Asker::kUpstream && !for_resolver) return "only resolvers are dialled for this process";
  const auto protocol =
      request.protocol == wire::IpProtocol::kUdp ? wire::FlowProtocol::kUdp : wire::FlowProtocol::kTcp;
  return plan::WhyNotDialled(*network_, protocol, for_resolver, request.index, to);
}

wire::DialReply Dialler::Dial(const wire::DialRequest& request, std::vector<base::UniqueFd>* sockets) {
  wire::DialReply reply{.id = request.id};
  const base::IpEndpoint to = TargetOf(request);
  if (revoked_) {
    reply.error = EPERM;
    return reply;
  }
  if (const char* why = WhyRefused(request, to); why != nullptr) {
    ++counters_.refused;
    on_refused_(base::ToString(to) + (request.protocol == wire::IpProtocol::kUdp ? "/udp" : "/tcp"), why);
    reply.error = EPERM;
    return reply;
  }
  if (!WithinRate()) {
    ++counters_.over_rate;
    reply.error = EAGAIN;
    return reply;
  }
  auto socket = sys::StartConnect(
      request.protocol == wire::IpProtocol::kUdp ? sys::DialProtocol::kUdp : sys::DialProtocol::kTcp, to);
  if (!socket) {
    ++counters_.failed;
    reply.error = socket.error().os_errno != 0 ? socket.error().os_errno : EIO;
    return reply;
  }
  ++counters_.dialled;
  sockets->push_back(std::move(*socket));
  return reply;
}

bool Dialler::WithinRate() {
  const base::BootTime now = clock_->Boot();
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    in_second_ = 0;
  }
  return in_second_++ < kDialsPerSecond;
}

bool Dialler::Send(const Answers& answers, bool* gone) {
  std::array<int, wire::kMaxDialsPerPacket> fds;
  std::ranges::transform(answers.sockets, fds.begin(), &base::UniqueFd::get);
  const std::string_view bytes(reinterpret_cast<const char*>(answers.replies.data()),
                               answers.replies.size() * sizeof(wire::DialReply));
  const auto sent = sys::SendMsg(socket_.get(), bytes, std::span(fds).first(answers.sockets.size()), MSG_DONTWAIT);
  if (sent) return true;
  const int error = sent.error().os_errno;
  *gone = error != EAGAIN && error != ETOOMANYREFS && error != ENOBUFS;
  return false;
}

}  // namespace cell
