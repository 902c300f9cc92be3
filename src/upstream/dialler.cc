// SPDX-License-Identifier: Apache-2.0
// Asks for connections and gives each descriptor to whoever still waits for it.
#include "upstream/dialler.h"

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "sys/socket.h"

namespace upstream {

Dialler::Ticket SocketDialler::Dial(std::uint32_t index, wire::IpProtocol protocol, Answer answer) {
  const Ticket ticket = next_++;
  waiting_[ticket] = std::move(answer);
  const wire::GateResolver& resolver = resolvers_[index];
  wire::DialRequest request;
  request.id = ticket;
  request.index = index;
  request.port = resolver.port;
  request.purpose = wire::DialPurpose::kResolver;
  request.protocol = protocol;
  request.v6 = resolver.address.v6;
  std::memcpy(request.address, resolver.address.bytes, sizeof(request.address));
  const base::Result<std::size_t> sent =
      sys::SendMsg(socket_, {reinterpret_cast<const char*>(&request), sizeof(request)}, {}, MSG_DONTWAIT);
  if (!sent) {
    loop_.Defer([this, ticket, error = sent.error()] {
      Tell(ticket, std::unexpected(base::Error(error).With("asking for a connection to a resolver")));
    });
  }
  return ticket;
}

void SocketDialler::Tell(Ticket ticket, base::Result<base::UniqueFd> result) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  const Answer answer = std::move(found->second);
  waiting_.erase(found);
  answer(std::move(result));
}

void SocketDialler::OnReady(short) {
  wire::DialReply reply;
  base::Result<sys::Received> received =
      sys::RecvMsg(socket_, {reinterpret_cast<char*>(&reply), sizeof(reply)}, MSG_DONTWAIT);
  if (!received && received.error().os_errno == EAGAIN) return;
  if (!received || received->bytes != sizeof(reply) || received->truncated) {
    watch_.Stop();
    loop_.Defer(lost_);
    return;
  }
  if (reply.error == 0 && received->fds.size() == 1) return Tell(reply.id, std::move(received->fds[0]));
  const int error = reply.error > 0 ? reply.error : EIO;
  Tell(reply.id, base::FailOs(error, "connecting to a resolver"));
}

}  // namespace upstream
