// SPDX-License-Identifier: Apache-2.0
// Requests to the dialler.
#include "gate/dial_client.h"

#include <errno.h>

#include <utility>
#include <vector>

#include "sys/inet.h"

namespace gate {

static_assert(wire::kMaxDialsPerPacket <= sys::kMaxReceivedDescriptors);

DialClient::~DialClient() { loop_.Unwatch(socket_); }

base::Result<> DialClient::Start() {
  loop_.OnRoundEnd([this] { SendQueued(); });
  return loop_.Watch(socket_, EPOLLIN, this);
}

Dialler::Ticket DialClient::Dial(wire::DialRequest request, Answer answer) {
  request.id = next_id_++;
  const Ticket ticket = request.id;
  const int refused = broken_ ? EPIPE : waiting_.size() >= kMaxWaiting || unsent_.size() >= kMaxWaiting ? EAGAIN : 0;
  waiting_.emplace(ticket, std::move(answer));
  if (refused != 0) {
    loop_.At(loop_.Now(), [this, ticket, refused] { Settle(ticket, base::FailOs(refused, "asking the dialler")); });
    return ticket;
  }
  unsent_.push_back(request);
  return ticket;
}

void DialClient::Cancel(Ticket ticket) { waiting_.erase(ticket); }

void DialClient::SendQueued() {
  while (!broken_ && (in_packet_ != 0 || FillPacket() != 0)) {
    const long sent = sys::Send(socket_, {reinterpret_cast<const std::uint8_t*>(packet_.data()),
                                          in_packet_ * sizeof(wire::DialRequest)});
    if (sent == -EAGAIN || sent == -ENOBUFS) return WatchOutput(true);
    // The other end is gone: every answer comes as an error when the loop sees the end of the socket.
    if (sent < 0) return;
    ++outstanding_;
    in_packet_ = 0;
  }
  WatchOutput(false);
}

std::size_t DialClient::FillPacket() {
  for (; !unsent_.empty() && in_packet_ < packet_.size(); unsent_.pop_front()) {
    if (waiting_.contains(unsent_.front().id)) packet_[in_packet_++] = unsent_.front();
  }
  return in_packet_;
}

void DialClient::WatchOutput(bool on) {
  if (output_watched_ == on) return;
  output_watched_ = on;
  (void)loop_.Watch(socket_, on ? EPOLLIN | EPOLLOUT : EPOLLIN, this);  // a change of a watch that exists
}

// What waits for output leaves at the end of this round anyhow.
void DialClient::OnReady(int, std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Receive();
}

void DialClient::Receive() {
  while (!broken_ && ReceivePacket() && outstanding_ != 0) {
  }
}

bool DialClient::ReceivePacket() {
  std::array<wire::DialReply, wire::kMaxDialsPerPacket> replies;
  std::array<base::UniqueFd, wire::kMaxDialsPerPacket> descriptors;
  const long count = sys::ReceiveWithDescriptors(
      socket_, {reinterpret_cast<std::uint8_t*>(replies.data()), sizeof replies}, descriptors);
  if (count == -EAGAIN) return false;
  if (count == 0 || (count < 0 && count != -EMSGSIZE)) {
    FailAll(count == 0 ? EPIPE : static_cast<int>(-count));
    return false;
  }
  if (outstanding_ != 0) --outstanding_;
  if (count < 0 || count % static_cast<long>(sizeof(wire::DialReply)) != 0) return true;  // nobody's: they close
  base::UniqueFd* next = descriptors.data();
  for (const wire::DialReply& reply : std::span(replies).first(static_cast<std::size_t>(count) / sizeof replies[0])) {
    if (reply.error == 0 && *next) {
      Settle(reply.id, std::move(*next++));
    } else {
      Settle(reply.id, base::FailOs(reply.error > 0 ? reply.error : EPROTO, "dialling"));
    }
  }
  return true;
}

void DialClient::Settle(Ticket ticket, base::Result<base::UniqueFd> result) {
  auto node = waiting_.extract(ticket);
  if (!node.empty()) node.mapped()(std::move(result));
}

void DialClient::FailAll(int error) {
  broken_ = true;
  loop_.Unwatch(socket_);
  unsent_.clear();
  in_packet_ = 0;
  std::vector<Ticket> tickets;
  for (const auto& [ticket, answer] : waiting_) tickets.push_back(ticket);
  for (const Ticket ticket : tickets) Settle(ticket, base::FailOs(error, "the dialler is gone"));
}

}  // namespace gate
