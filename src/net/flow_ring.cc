// SPDX-License-Identifier: Apache-2.0
// Reading one record of a flow ring.
#include "net/flow_ring.h"

#include <string.h>

namespace net {
namespace {

template <class T>
T Native(std::string_view bytes, std::size_t at) {
  T number = 0;
  memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

base::IpAddress AddressOf(std::uint32_t number) {
  base::IpAddress address;
  for (std::size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}

}  // namespace

std::string_view FlowRingRecord::protocol_name() const {
  switch (protocol) {
    case 1: return "icmp";
    case 6: return "tcp";
    case 17: return "udp";
    case 58: return "icmpv6";
    default: return {};
  }
}

std::optional<FlowRingRecord> ReadFlowRingRecord(std::string_view bytes) {
  if (bytes.size() != kFlowRingRecordBytes) return std::nullopt;
  return FlowRingRecord{.source = AddressOf(Native<std::uint32_t>(bytes, 0)),
                        .destination = AddressOf(Native<std::uint32_t>(bytes, 4)),
                        .source_port = Native<std::uint16_t>(bytes, 8),
                        .destination_port = Native<std::uint16_t>(bytes, 10),
                        .protocol = static_cast<std::uint8_t>(bytes[12]),
                        .packets = Native<std::uint64_t>(bytes, 16),
                        .first_seen_ns = Native<std::uint64_t>(bytes, 24),
                        .verdict = static_cast<std::uint8_t>(bytes[32])};
}

}  // namespace net
