// SPDX-License-Identifier: Apache-2.0
// recvmmsg and sendmmsg with packet information.
#include "gate/dns/edge_udp.h"

#include <netinet/in.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "sys/call.h"

namespace gate::dns {
namespace {

constexpr std::size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo));

base::IpAddress FromV4(const in_addr& from) {
  base::IpAddress address;
  std::memcpy(address.bytes.data(), &from, 4);
  return address;
}

base::IpAddress FromV6(const in6_addr& from) {
  base::IpAddress address;
  address.v6 = true;
  std::memcpy(address.bytes.data(), &from, 16);
  return address;
}

bool LinkLocal(const base::IpAddress& address) {
  return address.v6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

// False where the kernel did not say which address was asked: then nothing could be answered from it.
bool ReadAsked(msghdr& header, Asker* asker) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      asker->asked = FromV4(info.ipi_addr);
      return true;
    }
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      asker->asked = FromV6(info.ipi6_addr);
      if (LinkLocal(asker->asked)) asker->interface = info.ipi6_ifindex;
      return true;
    }
  }
  return false;
}

void ReadPeer(const sockaddr_storage& from, Asker* asker) {
  if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &from, sizeof v6);
    asker->peer = FromV6(v6.sin6_addr);
    asker->port = ntohs(v6.sin6_port);
  } else {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    asker->peer = FromV4(v4.sin_addr);
    asker->port = ntohs(v4.sin_port);
  }
}

socklen_t WritePeer(const Asker& asker, sockaddr_storage* to) {
  if (asker.v6_socket) {
    sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(asker.port);
    std::memcpy(&v6.sin6_addr, asker.peer.bytes.data(), 16);
    if (LinkLocal(asker.peer)) v6.sin6_scope_id = asker.interface;
    std::memcpy(to, &v6, sizeof v6);
    return sizeof v6;
  }
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(asker.port);
  std::memcpy(&v4.sin_addr, asker.peer.bytes.data(), 4);
  std::memcpy(to, &v4, sizeof v4);
  return sizeof v4;
}

std::size_t WriteAsked(const Asker& asker, std::uint8_t* control) {
  auto* header = reinterpret_cast<cmsghdr*>(control);
  if (asker.v6_socket) {
    in6_pktinfo info = {};
    std::memcpy(&info.ipi6_addr, asker.asked.bytes.data(), 16);
    info.ipi6_ifindex = asker.interface;
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  in_pktinfo info = {};
  std::memcpy(&info.ipi_spec_dst, asker.asked.bytes.data(), 4);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
  return CMSG_SPACE(sizeof info);
}

}  // namespace

// What sendmmsg reads.
struct UdpEdge::Outbox {
  std::array<mmsghdr, kBatch> headers;
  std::array<iovec, kBatch> vectors;
  std::array<sockaddr_storage, kBatch> peers;
  alignas(cmsghdr) std::uint8_t control[kBatch][kControl];
};
// What recvmmsg fills: of its own, since answers may leave while its messages are gone through.
struct UdpEdge::Inbox : Outbox {
  std::uint8_t bytes[kBatch][kMaxQuestion];
};

UdpEdge::UdpEdge(Loop& loop, QuestionSink& sink, int socket4, int socket6)
    : loop_(loop), sink_(sink), socket4_(socket4), socket6_(socket6),
      inbox_(std::make_unique_for_overwrite<Inbox>()), outbox_(std::make_unique_for_overwrite<Outbox>()) {
  Ready(kBatch);
}

UdpEdge::~UdpEdge() {
  if (socket4_ >= 0) loop_.Unwatch(socket4_);
  if (socket6_ >= 0) loop_.Unwatch(socket6_);
}

base::Result<> UdpEdge::Start() {
  if (socket4_ >= 0) TRY(loop_.Watch(socket4_, EPOLLIN, this));
  if (socket6_ >= 0) TRY(loop_.Watch(socket6_, EPOLLIN, this));
  return {};
}

// What a call of recvmmsg left behind is made ready again, nothing else.
void UdpEdge::Ready(std::size_t count) {
  Inbox& inbox = *inbox_;
  for (std::size_t i = 0; i < count; ++i) {
    inbox.vectors[i] = {inbox.bytes[i], kMaxQuestion};
    msghdr& header = inbox.headers[i].msg_hdr;
    header = {};
    header.msg_name = &inbox.peers[i];
    header.msg_namelen = sizeof inbox.peers[i];
    header.msg_iov = &inbox.vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = inbox.control[i];
    header.msg_controllen = kControl;
  }
}

void UdpEdge::OnReady(int fd, std::uint32_t) {
  Inbox& inbox = *inbox_;
  const long count = sys::Raw("recvmmsg", SYS_recvmmsg, fd, inbox.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  for (long i = 0; i < count; ++i) {
    ++received_;
    msghdr& header = inbox.headers[i].msg_hdr;
    Asker asker;
    asker.v6_socket = fd == socket6_;
    ReadPeer(inbox.peers[i], &asker);
    if (!ReadAsked(header, &asker)) {
      ++dropped_;
      continue;
    }
    sink_.OnQuestion({inbox.bytes[i], inbox.headers[i].msg_len}, asker);
  }
  Ready(static_cast<std::size_t>(std::max(count, 1L)));
}

void UdpEdge::Answer(const Asker& asker, std::span<const std::uint8_t> message) {
  if (queue_.size() >= kMaxQueued) Flush();
  queue_.push_back({asker, arena_.size(), message.size()});
  arena_.insert(arena_.end(), message.begin(), message.end());
}

void UdpEdge::Flush() {
  for (std::size_t first = 0; first < queue_.size();) first += SendFrom(first);
  queue_.clear();
  arena_.clear();
}

// Sends a run of answers of one socket; how many are done with.
std::size_t UdpEdge::SendFrom(std::size_t first) {
  Outbox& box = *outbox_;
  std::size_t count = 0;
  const bool v6 = queue_[first].asker.v6_socket;
  for (; count < kBatch && first + count < queue_.size(); ++count) {
    const Outgoing& out = queue_[first + count];
    if (out.asker.v6_socket != v6) break;
    box.vectors[count] = {arena_.data() + out.at, out.size};
    msghdr& header = box.headers[count].msg_hdr;
    header = {};
    header.msg_name = &box.peers[count];
    header.msg_namelen = WritePeer(out.asker, &box.peers[count]);
    header.msg_iov = &box.vectors[count];
    header.msg_iovlen = 1;
    header.msg_control = box.control[count];
    header.msg_controllen = WriteAsked(out.asker, box.control[count]);
  }
  const long sent =
      sys::Raw("sendmmsg", SYS_sendmmsg, v6 ? socket6_ : socket4_, box.headers.data(), count, MSG_DONTWAIT);
  if (sent > 0) return static_cast<std::size_t>(sent);
  ++dropped_;  // the first one could not be sent; those behind it may
  return 1;
}

}  // namespace gate::dns
