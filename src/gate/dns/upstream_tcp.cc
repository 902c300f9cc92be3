// SPDX-License-Identifier: Apache-2.0
// Connections, frames and their ends.
#include "gate/dns/upstream_tcp.h"

#include <algorithm>
#include <cerrno>

#include "sys/inet.h"

namespace gate::dns {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kMaxUnsent = 1u << 20;

}  // namespace

TcpUpstream::TcpUpstream(Loop& loop, Dialler& dialler, TransportSink& sink, Entropy& entropy, std::uint32_t resolver,
                         const base::IpEndpoint& to)
    : loop_(loop), sink_(sink), entropy_(entropy), dials_(dialler, resolver, to, wire::IpProtocol::kTcp) {}

TcpUpstream::~TcpUpstream() {
  for (const auto& connection : connections_) loop_.Unwatch(connection->fd.get());
  loop_.Cancel(sweep_);
}

TcpUpstream::Connection* TcpUpstream::Find(int fd) {
  for (const auto& connection : connections_) {
    if (connection->fd.get() == fd) return connection.get();
  }
  return nullptr;
}

std::optional<Place> TcpUpstream::Reserve(Handle handle) {
  Connection* best = nullptr;
  for (const auto& connection : connections_) {
    if (connection->broken) continue;
    if (best == nullptr || connection->waiting.size() < best->waiting.size()) best = connection.get();
  }
  const bool full = best == nullptr || best->waiting.size() >= kWaitingPerConnection;
  if (full && connections_.size() + dials_.pending() < kMaxConnections && dials_.pending() == 0) {
    if (best == nullptr) wanting_.push_back(handle);
    dials_.Start([this](base::Result<base::UniqueFd> fd) { OnDialled(std::move(fd)); });
  } else if (best == nullptr) {
    wanting_.push_back(handle);
  }
  if (best == nullptr) return std::nullopt;
  std::uint16_t id = 0;
  do {
    id = entropy_.Next16();
  } while (std::ranges::find(best->waiting, id, &Waiter::id) != best->waiting.end());
  best->waiting.push_back({id, handle});
  best->used = loop_.Now();
  return Place{best->fd.get(), id};
}

void TcpUpstream::OnDialled(base::Result<base::UniqueFd> fd) {
  bool usable = !connections_.empty();
  if (fd && loop_.Watch(fd->get(), EPOLLIN, this)) {
    (void)sys::SetNoDelay(fd->get());  // only costs time where it fails
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->fd = std::move(*fd);
    connections_.back()->used = loop_.Now();
    usable = true;
    SweepLater();
  }
  const std::vector<Handle> wanting = std::exchange(wanting_, {});
  for (const Handle handle : wanting) usable ? sink_.OnPlaceFree(handle) : sink_.OnFailure(handle);
}

bool TcpUpstream::Send(Place place, std::span<const std::uint8_t> message) {
  Connection* connection = Find(place.fd);
  if (connection == nullptr || connection->out.size() + message.size() > kMaxUnsent) return false;
  connection->out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  connection->out.push_back(static_cast<std::uint8_t>(message.size()));
  connection->out.insert(connection->out.end(), message.begin(), message.end());
  if (!Push(*connection)) {
    connection->broken = true;
    loop_.At(loop_.Now(), [this, fd = place.fd] { Break(fd); });
  }
  return true;
}

// False: the connection is gone, or never came to be.
bool TcpUpstream::Push(Connection& connection) {
  std::size_t sent = 0;
  while (sent < connection.out.size()) {
    const long count = sys::Send(connection.fd.get(), std::span(connection.out).subspan(sent));
    if (count == -EAGAIN || count == -EINTR) break;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  connection.out.erase(connection.out.begin(), connection.out.begin() + static_cast<std::ptrdiff_t>(sent));
  const std::uint32_t events = EPOLLIN | (connection.out.empty() ? 0u : static_cast<std::uint32_t>(EPOLLOUT));
  return loop_.Watch(connection.fd.get(), events, this).has_value();
}

void TcpUpstream::Release(Place place) {
  Connection* connection = Find(place.fd);
  if (connection == nullptr) return;
  std::erase_if(connection->waiting, [&](const Waiter& waiter) { return waiter.id == place.id; });
}

void TcpUpstream::Forget(Handle handle) { std::erase(wanting_, handle); }

void TcpUpstream::OnReady(int fd, std::uint32_t events) {
  Connection* connection = Find(fd);
  if (connection == nullptr) return;
  bool alive = true;
  if ((events & EPOLLOUT) != 0) alive = Push(*connection);
  if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) alive = Pull(*connection);
  TakeFrames(*connection);
  if (!alive || connection->broken) Break(fd);
}

bool TcpUpstream::Pull(Connection& connection) {
  if (scratch_.empty()) scratch_.resize(kReadBytes);
  const long count = sys::Receive(connection.fd.get(), scratch_);
  if (count == -EAGAIN || count == -EINTR) return true;
  if (count <= 0) return false;
  connection.in.insert(connection.in.end(), scratch_.begin(), scratch_.begin() + count);
  return true;
}

void TcpUpstream::TakeFrames(Connection& connection) {
  const std::vector<std::uint8_t> in = std::exchange(connection.in, {});
  std::size_t at = 0;
  while (in.size() - at >= 2) {
    const std::size_t size = static_cast<std::size_t>(in[at]) << 8 | in[at + 1];
    if (in.size() - at - 2 < size) break;
    const std::span<const std::uint8_t> message(in.data() + at + 2, size);
    at += 2 + size;
    if (size < 2) {
      sink_.OnStray();
      continue;
    }
    const auto id = static_cast<std::uint16_t>(message[0] << 8 | message[1]);
    const auto waiter = std::ranges::find(connection.waiting, id, &Waiter::id);
    if (waiter == connection.waiting.end()) {
      sink_.OnStray();
    } else {
      sink_.OnMessage(waiter->handle, message, nullptr);
    }
  }
  connection.in.assign(in.begin() + static_cast<std::ptrdiff_t>(at), in.end());
  connection.used = loop_.Now();
}

void TcpUpstream::Break(int fd) {
  Connection* connection = Find(fd);
  if (connection == nullptr) return;
  const std::vector<Waiter> waiting = std::exchange(connection->waiting, {});
  loop_.Unwatch(fd);
  std::erase_if(connections_, [&](const std::unique_ptr<Connection>& each) { return each.get() == connection; });
  for (const Waiter& waiter : waiting) sink_.OnFailure(waiter.handle);
}

void TcpUpstream::SweepLater() {
  if (sweep_ == 0) sweep_ = loop_.At(loop_.Now() + kIdle, [this] { Sweep(); });
}

void TcpUpstream::Sweep() {
  sweep_ = 0;
  std::vector<int> idle;
  for (const auto& connection : connections_) {
    if (connection->waiting.empty() && loop_.Now() - connection->used >= kIdle) idle.push_back(connection->fd.get());
  }
  for (const int fd : idle) Break(fd);
  if (!connections_.empty()) SweepLater();
}

}  // namespace gate::dns
