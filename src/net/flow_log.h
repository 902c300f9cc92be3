// SPDX-License-Identifier: Apache-2.0
// Packets that the kernel tells over NFLOG: denials, some of each kind a second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"

namespace net {

// Ports and protocol of an IP packet whose first bytes are here.
struct PacketTuple {
  base::IpAddress source, destination;
  std::uint8_t protocol = 0;                       // of IPv6 behind its extension headers
  std::uint16_t source_port = 0, destination_port = 0;  // TCP, UDP and SCTP; else 0
  bool operator==(const PacketTuple&) const = default;
};
// nullopt: neither IPv4 nor IPv6, or cut inside its fixed header. Ports that were cut off, or that a later fragment does
// not have, are 0; IPv6 extension headers are followed as far as they are there.
std::optional<PacketTuple> ParsePacket(std::string_view bytes);
// "tcp", "udp", "icmp", "icmp6", "sctp", "udplite", else the number.
std::string ProtocolName(std::uint8_t protocol);

// Prefix and packet of one NFULNL_MSG_PACKET, from behind its nfgenmsg; nullopt without a prefix.
struct LogAttributes {
  std::string_view prefix, payload;  // into the bytes
};
std::optional<LogAttributes> ReadLogAttributes(std::string_view attributes);

struct LoggedPacket {
  std::string prefix;       // of the rule
  PacketTuple tuple;
};
// The same, with the packet read; nullopt when there is none.
std::optional<LoggedPacket> ParseLogMessage(std::string_view attributes);

// Binds `socket` (NETLINK_NETFILTER of the cell's namespace) to the group of the plan's rules; non-blocking from then on.
base::Result<> OpenFlowLog(int socket);
// What has come since, at most `most`; nothing waits. `lost` counts reads that the kernel had to drop packets before.
base::Result<std::vector<LoggedPacket>> ReadFlowLog(int socket, std::size_t most, std::uint64_t* lost);

}  // namespace net
