// SPDX-License-Identifier: Apache-2.0
// What the two edges of the DNS proxy, datagrams and streams, have in common: who asked, and where questions go.
#pragma once

#include <cstdint>
#include <span>

#include "base/ip_address.h"

namespace gate::dns {

enum class EdgeTransport : std::uint8_t { kUdp, kTcp };

// Enough to send an answer back and to say who asked whom. A plain value that may outlive the client.
struct Asker {
  EdgeTransport transport = EdgeTransport::kUdp;
  bool v6_socket = false;
  std::uint16_t port = 0;        // the workload's own
  base::IpAddress peer;          // the workload's own
  base::IpAddress asked;         // the server that was asked
  std::uint32_t interface = 0;   // UDP over IPv6, asked at a link-local address; else 0
  std::uint32_t client = 0, generation = 0;  // TCP: slot of the client
};

// kHold: an answer will come by Edge::Answer (or has come). kDrop: none will. kClose: none, and a stream ends here.
enum class Taken : std::uint8_t { kHold, kDrop, kClose };

class QuestionSink {
 public:
  // `message` is valid during the call. Answers may be given from within.
  virtual Taken OnQuestion(std::span<const std::uint8_t> message, const Asker& asker) = 0;

 protected:
  ~QuestionSink() = default;
};

}  // namespace gate::dns
