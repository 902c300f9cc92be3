// SPDX-License-Identifier: Apache-2.0
// The counters of a cell's nft table as host.nftables tells them, added up by what the rows stand for.
#pragma once

#include <cstdint>
#include <string_view>

namespace evidence {

struct TableReading {
  std::uint64_t dns_sockets = 0;   // sockets that spoke to the DNS proxy: first packets
  std::uint64_t granted = 0;       // first packets to the relay: TCP connections, UDP datagrams without an answer yet
  std::uint64_t refused = 0;       // packets that a rule refused
  std::uint64_t logged = 0;        // those of them that the kernel told one by one
  std::uint64_t bytes_out = 0, packets_out = 0;  // workload -> gate, headers included; DNS and local traffic too
  std::uint64_t bytes_in = 0, packets_in = 0;    // gate -> workload, likewise
  bool udp_steered = false;        // some row sends datagrams to the relay
  bool whole = false;              // the reading has all rows, in the order that this program writes
};

// `rows` is `output.rows`, a span that JcsScanner accepted. Total: of another table's rows `whole` is false.
TableReading ReadTableRows(std::string_view rows);

}  // namespace evidence
