// SPDX-License-Identifier: Apache-2.0
// Internet sockets of the gate.
#include "sys/inet.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>

namespace sys {
namespace {

// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST: their kernel headers can't be included beside <netinet/in.h>.
constexpr int kOriginalDestination = 80;

union SocketAddress {
  sockaddr_storage any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

bool FromSocketAddress(const SocketAddress& from, base::IpEndpoint* to) {
  *to = {};
  if (from.any.ss_family == AF_INET) {
    memcpy(to->address.bytes.data(), &from.v4.sin_addr, 4);
    to->port = ntohs(from.v4.sin_port);
    return true;
  }
  if (from.any.ss_family != AF_INET6) return false;
  to->address.v6 = true;
  memcpy(to->address.bytes.data(), &from.v6.sin6_addr, 16);
  to->port = ntohs(from.v6.sin6_port);
  return true;
}

socklen_t ToSocketAddress(const base::IpEndpoint& from, SocketAddress* to) {
  *to = {};
  if (!from.address.v6) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(from.port);
    memcpy(&to->v4.sin_addr, from.address.bytes.data(), 4);
    return sizeof to->v4;
  }
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons(from.port);
  memcpy(&to->v6.sin6_addr, from.address.bytes.data(), 16);
  return sizeof to->v6;
}

base::Result<> SetInt(int socket, int level, int option, int value, const char* what) {
  const long done = Raw("setsockopt", SYS_setsockopt, socket, level, option, &value, sizeof value);
  if (done < 0) return std::unexpected(CallError(done, what));
  return {};
}

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo));

bool ReadPacketInfo(msghdr* message, PacketPath* path) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(header), sizeof info);
      path->local = {};
      memcpy(path->local.bytes.data(), &info.ipi_addr, 4);
      path->interface = static_cast<unsigned>(info.ipi_ifindex);
      return true;
    }
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(header), sizeof info);
      path->local = {};
      path->local.v6 = true;
      memcpy(path->local.bytes.data(), &info.ipi6_addr, 16);
      path->interface = info.ipi6_ifindex;
      return true;
    }
  }
  return false;
}

// The interface is named for link-local addresses only: elsewhere the route decides.
void WritePacketInfo(msghdr* message, const PacketPath& path) {
  cmsghdr* header = CMSG_FIRSTHDR(message);
  if (!path.local.v6) {
    in_pktinfo info = {};
    memcpy(&info.ipi_spec_dst, path.local.bytes.data(), 4);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message->msg_controllen = CMSG_SPACE(sizeof info);
    return;
  }
  in6_pktinfo info = {};
  memcpy(&info.ipi6_addr, path.local.bytes.data(), 16);
  if (path.local.bytes[0] == 0xfe && (path.local.bytes[1] & 0xc0) == 0x80) info.ipi6_ifindex = path.interface;
  header->cmsg_level = IPPROTO_IPV6;
  header->cmsg_type = IPV6_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof info);
  memcpy(CMSG_DATA(header), &info, sizeof info);
  message->msg_controllen = CMSG_SPACE(sizeof info);
}

}  // namespace

long AcceptInet(int listener, base::IpEndpoint* peer) {
  SocketAddress address = {};
  socklen_t size = sizeof address;
  const long fd = Raw("accept4", SYS_accept4, listener, &address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) FromSocketAddress(address, peer);
  return fd;
}

bool OriginalDestination(int socket, bool v6, base::IpEndpoint* destination) {
  SocketAddress address = {};
  socklen_t size = v6 ? sizeof address.v6 : sizeof address.v4;
  const long done = Raw("getsockopt", SYS_getsockopt, socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                        kOriginalDestination, &address, &size);
  return done == 0 && FromSocketAddress(address, destination) && destination->address.v6 == v6;
}

bool LocalAddress(int socket, base::IpEndpoint* local) {
  SocketAddress address = {};
  socklen_t size = sizeof address;
  return Raw("getsockname", SYS_getsockname, socket, &address, &size) == 0 && FromSocketAddress(address, local);
}

base::Result<> SetNoDelay(int socket) { return SetInt(socket, IPPROTO_TCP, TCP_NODELAY, 1, "setsockopt TCP_NODELAY"); }

void SetResetOnClose(int socket) {
  const linger at_once = {1, 0};
  Raw("setsockopt", SYS_setsockopt, socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

int TakeSocketError(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  const long done = Raw("getsockopt", SYS_getsockopt, socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return done < 0 ? static_cast<int>(-done) : error;
}

base::Result<> SetPacketInfo(int socket, bool v6) {
  if (v6) return SetInt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "setsockopt IPV6_RECVPKTINFO");
  return SetInt(socket, IPPROTO_IP, IP_PKTINFO, 1, "setsockopt IP_PKTINFO");
}

base::Result<> SetNonBlocking(int fd) {
  const long flags = Raw("fcntl", SYS_fcntl, fd, F_GETFL);
  if (flags < 0) return std::unexpected(CallError(flags, "fcntl F_GETFL"));
  const long done = Raw("fcntl", SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
  if (done < 0) return std::unexpected(CallError(done, "fcntl F_SETFL"));
  return {};
}

long Receive(int socket, std::span<std::uint8_t> buffer) {
  return Raw("recvfrom", SYS_recvfrom, socket, buffer.data(), buffer.size(), MSG_DONTWAIT, nullptr, nullptr);
}

long Send(int socket, std::span<const std::uint8_t> bytes) {
  return Raw("sendto", SYS_sendto, socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
}

long Splice(int from, int to, std::size_t bytes) {
  return Raw("splice", SYS_splice, from, nullptr, to, nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

long ShutdownWrite(int socket) { return Raw("shutdown", SYS_shutdown, socket, SHUT_WR); }

long ReceiveWithDescriptors(int socket, std::span<std::uint8_t> buffer, std::span<base::UniqueFd> descriptors) {
  iovec part = {buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxReceivedDescriptors)];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());  // the kernel closes what does not fit
  const long count = Raw("recvmsg", SYS_recvmsg, socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  std::size_t taken = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < fds; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      base::UniqueFd owned(fd);  // one more may fit into the padding
      if (taken < descriptors.size()) descriptors[taken++] = std::move(owned);
    }
  }
  return (message.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : count;
}

base::Result<SplicePipe> OpenPipe(std::size_t bytes) {
  int ends[2];
  const long done = Raw("pipe2", SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK);
  if (done < 0) return std::unexpected(CallError(done, "pipe2"));
  if (bytes != 0) Raw("fcntl", SYS_fcntl, ends[1], F_SETPIPE_SZ, bytes);
  return SplicePipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

long ReceivePacket(int socket, std::span<std::uint8_t> buffer, PacketPath* path) {
  SocketAddress address = {};
  alignas(cmsghdr) char control[kControlBytes];
  iovec part = {buffer.data(), buffer.size()};
  msghdr message = {};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const long count = Raw("recvmsg", SYS_recvmsg, socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  if ((message.msg_flags & MSG_TRUNC) != 0) return -EMSGSIZE;
  if (!FromSocketAddress(address, &path->peer) || !ReadPacketInfo(&message, path)) return -EPROTO;
  return count;
}

long SendPacket(int socket, std::span<const std::uint8_t> bytes, const PacketPath& path) {
  SocketAddress address;
  alignas(cmsghdr) char control[kControlBytes] = {};
  iovec part = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_name = &address;
  message.msg_namelen = ToSocketAddress(path.peer, &address);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  WritePacketInfo(&message, path);
  return Raw("sendmsg", SYS_sendmsg, socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace sys
