// SPDX-License-Identifier: Apache-2.0
// The cell's network: the plan's messages are sent as they are, their acknowledgements awaited; then the listeners are
// made that only the gate will hold, and the sockets by which the parent reads the rules back.
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "sandbox/child.h"
#include "sys/call.h"
#include "wire/gate_config.h"

namespace sandbox::internal {
namespace {

using wire::CellFd;
using wire::StartPhase;

constexpr int kBacklog = 1024, kSecretBacklog = 64;
constexpr std::size_t kMaxCellFds = static_cast<std::size_t>(CellFd::kFirstUdp) + 2 * wire::kMaxGateUdpPorts;

void Close(long fd) { sys::Raw("close", SYS_close, fd); }

int NetlinkSocket(const ChildContext& context, int protocol) {
  return static_cast<int>(Must(
      context, sys::Raw("socket", SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "netlink socket"));
}

// A netlink request is answered while it is sent, so whatever there is to read is there now. True once the message of
// `last` was acknowledged.
bool ReadAnswers(const ChildContext& context, int socket, std::uint32_t last, const char* object) {
  alignas(nlmsghdr) char buffer[8192];
  const long count =
      Must(context, sys::Raw("recvfrom", SYS_recvfrom, socket, buffer, sizeof buffer, MSG_DONTWAIT, nullptr, nullptr), object);
  auto left = static_cast<std::size_t>(count);
  bool done = false;
  for (const char* at = buffer; left >= sizeof(nlmsghdr);) {
    nlmsghdr header;
    memcpy(&header, at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > left) Fail(context, -EBADMSG, object);
    if (header.nlmsg_type == NLMSG_ERROR) {
      int error;
      if (header.nlmsg_len < sizeof header + sizeof error) Fail(context, -EBADMSG, object);
      memcpy(&error, at + sizeof header, sizeof error);
      if (error != 0) Fail(context, error, object);
      done = done || header.nlmsg_seq == last;
    }
    const std::size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= left) break;
    at += step;
    left -= step;
  }
  return done;
}

// The sequence number of a batch's last message that asks for an acknowledgement.
std::uint32_t LastAcknowledged(const std::string& batch) {
  std::uint32_t last = 0;
  for (std::size_t at = 0; at + sizeof(nlmsghdr) <= batch.size();) {
    nlmsghdr header;
    memcpy(&header, batch.data() + at, sizeof header);
    if (header.nlmsg_len < sizeof header) break;
    if ((header.nlmsg_flags & NLM_F_ACK) != 0) last = header.nlmsg_seq;
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return last;
}

void SendBatch(const ChildContext& context, int protocol, const std::string& batch, const char* object) {
  const int socket = NetlinkSocket(context, protocol);
  // One message, however long; and in the answers the request is not repeated.
  const int room = static_cast<int>(batch.size() + 65536), on = 1;
  if (sys::Raw("setsockopt", SYS_setsockopt, socket, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0) {
    sys::Raw("setsockopt", SYS_setsockopt, socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  }
  Must(context, sys::Raw("setsockopt", SYS_setsockopt, socket, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on), object);
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  Must(context,
       sys::Raw("sendto", SYS_sendto, socket, batch.data(), batch.size(), 0, &kernel, sizeof kernel), object);
  const std::uint32_t last = LastAcknowledged(batch);
  while (!ReadAnswers(context, socket, last, object)) {
  }
  Close(socket);
}

void SetOption(const ChildContext& context, int socket, int level, int option, const char* object) {
  const int on = 1;
  Must(context, sys::Raw("setsockopt", SYS_setsockopt, socket, level, option, &on, sizeof on), object);
}

// A socket of `type` on `port`: streams listen, datagrams tell where they were sent. TCP for the relay is bound to the
// cell's own address, everything else to any, since the address that was asked stays as it was.
int Listener(const ChildContext& context, bool v6, int type, std::uint16_t port) {
  const char* object = v6 ? "listener of the gate (IPv6)" : "listener of the gate";
  const int family = v6 ? AF_INET6 : AF_INET;
  const int socket = static_cast<int>(
      Must(context, sys::Raw("socket", SYS_socket, family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), object));
  const bool own_address = type == SOCK_STREAM && port == wire::kRelayPort;
  if (type == SOCK_STREAM) SetOption(context, socket, SOL_SOCKET, SO_REUSEADDR, object);
  if (type == SOCK_DGRAM && !v6) SetOption(context, socket, IPPROTO_IP, IP_PKTINFO, object);
  long bound;
  if (v6) {
    SetOption(context, socket, IPPROTO_IPV6, IPV6_V6ONLY, object);
    if (type == SOCK_DGRAM) {
      SetOption(context, socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, object);
      SetOption(context, socket, IPPROTO_IPV6, IPV6_FREEBIND, object);
    }
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    static_assert(sizeof wire::kCellAddress6 == sizeof "fd00:ce11::1");
    constexpr unsigned char kOwn[16] = {0xfd, 0, 0xce, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (own_address) memcpy(&address.sin6_addr, kOwn, sizeof kOwn);
    bound = sys::Raw("bind", SYS_bind, socket, &address, sizeof address);
  } else {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (own_address) memcpy(&address.sin_addr, wire::kCellAddress4, sizeof wire::kCellAddress4);
    bound = sys::Raw("bind", SYS_bind, socket, &address, sizeof address);
  }
  Must(context, bound, object);
  if (type == SOCK_STREAM) Must(context, sys::Raw("listen", SYS_listen, socket, kBacklog), object);
  return socket;
}

struct CellDescriptors {
  int fds[kMaxCellFds];
  std::size_t count = static_cast<std::size_t>(CellFd::kFirstUdp);

  explicit CellDescriptors(int filler) {
    for (int& fd : fds) fd = filler;
  }
  int& operator[](CellFd which) { return fds[static_cast<std::size_t>(which)]; }
};

void OpenListeners(const ChildContext& context, CellDescriptors& descriptors) {
  for (const bool v6 : {false, true}) {
    descriptors[v6 ? CellFd::kRelayTcp6 : CellFd::kRelayTcp4] = Listener(context, v6, SOCK_STREAM, wire::kRelayPort);
    descriptors[v6 ? CellFd::kDnsTcp6 : CellFd::kDnsTcp4] = Listener(context, v6, SOCK_STREAM, wire::kDnsPort);
    descriptors[v6 ? CellFd::kDnsUdp6 : CellFd::kDnsUdp4] = Listener(context, v6, SOCK_DGRAM, wire::kDnsPort);
  }
  const std::size_t ports = context.plan->network->udp_ports.size();
  for (std::size_t i = 0; i < ports && i < wire::kMaxGateUdpPorts; ++i) {
    for (const bool v6 : {false, true}) {
      descriptors.fds[descriptors.count++] =
          Listener(context, v6, SOCK_DGRAM, static_cast<std::uint16_t>(wire::kFirstUdpPort + i));
    }
  }
}

long SendDescriptors(int socket, const void* bytes, std::size_t size, const int* fds, std::size_t count) {
  iovec part = {const_cast<void*>(bytes), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxCellFds)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
  return sys::Raw("sendmsg", SYS_sendmsg, socket, &message, MSG_NOSIGNAL);
}

}  // namespace

void PassUp(const ChildContext& context, wire::ReportKind kind, const int* fds, std::size_t count, const char* object) {
  wire::InitReport report = {};
  report.kind = kind;
  Must(context, SendDescriptors(context.report, &report, sizeof report, fds, count), object);
}

int ListenForSecrets(const ChildContext& context) {
  const char* object = plan::kSecretSocket;
  const int socket = static_cast<int>(
      Must(context, sys::Raw("socket", SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), object));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  static_assert(sizeof plan::kSecretSocket <= sizeof address.sun_path);
  memcpy(address.sun_path, plan::kSecretSocket + 1, sizeof plan::kSecretSocket - 1);  // below the new root
  Must(context, sys::Raw("bind", SYS_bind, socket, &address, sizeof address), object);
  Must(context, sys::Raw("fchmodat", SYS_fchmodat, AT_FDCWD, address.sun_path, 0700), object);
  Must(context, sys::Raw("listen", SYS_listen, socket, kSecretBacklog), object);
  return socket;
}

void SetUpNetwork(const ChildContext& context, int secrets) {
  Enter(context, StartPhase::kNetwork);
  const plan::NetworkPlan& network = *context.plan->network;
  CellDescriptors descriptors(context.null);
  if (network.network) {
    SendBatch(context, NETLINK_ROUTE, network.link_batch, "addresses and routes");
    SendBatch(context, NETLINK_NETFILTER, network.nft_batch, "rules");
    OpenListeners(context, descriptors);
    const int netfilter[] = {NetlinkSocket(context, NETLINK_NETFILTER), NetlinkSocket(context, NETLINK_NETFILTER)};
    PassUp(context, wire::ReportKind::kNetfilter, netfilter, 2, "netfilter sockets");
    for (const int fd : netfilter) Close(fd);
  } else {
    RaiseLoopback(context);
  }
  if (secrets >= 0) descriptors[CellFd::kSecrets] = secrets;
  const auto count = static_cast<std::uint32_t>(descriptors.count);
  Must(context, SendDescriptors(context.gate, &count, sizeof count, descriptors.fds, count), "listeners of the gate");
  for (std::size_t i = 0; i < count; ++i) {
    if (descriptors.fds[i] != context.null) Close(descriptors.fds[i]);
  }
}

void TuneNetwork(const ChildContext& context, int proc) {
  // Ports of connections that the workload closed first would be taken for a minute, and their entries for two.
  static constexpr const char* kSettings[][2] = {
      {"sys/net/ipv4/tcp_tw_reuse", "1"}, {"sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait", "10"}};
  for (const auto& [path, value] : kSettings) {
    const long fd = Must(context, sys::Raw("openat", SYS_openat, proc, path, O_WRONLY | O_CLOEXEC, 0), path);
    Must(context, sys::Raw("write", SYS_write, fd, value, strlen(value)), path);
    Close(fd);
  }
}

}  // namespace sandbox::internal
