// SPDX-License-Identifier: Apache-2.0
// Packets of the gate in, packets to the gate out.
#include "upstream/service.h"

#include <sys/socket.h>

#include <cstring>

#include "sys/socket.h"
#include "upstream/config.h"

namespace upstream {

void Service::OnReady(short) {
  // A bounded number each round, so that answers get their turn.
  for (int i = 0; i < 32; ++i) {
    base::Result<sys::Received> received = sys::RecvMsg(gate_, buffer_, MSG_DONTWAIT);
    if (!received && received.error().os_errno == EAGAIN) return;
    if (!received || received->bytes == 0) {
      watch_.Stop();
      loop_.Defer(lost_);
      return;
    }
    if (!received->truncated) Serve(std::string_view(buffer_).substr(0, received->bytes));
  }
}

void Service::Serve(std::string_view packet) {
  wire::UpstreamRequest request;
  if (packet.size() < sizeof(request)) return;
  std::memcpy(&request, packet.data(), sizeof(request));
  packet.remove_prefix(sizeof(request));
  const bool sound = request.bytes == packet.size() && request.resolver < resolvers_.size() &&
                     resolvers_[request.resolver] != nullptr && QuestionOf(packet);
  if (!sound || in_flight_ >= kMaxInFlight) return Reply(request.id, {});
  ++in_flight_;
  resolvers_[request.resolver]->Ask(std::string(packet), [this, id = request.id](Outcome outcome) {
    --in_flight_;
    Reply(id, outcome);
  });
}

void Service::Reply(std::uint64_t id, const Outcome& outcome) {
  wire::UpstreamReply reply;
  reply.id = id;
  reply.outcome = outcome.outcome;
  reply.algorithm = outcome.signature.algorithm;
  reply.key_tag = outcome.signature.key_tag;
  reply.bytes = static_cast<std::uint32_t>(outcome.answer.size());
  std::string packet(reinterpret_cast<const char*>(&reply), sizeof(reply));
  packet += outcome.answer;
  // A gate that does not read loses replies, not we: it has its own bound on waiting.
  [[maybe_unused]] const auto sent = sys::SendMsg(gate_, packet, {}, MSG_DONTWAIT);
}

}  // namespace upstream
