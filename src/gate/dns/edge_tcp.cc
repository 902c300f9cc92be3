// SPDX-License-Identifier: Apache-2.0
// Frames in, frames out, and when a client's time is over.
#include "gate/dns/edge_tcp.h"

#include <sys/socket.h>

#include <cerrno>

#include "sys/inet.h"

namespace gate::dns {
namespace {

constexpr std::size_t kPrefix = 2;
constexpr std::uint32_t kMaxOwed = 128;             // questions of one client at once
constexpr std::size_t kMaxUnsent = 64u << 10;       // beyond it no further question of the client is taken
constexpr std::size_t kReadBytes = 64u << 10;
constexpr int kAcceptsPerRound = 32;
constexpr auto kSweepEvery = std::chrono::milliseconds(250);

std::size_t FrameBytes(std::span<const std::uint8_t> bytes) {
  return kPrefix + (static_cast<std::size_t>(bytes[0]) << 8 | bytes[1]);
}
bool HoldsFrame(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kPrefix && bytes.size() >= FrameBytes(bytes);
}

}  // namespace

TcpEdge::TcpEdge(Loop& loop, QuestionSink& sink, Observer& observer, int listener4, int listener6,
                 TcpEdgeLimits limits)
    : loop_(loop), sink_(sink), observer_(observer), listener4_(listener4), listener6_(listener6), limits_(limits) {
  clients_.reserve(limits_.clients);  // references to clients stay good
}

TcpEdge::~TcpEdge() {
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    if (clients_[slot].fd) Close(slot);
  }
  if (listener4_ >= 0) loop_.Unwatch(listener4_);
  if (listener6_ >= 0) loop_.Unwatch(listener6_);
  loop_.Cancel(sweep_);
  loop_.Cancel(resume_);
}

base::Result<> TcpEdge::Start() {
  if (listener4_ >= 0) TRY(loop_.Watch(listener4_, EPOLLIN, this));
  if (listener6_ >= 0) TRY(loop_.Watch(listener6_, EPOLLIN, this));
  return {};
}

void TcpEdge::OnReady(int fd, std::uint32_t events) {
  if (fd == listener4_ || fd == listener6_) return AcceptAll(fd, fd == listener6_);
  const std::uint32_t slot = slot_of_[static_cast<std::size_t>(fd)];
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Close(slot);  // both directions are gone
  if ((events & EPOLLIN) != 0) Read(slot);
  if (clients_[slot].fd) MarkDirty(slot);
}

void TcpEdge::AcceptAll(int listener, bool v6) {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    base::IpEndpoint peer, local;
    const long accepted = sys::AcceptInet(listener, &peer);
    if (accepted == -ECONNABORTED || accepted == -EINTR) continue;
    if (accepted == -EAGAIN) return;
    if (accepted < 0) return Pause(listener);
    base::UniqueFd fd(static_cast<int>(accepted));
    Asker asker;
    asker.transport = EdgeTransport::kTcp;
    asker.v6_socket = v6;
    asker.peer = peer.address;
    asker.port = peer.port;
    if (sys::LocalAddress(fd.get(), &local)) asker.asked = local.address;
    if (live_ >= limits_.clients && !MakeRoom()) {
      ++counters_.turned_away;
      observer_.OnClientCut(asker);
      sys::SetResetOnClose(fd.get());
      continue;
    }
    Admit(std::move(fd), asker);
  }
}

// No descriptor or no memory: what waits at the listener would wake the loop again and again.
void TcpEdge::Pause(int listener) {
  (void)MakeRoom();
  loop_.Unwatch(listener);
  loop_.Cancel(resume_);
  resume_ = loop_.At(loop_.Now() + kSweepEvery, [this] {
    resume_ = 0;
    if (!Start()) loop_.Stop();  // unheard, the cell would wait for ever
  });
}

// Ends the client that has been idle longest; false when every client is owed something.
bool TcpEdge::MakeRoom() {
  std::uint32_t oldest = 0;
  bool found = false;
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    const Client& client = clients_[slot];
    if (!client.fd || client.owed > 0 || !client.out.empty()) continue;
    if (!found || client.since < clients_[oldest].since) oldest = slot;
    found = true;
  }
  if (!found) return false;
  ++counters_.made_room;
  observer_.OnClientCut(clients_[oldest].asker);
  Close(oldest);
  return true;
}

void TcpEdge::Admit(base::UniqueFd fd, const Asker& asker) {
  (void)sys::SetNoDelay(fd.get());  // only costs time where it fails
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(clients_.size());
    clients_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  const auto number = static_cast<std::size_t>(fd.get());
  if (slot_of_.size() <= number) slot_of_.resize(number + 1);
  slot_of_[number] = slot;
  Client& client = clients_[slot];
  client.fd = std::move(fd);
  client.asker = asker;
  client.asker.client = slot;
  client.asker.generation = client.generation;
  client.since = loop_.Now();
  ++live_;
  ++counters_.accepted;
  Settle(slot);
  if (sweep_ == 0) sweep_ = loop_.At(loop_.Now() + kSweepEvery, [this] { Sweep(); });
}

void TcpEdge::Read(std::uint32_t slot) {
  Client& client = clients_[slot];
  if (scratch_.empty()) scratch_.resize(kReadBytes);
  const long count = sys::Receive(client.fd.get(), scratch_);
  if (count == -EAGAIN || count == -EINTR) return;
  if (count < 0) return Close(slot);
  if (count == 0) {
    client.ended = true;
    return;
  }
  const std::span<const std::uint8_t> bytes(scratch_.data(), static_cast<std::size_t>(count));
  if (client.in.empty()) {  // whole frames need no copy
    const std::size_t taken = TakeFrames(client, bytes);
    client.in.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
    TimeFrame(client, taken > 0);
  } else {
    client.in.insert(client.in.end(), bytes.begin(), bytes.end());
    TakeStored(client);
  }
}

