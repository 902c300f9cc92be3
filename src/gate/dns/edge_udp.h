// SPDX-License-Identifier: Apache-2.0
// Questions by datagram: taken and answered in batches, each answer from the address that was asked.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "gate/dns/edge.h"
#include "gate/loop.h"

namespace gate::dns {

class UdpEdge final : public Loop::Watcher {
 public:
  // Sockets as in ProxySockets; -1: absent.
  UdpEdge(Loop& loop, QuestionSink& sink, int socket4, int socket6);
  ~UdpEdge();
  base::Result<> Start();

  // Queues one answer; it leaves at the next Flush. What the kernel does not take is dropped, as datagrams are.
  void Answer(const Asker& asker, std::span<const std::uint8_t> message);
  void Flush();

  std::uint64_t received() const { return received_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  static constexpr std::size_t kBatch = 32;
  static constexpr std::size_t kMaxQuestion = 1536;  // more of a datagram never counts (decision.h)
  static constexpr std::size_t kMaxQueued = 256;     // answers that wait for Flush
  struct Inbox;
  struct Outbox;
  struct Outgoing {
    Asker asker;
    std::size_t at, size;  // in arena_
  };

  void OnReady(int fd, std::uint32_t events) override;
  void Ready(std::size_t count);
  std::size_t SendFrom(std::size_t first);

  Loop& loop_;
  QuestionSink& sink_;
  int socket4_, socket6_;
  std::unique_ptr<Inbox> inbox_;
  std::unique_ptr<Outbox> outbox_;
  std::vector<Outgoing> queue_;
  std::vector<std::uint8_t> arena_;
  std::uint64_t received_ = 0, dropped_ = 0;
};

}  // namespace gate::dns
