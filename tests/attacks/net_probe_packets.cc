// SPDX-License-Identifier: Apache-2.0
// Datagrams, sockets of other protocols, listeners of the cell's own, descriptors passed on.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "net_probe.h"

namespace net_probe {
namespace {

void SetOptions(int fd, const Words& words, int family) {
  const int on = 1, ttl = Number(words, "ttl", 0), hops = ttl;
  if (Has(words, "broadcast")) setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  if (ttl != 0 && family == AF_INET) setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
  if (ttl != 0 && family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops);
  if (Has(words, "record-route")) {
    const unsigned char option[] = {7 /* RR */, 7, 4, 0, 0, 0, 0, 0};
    setsockopt(fd, IPPROTO_IP, IP_OPTIONS, option, sizeof option);
  }
  if (Has(words, "small-packets") && family == AF_INET6) {
    const int mtu = 1280;
    setsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, sizeof mtu);
  }
}

}  // namespace

std::string Udp(const Words& words) {
  const Endpoint to = To(words[0], words[1]);
  const int size = Number(words, "size", 0);
  const std::string bytes =
      size > 0 ? std::string(static_cast<std::size_t>(size), 'u') : Percent(Option(words, "send", "x"));
  const int fd = socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "socket:" + ErrorName(errno);
  SetOptions(fd, words, to.family());
  const bool unconnected = Has(words, "unconnected");
  if (!unconnected && connect(fd, to.get(), to.size) != 0) return "connect:" + ErrorName(errno);
  const ssize_t sent = unconnected ? sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, to.get(), to.size)
                                   : send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return "send:" + ErrorName(errno);
  pollfd wait = {fd, POLLIN, 0};
  if (poll(&wait, 1, Number(words, "wait", 1000)) != 1) return "silence";
  std::string buffer(65536, '\0');
  Endpoint from;
  from.size = sizeof from.address;
  const ssize_t count =
      recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from.address), &from.size);
  if (count < 0) return ErrorName(errno);
  buffer.resize(static_cast<std::size_t>(count));
  const bool same = memcmp(&from.address, &to.address, to.size) == 0;
  return "data:" + (size > 0 ? std::to_string(count) : Shown(buffer)) + (same ? "" : "+other-source");
}

std::string Own(const Words& words) {
  const Endpoint to = To(words[0], words[1]);
  Endpoint any = To(to.family() == AF_INET ? "0.0.0.0" : "::", words[1]);
  const int listener = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, any.get(), any.size) != 0 || listen(listener, 8) != 0) return "bind:" + ErrorName(errno);
  std::string why;
  const int fd = Dial(to, SOCK_STREAM, &why);
  if (fd < 0) return why;
  pollfd wait = {listener, POLLIN, 0};
  if (poll(&wait, 1, 1000) != 1) return "elsewhere";
  const int accepted = accept(listener, nullptr, nullptr);
  SendAll(accepted, "own");
  const Got got = ReadFor(fd, 1000, 3);
  close(accepted);
  close(fd);
  close(listener);
  return got.bytes;
}

std::string Listen(const Words& words) {
  std::vector<pollfd> wait;
  for (const char* any : {"0.0.0.0", "::"}) {
    const Endpoint at = To(any, words[0]);
    const int fd = socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (at.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, at.get(), at.size) != 0 || listen(fd, 8) != 0) return "bind:" + ErrorName(errno);
    wait.push_back({fd, POLLIN, 0});
  }
  [[maybe_unused]] const ssize_t ignored = write(1, "listening open\n", 15);
  return poll(wait.data(), wait.size(), Number(words, "ms", 1000)) == 0 ? "nobody" : "somebody";
}

std::string Path(const Words& words) {
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  strncpy(to.sun_path, words[0].c_str(), sizeof to.sun_path - 1);
  socklen_t size = sizeof to;
  if (words[0].starts_with('@')) {
    to.sun_path[0] = 0;
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + words[0].size());
  }
  std::string answer = "allowed";
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<sockaddr*>(&to), size) == 0) return "allowed";
    if (type == SOCK_STREAM) answer = ErrorName(errno);
    close(fd);
  }
  return answer;
}

std::string Descriptors(const Words& words) {
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  strncpy(to.sun_path, words[0].c_str(), sizeof to.sun_path - 1);
  int sent = 0, connections = 0;
  const int passed = open("/dev/null", O_RDONLY | O_CLOEXEC), count = Number(words, "count", 1000);
  for (int tries = 0; sent < count && tries < count; ++tries) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return ErrorName(errno);
    ++connections;
    for (int i = 0; i < 100 && sent < count; ++i, ++sent) {
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
      char byte = 'x';
      iovec data = {&byte, 1};
      msghdr message = {nullptr, 0, &data, 1, control, sizeof control, 0};
      *reinterpret_cast<cmsghdr*>(control) = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
      memcpy(CMSG_DATA(reinterpret_cast<cmsghdr*>(control)), &passed, sizeof passed);
      if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    }
    close(fd);
  }
  return "sent:" + std::to_string(sent) + ",connections:" + std::to_string(connections);
}

// ------------------------------------------------------------------------------------------------ attempts

namespace {

long Opens(int family, int type, int protocol) { return socket(family, type | SOCK_CLOEXEC, protocol); }

long Join(int family) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (family == AF_INET) {
    ip_mreqn group = {};
    inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
    group.imr_ifindex = 1;
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
  }
  ipv6_mreq group = {};
  inet_pton(AF_INET6, "ff02::fb", &group.ipv6mr_multiaddr);
  group.ipv6mr_interface = 1;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group);
}