void TcpEdge::TakeStored(Client& client) {
  const std::size_t taken = TakeFrames(client, client.in);
  client.in.erase(client.in.begin(), client.in.begin() + static_cast<std::ptrdiff_t>(taken));
  if (client.in.empty()) std::vector<std::uint8_t>().swap(client.in);
  TimeFrame(client, taken > 0);
}

// The deadline of a message runs from its first byte, whatever comes in between.
void TcpEdge::TimeFrame(Client& client, bool progressed) {
  const bool partial = !client.in.empty() && !HoldsFrame(client.in);
  if (!partial) {
    client.frame = base::BootTime(0);
  } else if (progressed || client.frame == base::BootTime(0)) {
    client.frame = loop_.Now();
  }
}

// Asks the questions of all whole frames, as far as the client's bounds allow; bytes used.
std::size_t TcpEdge::TakeFrames(Client& client, std::span<const std::uint8_t> bytes) {
  std::size_t at = 0;
  while (!client.closing && client.owed < kMaxOwed && client.out.size() - client.sent <= kMaxUnsent) {
    const std::span<const std::uint8_t> rest = bytes.subspan(at);
    if (!HoldsFrame(rest)) break;
    const std::size_t size = FrameBytes(rest);
    at += size;
    ++client.owed;  // the answer may come from within
    client.since = loop_.Now();
    const Taken taken = sink_.OnQuestion(rest.subspan(kPrefix, size - kPrefix), client.asker);
    if (taken != Taken::kHold) --client.owed;
    if (taken == Taken::kClose) client.closing = true;
  }
  return at;
}

void TcpEdge::Answer(const Asker& asker, std::span<const std::uint8_t> message) {
  if (asker.client >= clients_.size()) return;
  Client& client = clients_[asker.client];
  if (!client.fd || client.generation != asker.generation || client.owed == 0) return;
  --client.owed;
  client.since = loop_.Now();
  client.out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  client.out.push_back(static_cast<std::uint8_t>(message.size()));
  client.out.insert(client.out.end(), message.begin(), message.end());
  MarkDirty(asker.client);
}

void TcpEdge::MarkDirty(std::uint32_t slot) {
  if (clients_[slot].dirty) return;
  clients_[slot].dirty = true;
  dirty_.push_back(slot);
}

void TcpEdge::Flush() {
  for (std::size_t i = 0; i < dirty_.size(); ++i) {  // grows while questions that were held back are asked
    const std::uint32_t slot = dirty_[i];
    Client& client = clients_[slot];
    if (!client.dirty) continue;
    client.dirty = false;
    if (!client.fd) continue;
    if (!Send(client)) {
      Close(slot);
      continue;
    }
    if (HoldsFrame(client.in)) TakeStored(client);
    Settle(slot);
  }
  dirty_.clear();
}

// False: the connection is broken.
bool TcpEdge::Send(Client& client) {
  while (client.sent < client.out.size()) {
    const long count = sys::Send(client.fd.get(), std::span(client.out).subspan(client.sent));
    if (count == -EAGAIN || count == -EINTR) {
      if (client.stuck == base::BootTime(0)) client.stuck = loop_.Now();
      return true;
    }
    if (count <= 0) return false;
    client.sent += static_cast<std::size_t>(count);
    client.stuck = base::BootTime(0);
  }
  client.out.clear();
  client.sent = 0;
  return true;
}

// Ends a client that is done with, else watches it for what it may do next.
void TcpEdge::Settle(std::uint32_t slot) {
  Client& client = clients_[slot];
  const bool unsent = !client.out.empty();
  if (!unsent && (client.closing || (client.ended && client.owed == 0 && !HoldsFrame(client.in)))) return Close(slot);
  std::uint32_t events = 0;
  if (unsent) events |= EPOLLOUT;
  const bool full = client.owed >= kMaxOwed || client.out.size() > kMaxUnsent || HoldsFrame(client.in);
  if (!client.ended && !client.closing && !full) events |= EPOLLIN;
  if (events == client.watched && events != 0) return;
  client.watched = events;
  if (!loop_.Watch(client.fd.get(), events, this)) Close(slot);
}

void TcpEdge::Close(std::uint32_t slot) {
  Client& client = clients_[slot];
  loop_.Unwatch(client.fd.get());
  const std::uint32_t generation = client.generation + 1;
  const bool dirty = client.dirty;
  client = Client{};
  client.generation = generation;
  client.dirty = dirty;
  free_.push_back(slot);
  --live_;
}

void TcpEdge::Sweep() {
  sweep_ = 0;
  const base::BootTime now = loop_.Now(), none{0};
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    const Client& client = clients_[slot];
    if (!client.fd) continue;
    const bool slow = client.frame != none && now - client.frame >= limits_.message;
    const bool stuck = client.stuck != none && now - client.stuck >= limits_.unread;
    const bool idle = client.owed == 0 && client.out.empty() && now - client.since >= limits_.idle;
    if (!slow && !stuck && !idle) continue;
    ++counters_.timed_out;
    Close(slot);
  }
  if (live_ > 0) sweep_ = loop_.At(now + kSweepEvery, [this] { Sweep(); });
}

}  // namespace gate::dns
