// SPDX-License-Identifier: Apache-2.0
// Requests to the dialler.
#include "gate/dial_client.h"

#include <errno.h>

#include <utility>
#include <vector>

#include "sys/inet.h"

namespace gate {

DialClient::~DialClient() { loop_.Unwatch(socket_); }

base::Result<> DialClient::Start() { return loop_.Watch(socket_, EPOLLIN, this); }

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
  SendQueued();
  return ticket;
}

void DialClient::Cancel(Ticket ticket) { waiting_.erase(ticket); }

void DialClient::SendQueued() {
  while (!unsent_.empty()) {
    const wire::DialRequest& request = unsent_.front();
    if (waiting_.contains(request.id)) {
      const long sent = sys::Send(socket_, {reinterpret_cast<const std::uint8_t*>(&request), sizeof request});
      if (sent == -EAGAIN || sent == -ENOBUFS) return WatchOutput(true);
      // The other end is gone: every answer comes as an error when the loop sees the end of the socket.
      if (sent < 0) return;
      ++outstanding_;
    }
    unsent_.pop_front();
  }
  WatchOutput(false);
}

void DialClient::WatchOutput(bool on) {
  if (output_watched_ == on) return;
  output_watched_ = on;
  (void)loop_.Watch(socket_, on ? EPOLLIN | EPOLLOUT : EPOLLIN, this);  // a change of a watch that exists
}

void DialClient::OnReady(int, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) SendQueued();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Receive();
}

void DialClient::Receive() {
  while (!broken_ && ReceiveOne() && outstanding_ != 0) {
  }
}

bool DialClient::ReceiveOne() {
  wire::DialReply reply;
  base::UniqueFd descriptor;
  const long count =
      sys::ReceiveWithDescriptor(socket_, {reinterpret_cast<std::uint8_t*>(&reply), sizeof reply}, &descriptor);
  if (count == -EAGAIN) return false;
  if (count == 0 || (count < 0 && count != -EMSGSIZE)) {
    FailAll(count == 0 ? EPIPE : static_cast<int>(-count));
    return false;
  }
  if (outstanding_ != 0) --outstanding_;
  if (count != sizeof reply) return true;  // nobody's: the descriptor closes
  if (reply.error != 0 || !descriptor) {
    Settle(reply.id, base::FailOs(reply.error > 0 ? reply.error : EPROTO, "dialling"));
  } else {
    Settle(reply.id, std::move(descriptor));
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
  std::vector<Ticket> tickets;
  for (const auto& [ticket, answer] : waiting_) tickets.push_back(ticket);
  for (const Ticket ticket : tickets) Settle(ticket, base::FailOs(error, "the dialler is gone"));
}

}  // namespace gate
