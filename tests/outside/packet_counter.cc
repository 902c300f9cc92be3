// SPDX-License-Identifier: Apache-2.0
#include "packet_counter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace outside {
namespace {

constexpr std::size_t kSeen = 128;  // of each packet: enough for addresses and ports

std::uint16_t Port(const unsigned char* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
bool HasPorts(int protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_UDPLITE;
}

}  // namespace

PacketCounter::~PacketCounter() {
  if (fd_ >= 0) ::close(fd_);
}

std::string PacketCounter::Open(const char* link) {
  fd_ = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sock_filter cut = {BPF_RET | BPF_K, 0, 0, kSeen};
  const sock_fprog program = {1, &cut};
  const int buffer = 64 << 20;
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(link));
  if (fd_ < 0 || ::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0 ||
      ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return std::string("packet socket: ") + strerror(errno);
  }
  return {};
}

void PacketCounter::Count(const unsigned char* packet, std::size_t size) {
  if (size < 20) return;
  char text[INET6_ADDRSTRLEN] = {};
  int protocol = 0;
  std::size_t offset = 0;
  if (packet[0] >> 4 == 4) {
    protocol = packet[9];
    offset = (packet[0] & 15u) * 4;
    ::inet_ntop(AF_INET, packet + 16, text, sizeof text);
  } else if (packet[0] >> 4 == 6 && size >= 40) {
    protocol = packet[6];
    offset = 40;
    ::inet_ntop(AF_INET6, packet + 24, text, sizeof text);
  } else {
    return;
  }
  const std::uint16_t port = HasPorts(protocol) && size >= offset + 4 ? Port(packet + offset + 2) : 0;
  PacketCount& count = packets_[{text, protocol, port}];
  ++count.packets;
  count.last = last_ = std::chrono::steady_clock::now();
}

void PacketCounter::Drain() {
  const std::lock_guard lock(mutex_);
  unsigned char packet[kSeen];
  sockaddr_ll from = {};
  for (;;) {
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(fd_, packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) break;
    const bool ip = from.sll_protocol == htons(ETH_P_IP) || from.sll_protocol == htons(ETH_P_IPV6);
    if (ip && from.sll_pkttype != PACKET_OUTGOING) Count(packet, static_cast<std::size_t>(size));
  }
  tpacket_stats statistics = {};
  socklen_t length = sizeof statistics;
  if (::getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) lost_ += statistics.tp_drops;
}

std::chrono::steady_clock::duration PacketCounter::Quiet() {
  Drain();
  const std::lock_guard lock(mutex_);
  return std::chrono::steady_clock::now() - last_;
}

void PacketCounter::Forget() {
  Drain();
  const std::lock_guard lock(mutex_);
  packets_.clear();
  lost_ = 0;
}

PacketCounts PacketCounter::Counts() {
  Drain();
  const std::lock_guard lock(mutex_);
  return packets_;
}

std::uint64_t PacketCounter::lost() {
  Drain();
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace outside