long Sets(int family, int level, int option, const void* value, socklen_t size) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return setsockopt(fd, level, option, value, size);
}

constexpr int kOn = 1;
struct Attempt {
  const char* name;
  long (*run)();
};
constexpr Attempt kAttempts[] = {
    {"raw-icmp4", +[] { return Opens(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    {"raw-icmp6", +[] { return Opens(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }},
    {"ping4", +[] { return Opens(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }},
    {"ping6", +[] { return Opens(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6); }},
    {"sctp4", +[] { return Opens(AF_INET, SOCK_STREAM, IPPROTO_SCTP); }},
    {"sctp6", +[] { return Opens(AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP); }},
    {"dccp4", +[] { return Opens(AF_INET, 6 /* SOCK_DCCP */, 33); }},
    {"dccp6", +[] { return Opens(AF_INET6, 6, 33); }},
    {"udplite4", +[] { return Opens(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE); }},
    {"udplite6", +[] { return Opens(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE); }},
    {"smc", +[] { return Opens(43 /* AF_SMC */, SOCK_STREAM, 0); }},
    {"l2tp4", +[] { return Opens(AF_INET, SOCK_DGRAM, 115); }},
    {"l2tp6", +[] { return Opens(AF_INET6, SOCK_DGRAM, 115); }},
    {"gre", +[] { return Opens(AF_INET, SOCK_RAW, 47); }},
    {"packet", +[] { return Opens(AF_PACKET, SOCK_RAW, htons(3)); }},
    {"packet-dgram", +[] { return Opens(AF_PACKET, SOCK_DGRAM, htons(0x0806 /* ARP */)); }},
    {"vsock-stream", +[] { return Opens(40 /* AF_VSOCK */, SOCK_STREAM, 0); }},
    {"vsock-dgram", +[] { return Opens(40, SOCK_DGRAM, 0); }},
    {"netfilter", +[] { return Opens(AF_NETLINK, SOCK_RAW, 12); }},
    {"igmp-raw", +[] { return Opens(AF_INET, SOCK_RAW, IPPROTO_IGMP); }},
    {"join4", +[] { return Join(AF_INET); }},
    {"join6", +[] { return Join(AF_INET6); }},
    {"transparent4", +[] { return Sets(AF_INET, IPPROTO_IP, IP_TRANSPARENT, &kOn, sizeof kOn); }},
    {"transparent6", +[] { return Sets(AF_INET6, IPPROTO_IPV6, 75 /* IPV6_TRANSPARENT */, &kOn, sizeof kOn); }},
    {"mark", +[] { return Sets(AF_INET, SOL_SOCKET, SO_MARK, &kOn, sizeof kOn); }},
    {"hop-options6",
     +[] {
       const unsigned char option[8] = {0, 0, 1 /* PadN */, 4};
       return Sets(AF_INET6, IPPROTO_IPV6, IPV6_HOPOPTS, option, sizeof option);
     }},
    {"source-route6",
     +[] {
       unsigned char route[24] = {0, 2, 0 /* type 0 */, 1};
       route[23] = 1;
       return Sets(AF_INET6, IPPROTO_IPV6, IPV6_RTHDR, route, sizeof route);
     }},
};

}  // namespace

std::string Try(const Words& words) {
  for (const Attempt& attempt : kAttempts) {
    if (words[0] != attempt.name) continue;
    errno = 0;
    return attempt.run() >= 0 ? "allowed" : ErrorName(errno);
  }
  return "no-such-attempt";
}

// ------------------------------------------------------------------------------------------------ storms

std::string Storm(const Words& words) {
  const Endpoint to = To(words[0], words[1]);
  const int connects = Number(words, "connects", 10'000), queries = Number(words, "queries", 10'000);
  int connected = 0, refused = 0, failed = 0, asked = 0;
  std::thread asker([&] {
    std::string why;
    const std::string name = words[3];
    const int fd = Dial(To(words[2], "53"), SOCK_DGRAM, &why);
    std::string query = "ab" + Big16(0x0100) + Big16(1) + std::string(6, '\0');
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t dot = std::min(name.find('.', at), name.size());
      query += static_cast<char>(dot - at) + name.substr(at, dot - at);
      at = dot + 1;
    }
    query += std::string(1, '\0') + Big16(1) + Big16(1);
    char buffer[1500];
    for (; asked < queries; ++asked) {
      if (send(fd, query.data(), query.size(), MSG_NOSIGNAL) < 0) break;
      pollfd wait = {fd, POLLIN, 0};
      // At most as many on their way as a socket's buffer holds.
      if (asked % 64 == 63 && poll(&wait, 1, 1000) != 1) break;
      while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
      }
    }
  });
  for (int i = 0; i < connects; ++i) {
    std::string why;
    const int fd = Dial(to, SOCK_STREAM, &why, 0, 2000);
    if (fd < 0) {
      ++(why == "ECONNREFUSED" || why == "ECONNRESET" ? refused : failed);
      continue;
    }
    ++connected;
    ReadFor(fd, 1000, 1);
    close(fd);
  }
  asker.join();
  return "connected:" + std::to_string(connected) + ",refused:" + std::to_string(refused) +
         ",failed:" + std::to_string(failed) + ",asked:" + std::to_string(asked);
}

}  // namespace net_probe
