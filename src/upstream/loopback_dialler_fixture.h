// SPDX-License-Identifier: Apache-2.0
// For tests: connects to a port of 127.0.0.1, as the supervisor's dialler connects to a resolver.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <set>
#include <utility>

#include "upstream/dialler.h"

namespace upstream {

inline sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline base::UniqueFd ConnectLoopback(int type, std::uint16_t port) {
  base::UniqueFd socket(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return socket;
}

// A bound socket of 127.0.0.1 and its port.
inline std::pair<base::UniqueFd, std::uint16_t> BindLoopback(int type) {
  base::UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return {std::move(socket), ntohs(address.sin_port)};
}

class LoopbackDialler final : public Dialler {
 public:
  LoopbackDialler(Loop& loop, std::uint16_t port) : loop_(loop), port_(port) {}
  Ticket Dial(std::uint32_t, wire::IpProtocol protocol, Answer answer) override {
    ++(protocol == wire::IpProtocol::kTcp ? dialled : dialled_udp);
    auto socket = std::make_shared<base::UniqueFd>(
        ConnectLoopback(protocol == wire::IpProtocol::kTcp ? SOCK_STREAM : SOCK_DGRAM, port_));
    const Ticket ticket = next_++;
    loop_.Defer([this, ticket, socket, answer = std::move(answer)] {
      if (!cancelled_.contains(ticket)) answer(std::move(*socket));
    });
    return ticket;
  }
  void Cancel(Ticket ticket) override { cancelled_.insert(ticket); }
  int dialled = 0, dialled_udp = 0;

 private:
  Loop& loop_;
  std::uint16_t port_;
  Ticket next_ = 1;
  std::set<Ticket> cancelled_;
};

}  // namespace upstream
