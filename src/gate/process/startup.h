// SPDX-License-Identifier: Apache-2.0
// What the gate is handed before it locks itself: its configuration, and the sockets inside the cell.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "gate/grants.h"
#include "wire/gate_config.h"

namespace gate {

// Reads and closes kGateConfigFd. `filter` are the bytes of the gate's own filter.
struct Configuration {
  Grants grants;
  std::vector<std::uint8_t> filter;
};
base::Result<Configuration> ReadConfiguration();

// In-cell descriptors at their numbers, non-blocking; -1: absent (the message had something else than a socket there).
struct CellSockets {
  int relay4 = -1, relay6 = -1;
  int dns_tcp4 = -1, dns_tcp6 = -1, dns_udp4 = -1, dns_udp6 = -1;
  int secrets = -1;
  struct Udp {
    int v4 = -1, v6 = -1;
  };
  std::vector<Udp> udp;  // by granted UDP port
};
// Waits for the one message on kGateCellFd, closes that socket, and puts what came to kGateFirstCellFd and after.
base::Result<CellSockets> ReceiveCellSockets(std::size_t udp_ports);

// Whether a number is an open socket.
bool IsSocket(int fd);

}  // namespace gate
