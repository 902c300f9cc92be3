// SPDX-License-Identifier: Apache-2.0
// Streams to one resolver: few connections, many questions on each (RFC 7766), answers in any order.
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

class TcpUpstream final : public Transport, public Loop::Watcher {
 public:
  static constexpr std::size_t kMaxConnections = 4;
  static constexpr std::size_t kWaitingPerConnection = 64;  // more, and another connection is made
  static constexpr std::chrono::seconds kIdle{5};

  TcpUpstream(Loop& loop, Dialler& dialler, TransportSink& sink, Entropy& entropy, std::uint32_t resolver,
              const base::IpEndpoint& to);
  ~TcpUpstream() override;

  std::optional<Place> Reserve(Handle handle) override;
  bool Send(Place place, std::span<const std::uint8_t> message) override;
  void Release(Place place) override;
  void Forget(Handle handle) override;

 private:
  struct Waiter {
    std::uint16_t id;
    Handle handle;
  };
  struct Connection {
    base::UniqueFd fd;
    bool broken = false;                // closed once its bytes are gone through
    base::BootTime used{0};
    std::vector<Waiter> waiting;
    std::vector<std::uint8_t> in, out;  // out: not yet taken by the kernel, maybe since it still connects
  };
  void OnReady(int fd, std::uint32_t events) override;
  Connection* Find(int fd);
  void OnDialled(base::Result<base::UniqueFd> fd);
  bool Push(Connection& connection);
  bool Pull(Connection& connection);
  void TakeFrames(Connection& connection);
  void Break(int fd);
  void SweepLater();
  void Sweep();

  Loop& loop_;
  TransportSink& sink_;
  Entropy& entropy_;
  Dials dials_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Handle> wanting_;
  std::vector<std::uint8_t> scratch_;
  Loop::TimerId sweep_ = 0;
};

}  // namespace gate::dns
