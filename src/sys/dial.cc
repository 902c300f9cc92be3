// SPDX-License-Identifier: Apache-2.0
// socket(2) and connect(2).
#include "sys/dial.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sys/call.h"

namespace sys {
namespace {

socklen_t Fill(const base::IpEndpoint& to, sockaddr_storage* out) {
  *out = {};
  if (to.address.v6) {
    auto* address = reinterpret_cast<sockaddr_in6*>(out);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(to.port);
    memcpy(&address->sin6_addr, to.address.bytes.data(), 16);
    return sizeof *address;
  }
  auto* address = reinterpret_cast<sockaddr_in*>(out);
  address->sin_family = AF_INET;
  address->sin_port = htons(to.port);
  memcpy(&address->sin_addr, to.address.bytes.data(), 4);
  return sizeof *address;
}

}  // namespace

base::Result<base::UniqueFd> StartConnect(DialProtocol protocol, const base::IpEndpoint& to) {
  const int type = (protocol == DialProtocol::kTcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const long made = Raw("socket", SYS_socket, to.address.v6 ? AF_INET6 : AF_INET, type, 0);
  if (made < 0) return std::unexpected(CallError(made, "socket", base::ToString(to)));
  base::UniqueFd socket(static_cast<int>(made));
  sockaddr_storage address;
  const socklen_t size = Fill(to, &address);
  const long begun = Raw("connect", SYS_connect, socket.get(), &address, size);
  if (begun < 0 && begun != -EINPROGRESS) return std::unexpected(CallError(begun, "connect", base::ToString(to)));
  return socket;
}

}  // namespace sys
