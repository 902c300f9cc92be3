// SPDX-License-Identifier: Apache-2.0
// Configuration and in-cell sockets.
#include "gate/process/startup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstring>
#include <string>

#include "sys/file.h"
#include "sys/inet.h"
#include "sys/poll.h"
#include "sys/socket.h"

namespace gate {
namespace {

using wire::CellFd;

constexpr std::chrono::milliseconds kCellSocketsCome{30000};  // the supervisor's own deadlines are shorter
constexpr int kOutOfTheWay = 256;

// dup3(2) over whatever has the number.
base::Result<> MoveTo(base::UniqueFd from, int number) {
  const long moved = sys::Raw("dup3", SYS_dup3, from.get(), number, O_CLOEXEC);
  if (moved < 0) return std::unexpected(sys::CallError(moved, "dup3"));
  return {};
}

// The numbers that came and the numbers they go to overlap: first all go out of the way.
base::Result<> Place(std::vector<base::UniqueFd> descriptors) {
  for (base::UniqueFd& descriptor : descriptors) {
    const long copy = sys::Raw("fcntl", SYS_fcntl, descriptor.get(), F_DUPFD_CLOEXEC, kOutOfTheWay);
    if (copy < 0) return std::unexpected(sys::CallError(copy, "fcntl F_DUPFD_CLOEXEC"));
    descriptor = base::UniqueFd(static_cast<int>(copy));
  }
  int number = wire::kGateFirstCellFd;
  for (base::UniqueFd& descriptor : descriptors) TRY(MoveTo(std::move(descriptor), number++));
  return {};
}

// The descriptor of a place, made ready; -1 when there is no socket.
base::Result<int> Ready(CellFd place, int offset = 0) {
  const int fd = wire::kGateFirstCellFd + static_cast<int>(place) + offset;
  if (!IsSocket(fd)) return -1;
  TRY(sys::SetNonBlocking(fd));
  return fd;
}

}  // namespace

bool IsSocket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return sys::Raw("getsockopt", SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

base::Result<Configuration> ReadConfiguration() {
  const std::string text =
      TRY_WITH("reading the configuration", sys::ReadAll(wire::kGateConfigFd, wire::kMaxGateConfigBytes));
  base::UniqueFd(wire::kGateConfigFd).Reset();
  std::vector<std::uint64_t> aligned(text.size() / 8 + 1);
  std::memcpy(aligned.data(), text.data(), text.size());
  wire::GateConfig config;
  const auto fault =
      wire::DecodeGateConfig({reinterpret_cast<const std::uint8_t*>(aligned.data()), text.size()}, &config);
  if (fault != wire::GateConfigFault::kNone) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "the configuration is malformed: fault " + std::to_string(static_cast<int>(fault)));
  }
  Grants grants = TRY(Grants::Create(config));
  return Configuration{std::move(grants), {config.filter.data, config.filter.data + config.filter.size}};
}

base::Result<CellSockets> ReceiveCellSockets(std::size_t udp_ports) {
  pollfd wait = {wire::kGateCellFd, POLLIN, 0};
  if (TRY(sys::Poll({&wait, 1}, kCellSocketsCome)) == 0) {
    return base::Fail(base::ErrorKind::kDeadline, "the cell passed no sockets in time");
  }
  char bytes[64];
  sys::Received received = TRY_WITH("receiving the cell's sockets", sys::RecvMsg(wire::kGateCellFd, bytes));
  const std::size_t expected = static_cast<std::size_t>(CellFd::kFirstUdp) + 2 * udp_ports;
  if (received.truncated || received.fds.size() != expected) {
    return base::Fail(base::ErrorKind::kInvalid, "the cell passed " + std::to_string(received.fds.size()) +
                                                     " sockets, not " + std::to_string(expected));
  }
  base::UniqueFd(wire::kGateCellFd).Reset();
  TRY(Place(std::move(received.fds)));
  CellSockets sockets;
  sockets.relay4 = TRY(Ready(CellFd::kRelayTcp4));
  sockets.relay6 = TRY(Ready(CellFd::kRelayTcp6));
  sockets.dns_tcp4 = TRY(Ready(CellFd::kDnsTcp4));
  sockets.dns_tcp6 = TRY(Ready(CellFd::kDnsTcp6));
  sockets.dns_udp4 = TRY(Ready(CellFd::kDnsUdp4));
  sockets.dns_udp6 = TRY(Ready(CellFd::kDnsUdp6));
  sockets.secrets = TRY(Ready(CellFd::kSecrets));
  for (std::size_t i = 0; i < udp_ports; ++i) {
    const int pair = static_cast<int>(2 * i);
    sockets.udp.push_back({TRY(Ready(CellFd::kFirstUdp, pair)), TRY(Ready(CellFd::kFirstUdp, pair + 1))});
  }
  // Accepted connections inherit it.
  for (const int listener : {sockets.relay4, sockets.relay6, sockets.dns_tcp4, sockets.dns_tcp6}) {
    if (listener >= 0) TRY(sys::SetNoDelay(listener));
  }
  return sockets;
}

}  // namespace gate
