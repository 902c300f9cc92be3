// SPDX-License-Identifier: Apache-2.0
// Packets to and from cellos-upstream.
#include "gate/dns/upstream_channel.h"

#include <cerrno>
#include <cstring>

#include "sys/inet.h"

namespace gate::dns {
namespace {

constexpr std::size_t kMaxWaiting = 4096;
constexpr std::size_t kMaxPacket = sizeof(wire::UpstreamReply) + wire::kMaxDnsMessage;
constexpr int kPacketsPerRound = 32;

}  // namespace

ChannelUpstream::~ChannelUpstream() {
  if (socket_ >= 0) loop_.Unwatch(socket_);
}

base::Result<> ChannelUpstream::Start() {
  if (socket_ < 0) return {};
  return loop_.Watch(socket_, EPOLLIN, this);
}

std::optional<Place> ChannelUpstream::Reserve(Handle handle) {
  if (socket_ < 0 || (free_.empty() && waiting_.size() >= kMaxWaiting)) {
    loop_.At(loop_.Now(), [this, handle] { sink_.OnFailure(handle); });
    return std::nullopt;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint16_t>(waiting_.size()));
    waiting_.emplace_back();
  }
  const std::uint16_t id = free_.back();
  free_.pop_back();
  waiting_[id] = {next_++ << 16 | id, handle};
  return Place{socket_, id};
}

bool ChannelUpstream::Send(Place place, std::span<const std::uint8_t> message) {
  const wire::UpstreamRequest request{
      .id = waiting_[place.id].request, .resolver = resolver_, .bytes = static_cast<std::uint32_t>(message.size())};
  out_.resize(sizeof request + message.size());
  std::memcpy(out_.data(), &request, sizeof request);
  std::memcpy(out_.data() + sizeof request, message.data(), message.size());
  return sys::Send(place.fd, out_) > 0;
}

void ChannelUpstream::Release(Place place) {
  if (place.id >= waiting_.size() || waiting_[place.id].request == 0) return;
  waiting_[place.id].request = 0;
  free_.push_back(place.id);
}

void ChannelUpstream::OnReady(int fd, std::uint32_t) {
  if (in_.empty()) in_.resize(kMaxPacket);
  for (int i = 0; i < kPacketsPerRound; ++i) {
    const long count = sys::Receive(fd, in_);
    if (count == -EAGAIN || count == -EINTR) return;
    if (count <= 0) return FailAll();
    Take({in_.data(), static_cast<std::size_t>(count)});
  }
}

void ChannelUpstream::Take(std::span<const std::uint8_t> packet) {
  wire::UpstreamReply reply;
  if (packet.size() < sizeof reply) return sink_.OnStray();
  std::memcpy(&reply, packet.data(), sizeof reply);
  const std::span<const std::uint8_t> message = packet.subspan(sizeof reply);
  if (reply.bytes != message.size() || reply.outcome > wire::UpstreamOutcome::kFailed) return sink_.OnStray();
  const std::size_t id = reply.id & 0xffff;
  if (reply.id == 0 || id >= waiting_.size() || waiting_[id].request != reply.id) return sink_.OnStray();
  sink_.OnMessage(waiting_[id].handle, message, &reply);
}

// cellos-upstream is gone: nothing that needs it can be answered any more.
void ChannelUpstream::FailAll() {
  loop_.Unwatch(socket_);
  socket_ = -1;
  for (std::size_t id = 0; id < waiting_.size(); ++id) {
    if (waiting_[id].request == 0) continue;
    const Handle handle = waiting_[id].handle;
    Release({-1, static_cast<std::uint16_t>(id)});
    sink_.OnFailure(handle);
  }
}

}  // namespace gate::dns
