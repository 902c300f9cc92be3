// SPDX-License-Identifier: Apache-2.0
// The record of a flow that a tc program leaves in its ring buffer (isolation.md §7.3): IPv4 only,
// numbers in native order, addresses and ports as numbers. The format alone: no such program is started.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip_address.h"

namespace net {

inline constexpr std::size_t kFlowRingRecordBytes = 40;
// The one reason that the published form gives to what comes from the ring, whatever the verdict.
inline constexpr char kFlowRingReason[] = "ebpf_xdp_drop";

struct FlowRingRecord {
  base::IpAddress source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint64_t packets = 0, first_seen_ns = 0;
  std::uint8_t verdict = 0;  // 0 unknown, 1 accept, 2 drop; others are passed on

  bool dropped() const { return verdict == 2; }
  // "tcp", "udp", "icmp", "icmpv6"; empty for every other one.
  std::string_view protocol_name() const;
};
// nullopt unless `bytes` are exactly one record; what its padding holds is not looked at.
std::optional<FlowRingRecord> ReadFlowRingRecord(std::string_view bytes);

}  // namespace net
