// SPDX-License-Identifier: Apache-2.0
// Sockets that stand for every address at once: what was sent to which of them is told with each connection and
// datagram.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "dns_stub.h"

namespace outside {

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};
std::string TextOf(const Address& address);
std::uint16_t PortOf(const Address& address);

// Bound to every address of a family; a stream socket listens. -1: errno says why.
int BoundSocket(int family, int type, std::uint16_t port);

// A datagram and the way it came, so that the answer leaves from the address that was asked.
struct Way {
  Address peer = {}, asked = {};
};
bool Receive(int fd, std::string* bytes, Way* way);
void SendFrom(int fd, const std::string& bytes, const Way& way);
// From where the reply says: the address asked, another of its ports, its neighbour.
void SendReply(int fd, const DnsReply& reply, Way way);

}  // namespace outside
