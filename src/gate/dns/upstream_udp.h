// SPDX-License-Identifier: Apache-2.0
// Datagrams to one resolver: a pool of dialled sockets with ports of the kernel's choice, renewed by use and by time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "gate/dns/entropy.h"
#include "gate/dns/upstream_dials.h"
#include "gate/dns/upstream_transport.h"
#include "gate/loop.h"

namespace gate::dns {

class UdpUpstream final : public Transport, public Loop::Watcher {
 public:
  static constexpr std::size_t kMinSockets = 2, kMaxSockets = 8;
  static constexpr std::size_t kWaitingPerSocket = 32;  // more on average, and the pool grows
  static constexpr std::uint32_t kMaxUses = 256;        // of one socket
  static constexpr std::chrono::seconds kMaxAge{30};

  UdpUpstream(Loop& loop, Dialler& dialler, TransportSink& sink, Entropy& entropy, std::uint32_t resolver,
              const base::IpEndpoint& to);
  ~UdpUpstream() override;

  void DialAhead();  // so that the first question finds a socket
  std::optional<Place> Reserve(Handle handle) override;
  bool Send(Place place, std::span<const std::uint8_t> message) override;
  void Release(Place place) override;
  void Forget(Handle handle) override;

 private:
  struct Inbox;
  struct Waiter {
    std::uint16_t id;
    Handle handle;
  };
  struct Socket {
    base::UniqueFd fd;
    base::BootTime born{0};
    std::uint32_t uses = 0;
    bool retired = false;  // no new exchange; closed once none waits
    bool broken = false;   // an error was told while sending
    std::vector<Waiter> waiting;
  };
  void OnReady(int fd, std::uint32_t events) override;
  Socket* Find(int fd);
  Socket* Pick();
  void Grow();
  void OnDialled(base::Result<base::UniqueFd> fd);
  void Dispatch(Socket& socket, std::span<const std::uint8_t> message);
  void Fail(int fd);
  void Reap();

  Loop& loop_;
  TransportSink& sink_;
  Entropy& entropy_;
  Dials dials_;
  std::unique_ptr<Inbox> inbox_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<Handle> wanting_;
  std::size_t fresh_ = 0;      // sockets that are not retired
  std::size_t in_use_ = 0;     // waiters of all sockets
  unsigned dispatching_ = 0;   // sockets stay while their messages are gone through
};

}  // namespace gate::dns
