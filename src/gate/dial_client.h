// SPDX-License-Identifier: Apache-2.0
// The gate's end of the dialler: asks for connections, takes descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "gate/loop.h"
#include "gate/ports.h"

namespace gate {

// Requests leave at the end of each round of the loop, several in a packet. They wait in a bounded queue while the socket
// is full; beyond it, and once the socket is broken, the answer is an error. Answers come from the loop, never from within
// Dial.
class DialClient final : public Dialler, private Loop::Watcher {
 public:
  static constexpr std::size_t kMaxWaiting = 4096;  // requests without a reply
  // `socket` is not owned. Everything outlives it.
  DialClient(Loop& loop, int socket) : loop_(loop), socket_(socket) {}
  ~DialClient();
  base::Result<> Start();

  Ticket Dial(wire::DialRequest request, Answer answer) override;
  void Cancel(Ticket ticket) override;

 private:
  void OnReady(int fd, std::uint32_t events) override;
  void Receive();
  bool ReceivePacket();
  void SendQueued();
  // Takes the next packet's requests from the queue, less those cancelled meanwhile.
  std::size_t FillPacket();
  void WatchOutput(bool on);
  void Settle(Ticket ticket, base::Result<base::UniqueFd> result);
  void FailAll(int error);

  Loop& loop_;
  const int socket_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<Ticket, Answer> waiting_;  // a cancelled one is gone; its descriptor is closed when it comes
  std::deque<wire::DialRequest> unsent_;
  std::array<wire::DialRequest, wire::kMaxDialsPerPacket> packet_;
  std::size_t in_packet_ = 0;                   // that a full socket did not take yet
  std::size_t outstanding_ = 0;                 // packets that were not replied to
  bool output_watched_ = false, broken_ = false;
};

}  // namespace gate
