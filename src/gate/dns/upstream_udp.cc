// SPDX-License-Identifier: Apache-2.0
// The pool of datagram sockets.
#include "gate/dns/upstream_udp.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sys/inet.h"

namespace gate::dns {
namespace {

constexpr std::size_t kBatch = 16;
constexpr std::size_t kMaxDatagram = 65535;

bool FromNetwork(long error) {
  return error == -ECONNREFUSED || error == -EHOSTUNREACH || error == -ENETUNREACH || error == -ENETDOWN;
}

}  // namespace

struct UdpUpstream::Inbox {
  Inbox() : headers{} {
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {bytes[i], kMaxDatagram};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::array<mmsghdr, kBatch> headers;
  std::array<iovec, kBatch> vectors;
  std::uint8_t bytes[kBatch][kMaxDatagram + 1];  // only what was received is ever touched
};

UdpUpstream::UdpUpstream(Loop& loop, Dialler& dialler, TransportSink& sink, Entropy& entropy, std::uint32_t resolver,
                         const base::IpEndpoint& to)
    : loop_(loop), sink_(sink), entropy_(entropy), dials_(dialler, resolver, to, wire::IpProtocol::kUdp) {}

UdpUpstream::~UdpUpstream() {
  for (const auto& socket : sockets_) loop_.Unwatch(socket->fd.get());
}

void UdpUpstream::DialAhead() { Grow(); }

void UdpUpstream::Grow() {
  const std::size_t wanted = std::clamp(in_use_ / kWaitingPerSocket, kMinSockets, kMaxSockets);
  while (fresh_ + dials_.pending() < wanted) {
    const std::size_t before = fresh_ + dials_.pending();
    dials_.Start([this](base::Result<base::UniqueFd> fd) { OnDialled(std::move(fd)); });
    if (fresh_ + dials_.pending() == before) return;  // refused at once
  }
}

void UdpUpstream::OnDialled(base::Result<base::UniqueFd> fd) {
  if (fd && loop_.Watch(fd->get(), EPOLLIN, this)) {
    auto socket = std::make_unique<Socket>();
    socket->fd = std::move(*fd);
    socket->born = loop_.Now();
    socket->uses = entropy_.Below(kMaxUses / 2);  // so that they do not all end together
    sockets_.push_back(std::move(socket));
    ++fresh_;
  }
  const std::vector<Handle> wanting = std::exchange(wanting_, {});
  for (const Handle handle : wanting) {
    if (fresh_ > 0) {
      sink_.OnPlaceFree(handle);
    } else if (dials_.pending() > 0) {
      wanting_.push_back(handle);
    } else {
      sink_.OnFailure(handle);
    }
  }
}

UdpUpstream::Socket* UdpUpstream::Find(int fd) {
  for (const auto& socket : sockets_) {
    if (socket->fd.get() == fd) return socket.get();
  }
  return nullptr;
}

// Any of the fresh ones, each as likely.
UdpUpstream::Socket* UdpUpstream::Pick() {
  if (fresh_ == 0) return nullptr;
  std::uint32_t skip = entropy_.Below(static_cast<std::uint32_t>(fresh_));
  for (const auto& socket : sockets_) {
    if (!socket->retired && skip-- == 0) return socket.get();
  }
  return nullptr;
}

std::optional<Place> UdpUpstream::Reserve(Handle handle) {
  Socket* socket = Pick();
  if (socket == nullptr) {
    wanting_.push_back(handle);
    Grow();
    return std::nullopt;
  }
  std::uint16_t id = 0;
  do {
    id = entropy_.Next16();
  } while (std::ranges::find(socket->waiting, id, &Waiter::id) != socket->waiting.end());
  socket->waiting.push_back({id, handle});
  ++in_use_;
  if (++socket->uses >= kMaxUses || loop_.Now() - socket->born >= kMaxAge) {
    socket->retired = true;
    --fresh_;
  }
  const Place place{socket->fd.get(), id};
  Grow();
  return place;
}

bool UdpUpstream::Send(Place place, std::span<const std::uint8_t> message) {
  const long sent = sys::Send(place.fd, message);
  if (sent >= 0) return true;
  Socket* socket = Find(place.fd);
  if (socket == nullptr || !FromNetwork(sent)) return false;
  if (!std::exchange(socket->broken, true)) {  // the answer of an earlier datagram; it ends all that wait here
    loop_.At(loop_.Now(), [this, fd = place.fd] { Fail(fd); });
  }
  return true;
}

void UdpUpstream::Release(Place place) {
  Socket* socket = Find(place.fd);
  if (socket == nullptr) return;
  const auto waiter = std::ranges::find(socket->waiting, place.id, &Waiter::id);
  if (waiter == socket->waiting.end()) return;
  *waiter = socket->waiting.back();
  socket->waiting.pop_back();
  --in_use_;
  if (socket->retired && socket->waiting.empty()) Reap();
}

void UdpUpstream::Forget(Handle handle) { std::erase(wanting_, handle); }

void UdpUpstream::OnReady(int fd, std::uint32_t) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return;
  if (!inbox_) inbox_ = std::make_unique<Inbox>();
  Inbox& inbox = *inbox_;
  const long count = sys::Raw("recvmmsg", SYS_recvmmsg, fd, inbox.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (FromNetwork(count)) return Fail(fd);
  ++dispatching_;
  for (long i = 0; i < count; ++i) Dispatch(*socket, {inbox.bytes[i], inbox.headers[i].msg_len});
  --dispatching_;
  Reap();
}

void UdpUpstream::Dispatch(Socket& socket, std::span<const std::uint8_t> message) {
  if (message.size() < 2) return sink_.OnStray();
  const auto id = static_cast<std::uint16_t>(message[0] << 8 | message[1]);
  const auto waiter = std::ranges::find(socket.waiting, id, &Waiter::id);
  if (waiter == socket.waiting.end()) return sink_.OnStray();
  sink_.OnMessage(waiter->handle, message, nullptr);
}

// The network says that nobody answers there: everything that waits on this socket is told at once.
void UdpUpstream::Fail(int fd) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return;
  if (!socket->retired) {
    socket->retired = true;
    --fresh_;
  }
  const std::vector<Waiter> waiting = std::exchange(socket->waiting, {});
  in_use_ -= waiting.size();
  Reap();
  for (const Waiter& waiter : waiting) sink_.OnFailure(waiter.handle);
}

void UdpUpstream::Reap() {
  if (dispatching_ > 0) return;
  std::erase_if(sockets_, [this](const std::unique_ptr<Socket>& socket) {
    if (!socket->retired || !socket->waiting.empty()) return false;
    loop_.Unwatch(socket->fd.get());
    return true;
  });
}

}  // namespace gate::dns
