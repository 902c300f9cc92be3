// SPDX-License-Identifier: Apache-2.0
#include "sockets.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

namespace outside {

int BoundSocket(int family, int type, std::uint16_t port) {
  const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  Address address = {};
  address.any.sa_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
    address.v6.sin6_port = htons(port);
  } else {
    ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
    address.v4.sin_port = htons(port);
  }
  if (fd >= 0 && ::bind(fd, &address.any, sizeof address) == 0 && (type != SOCK_STREAM || ::listen(fd, 1024) == 0))
    return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

std::string TextOf(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.any.sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text);
  }
  return text;
}

std::uint16_t PortOf(const Address& address) {
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

bool Receive(int fd, std::string* bytes, Way* way) {
  bytes->resize(65536);
  alignas(cmsghdr) char control[256];
  iovec data = {bytes->data(), bytes->size()};
  msghdr message = {&way->peer, sizeof way->peer, &data, 1, control, sizeof control, 0};
  const ssize_t size = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (size < 0) return false;
  bytes->resize(static_cast<std::size_t>(size));
  socklen_t length = sizeof way->asked;
  ::getsockname(fd, &way->asked.any, &length);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      way->asked.v4.sin_addr = info.ipi_addr;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      way->asked.v6.sin6_addr = info.ipi6_addr;
    }
  }
  return true;
}

void SendFrom(int fd, const std::string& bytes, const Way& way) {
  alignas(cmsghdr) char control[256] = {};
  iovec data = {const_cast<char*>(bytes.data()), bytes.size()};
  Address peer = way.peer;
  msghdr message = {&peer, sizeof peer, &data, 1, control, 0, 0};
  auto* header = reinterpret_cast<cmsghdr*>(control);
  if (way.asked.any.sa_family == AF_INET6) {
    in6_pktinfo info = {way.asked.v6.sin6_addr, 0};
    *header = {CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    in_pktinfo info = {0, way.asked.v4.sin_addr, {}};
    *header = {CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  }
  ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void SendReply(int fd, const DnsReply& reply, Way way) {
  if (reply.from == DnsReply::From::kAsked) return SendFrom(fd, reply.message, way);
  if (reply.from == DnsReply::From::kOtherAddress) {
    if (way.asked.any.sa_family == AF_INET6) {
      way.asked.v6.sin6_addr.s6_addr[15] ^= 1;
    } else {
      way.asked.v4.sin_addr.s_addr ^= htonl(1);
    }
    return SendFrom(fd, reply.message, way);
  }
  const int other = BoundSocket(way.asked.any.sa_family, SOCK_DGRAM, 5353);
  if (other < 0) return;
  SendFrom(other, reply.message, way);
  ::close(other);
}

}  // namespace outside
