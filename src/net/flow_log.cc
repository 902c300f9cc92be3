// SPDX-License-Identifier: Apache-2.0
// NFLOG messages and the packets in them.
#include "net/flow_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fmt/format.h>

#include "net/netlink.h"
#include "plan/netlink_writer.h"
#include "plan/nft_rule.h"
#include "sys/call.h"

namespace net {
namespace {

constexpr std::size_t kMaxMessage = 64 << 10;

std::uint8_t Byte(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
std::uint16_t Word(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(Byte(bytes, at) << 8 | Byte(bytes, at + 1));
}

bool HasPorts(std::uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_UDPLITE;
}

PacketTuple WithPorts(PacketTuple tuple, std::string_view transport, bool first_fragment) {
  if (!HasPorts(tuple.protocol) || !first_fragment || transport.size() < 4) return tuple;
  tuple.source_port = Word(transport, 0);
  tuple.destination_port = Word(transport, 2);
  return tuple;
}

base::IpAddress Address(std::string_view bytes, std::size_t at, bool v6) {
  base::IpAddress address;
  address.v6 = v6;
  memcpy(address.bytes.data(), bytes.data() + at, v6 ? 16 : 4);
  return address;
}

std::optional<PacketTuple> ParseV4(std::string_view bytes) {
  if (bytes.size() < 20) return std::nullopt;
  const std::size_t header = (Byte(bytes, 0) & 15u) * 4u;
  if (header < 20 || header > bytes.size()) return std::nullopt;
  PacketTuple tuple;
  tuple.protocol = Byte(bytes, 9);
  tuple.source = Address(bytes, 12, false);
  tuple.destination = Address(bytes, 16, false);
  return WithPorts(tuple, bytes.substr(header), (Word(bytes, 6) & 0x1fff) == 0);
}

// Length of the extension header of type `next` that begins here; 0: it is none, or cut.
std::size_t ExtensionBytes(std::uint8_t next, std::string_view rest) {
  if (rest.size() < 8) return 0;
  switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS: return (Byte(rest, 1) + 1u) * 8u;
    case IPPROTO_FRAGMENT: return 8;
    case IPPROTO_AH: return (Byte(rest, 1) + 2u) * 4u;
    default: return 0;
  }
}

std::optional<PacketTuple> ParseV6(std::string_view bytes) {
  if (bytes.size() < 40) return std::nullopt;
  PacketTuple tuple;
  tuple.source = Address(bytes, 8, true);
  tuple.destination = Address(bytes, 24, true);
  std::uint8_t next = Byte(bytes, 6);
  std::string_view rest = bytes.substr(40);
  bool first = true;
  constexpr int kMaxHeaders = 16;
  for (int i = 0; i < kMaxHeaders; ++i) {
    tuple.protocol = next;
    const std::size_t length = ExtensionBytes(next, rest);
    if (length == 0 || length > rest.size()) break;
    if (next == IPPROTO_FRAGMENT) first = first && (Word(rest, 2) & 0xfff8) == 0;
    next = Byte(rest, 0);
    rest.remove_prefix(length);
  }
  return WithPorts(tuple, rest, first);
}

std::string Configure(std::uint8_t command, std::uint8_t family, std::uint16_t group, std::uint16_t flags) {
  nfgenmsg fixed = {};
  fixed.nfgen_family = family;
  fixed.version = NFNETLINK_V0;
  fixed.res_id = htons(group);
  const nfulnl_msg_config_cmd body = {command};
  plan::Attributes attributes;
  attributes.Put(NFULA_CFG_CMD, {reinterpret_cast<const char*>(&body), sizeof body});
  // Each packet is told at once; by default the kernel gathers a hundred, or a second's worth.
  const std::uint32_t one = htonl(1);
  if (command == NFULNL_CFG_CMD_BIND) {
    attributes.Put(NFULA_CFG_QTHRESH, {reinterpret_cast<const char*>(&one), sizeof one});
  }
  std::string message;
  plan::AppendMessage(&message, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
                      1, {reinterpret_cast<const char*>(&fixed), sizeof fixed}, attributes);
  return message;
}

}  // namespace

std::optional<PacketTuple> ParsePacket(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const unsigned version = Byte(bytes, 0) >> 4;
  return version == 4 ? ParseV4(bytes) : version == 6 ? ParseV6(bytes) : std::nullopt;
}

std::string ProtocolName(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_ICMP: return "icmp";
    case IPPROTO_ICMPV6: return "icmp6";
    case IPPROTO_SCTP: return "sctp";
    case IPPROTO_UDPLITE: return "udplite";
    default: return fmt::format("{}", protocol);
  }
}

std::optional<LogAttributes> ReadLogAttributes(std::string_view attributes) {
  constexpr std::size_t kMaxPrefix = 127;  // NF_LOG_PREFIXLEN
  LogAttributes read;
  bool prefixed = false;
  // What stands before a broken end was read whole.
  ForEachAttribute(attributes, [&](const Attribute& attribute) {
    if (attribute.type == NFULA_PREFIX) {
      read.prefix = TextOf(attribute.value.substr(0, kMaxPrefix));
      prefixed = true;
    }
    if (attribute.type == NFULA_PAYLOAD) read.payload = attribute.value;
  });
  if (!prefixed) return std::nullopt;
  return read;
}

std::optional<LoggedPacket> ParseLogMessage(std::string_view attributes) {
  const auto read = ReadLogAttributes(attributes);
  const auto tuple = read ? ParsePacket(read->payload) : std::nullopt;
  if (!tuple) return std::nullopt;
  return LoggedPacket{std::string(read->prefix), *tuple};
}

base::Result<> OpenFlowLog(int socket) {
  TRY_WITH("NFLOG of the cell", SendAndAwait(socket, Configure(NFULNL_CFG_CMD_BIND, AF_UNSPEC, plan::kFlowLogGroup,
                                                              NLM_F_ACK)));
  return {};
}

base::Result<std::vector<LoggedPacket>> ReadFlowLog(int socket, std::size_t most, std::uint64_t* lost) {
  std::vector<LoggedPacket> packets;
  alignas(nlmsghdr) char buffer[kMaxMessage];
  while (packets.size() < most) {
    const long count =
        sys::Raw("recvfrom", SYS_recvfrom, socket, buffer, sizeof buffer, MSG_DONTWAIT, nullptr, nullptr);
    if (count == -EAGAIN) break;
    if (count == -ENOBUFS) {
      ++*lost;
      continue;
    }
    if (count < 0) return std::unexpected(sys::CallError(count, "recvfrom", "NFLOG"));
    ForEachMessage({buffer, static_cast<std::size_t>(count)}, [&](const Message& message) {
      if (message.type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) || message.body.size() < sizeof(nfgenmsg)) return;
      if (auto packet = ParseLogMessage(message.body.substr(sizeof(nfgenmsg)))) packets.push_back(std::move(*packet));
    });
  }
  return packets;
}

}  // namespace net
