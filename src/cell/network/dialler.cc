// SPDX-License-Identifier: Apache-2.0
// Judge, connect, pass on. The request's numbers are the only thing that is taken from the asker.
#include "cell/network/dialler.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "sys/dial.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace cell {
namespace {

constexpr std::uint32_t kDialsPerSecond = 50'000;  // far above what a relay reaches, far below a flood's harm
constexpr int kServedAtOnce = 64;

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
  for (int served = 0; served < kServedAtOnce && !kept_ && !gone; ++served) {
    wire::DialRequest request;
    char bytes[sizeof request + 1];
    const auto received = sys::RecvMsg(socket_.get(), bytes, MSG_DONTWAIT);
    if (!received && received.error().os_errno == EAGAIN) return true;
    if (!received || received->bytes == 0) {
      gone = true;
      break;
    }
    if (received->truncated || !received->fds.empty() ||
        wire::DecodeDialRequest(bytes, received->bytes, &request) != wire::GateRecordFault::kNone) {
      *why = "a dial request that cannot be one";
      return false;
    }
    Answer answer = Dial(request);
    if (!Send(answer, &gone) && !gone) kept_ = std::move(answer);
  }
  if (gone) *why = "its dial socket was closed";
  return !gone;
}

const char* Dialler::WhyRefused(const wire::DialRequest& request, const base::IpEndpoint& to) const {
  const bool for_resolver = request.purpose == wire::DialPurpose::kResolver;
  if (asker_ == Asker::kUpstream && !for_resolver) return "only resolvers are dialled for this process";
  const auto protocol =
      request.protocol == wire::IpProtocol::kUdp ? wire::FlowProtocol::kUdp : wire::FlowProtocol::kTcp;
  return plan::WhyNotDialled(*network_, protocol, for_resolver, request.index, to);
}

Dialler::Answer Dialler::Dial(const wire::DialRequest& request) {
  Answer answer{.reply = {.id = request.id}, .socket = {}};
  const base::IpEndpoint to = TargetOf(request);
  if (revoked_) {
    answer.reply.error = EPERM;
    return answer;
  }
  if (const char* why = WhyRefused(request, to); why != nullptr) {
    ++counters_.refused;
    on_refused_(base::ToString(to) + (request.protocol == wire::IpProtocol::kUdp ? "/udp" : "/tcp"), why);
    answer.reply.error = EPERM;
    return answer;
  }
  if (!WithinRate()) {
    ++counters_.over_rate;
    answer.reply.error = EAGAIN;
    return answer;
  }
  auto socket = sys::StartConnect(
      request.protocol == wire::IpProtocol::kUdp ? sys::DialProtocol::kUdp : sys::DialProtocol::kTcp, to);
  if (!socket) {
    ++counters_.failed;
    answer.reply.error = socket.error().os_errno != 0 ? socket.error().os_errno : EIO;
    return answer;
  }
  ++counters_.dialled;
  answer.socket = std::move(*socket);
  return answer;
}

bool Dialler::WithinRate() {
  const base::BootTime now = clock_->Boot();
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    in_second_ = 0;
  }
  return in_second_++ < kDialsPerSecond;
}

bool Dialler::Send(const Answer& answer, bool* gone) {
  const int fd = answer.socket.get();
  const auto sent = sys::SendMsg(socket_.get(), {reinterpret_cast<const char*>(&answer.reply), sizeof answer.reply},
                                 std::span(&fd, fd >= 0 ? 1 : 0), MSG_DONTWAIT);
  if (sent) return true;
  const int error = sent.error().os_errno;
  *gone = error != EAGAIN && error != ETOOMANYREFS && error != ENOBUFS;
  return false;
}

}  // namespace cell
