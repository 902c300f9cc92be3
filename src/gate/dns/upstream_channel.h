// SPDX-License-Identifier: Apache-2.0
// Questions through cellos-upstream: encrypted resolvers and validation. One seqpacket socket, messages in and out.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "gate/dns/upstream_transport.h"
#include "gate/loop.h"

namespace gate::dns {

// All resolvers share one, told apart by SetResolver before Send.
class ChannelUpstream final : public Transport, public Loop::Watcher {
 public:
  // `socket` is not owned; -1: there is none, and every try fails.
  ChannelUpstream(Loop& loop, TransportSink& sink, int socket) : loop_(loop), sink_(sink), socket_(socket) {}
  ~ChannelUpstream() override;
  base::Result<> Start();

  void SetResolver(std::uint32_t resolver) { resolver_ = resolver; }
  std::optional<Place> Reserve(Handle handle) override;
  bool Send(Place place, std::span<const std::uint8_t> message) override;
  void Release(Place place) override;
  void Forget(Handle) override {}

 private:
  struct Waiter {
    std::uint64_t request = 0;  // 0: free; else its low 16 bits are the place's id
    Handle handle;
  };
  void OnReady(int fd, std::uint32_t events) override;
  void Take(std::span<const std::uint8_t> packet);
  void FailAll();

  Loop& loop_;
  TransportSink& sink_;
  int socket_;
  std::uint32_t resolver_ = 0;
  std::uint64_t next_ = 1;
  std::vector<Waiter> waiting_;          // by place id
  std::vector<std::uint16_t> free_;
  std::vector<std::uint8_t> out_, in_;
};

}  // namespace gate::dns
