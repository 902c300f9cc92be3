// SPDX-License-Identifier: Apache-2.0
// What the protocol of an egress rule means.
#pragma once

#include <optional>
#include <string_view>

#include "spec/cell_document.h"

namespace spec {

enum class Protocol : std::uint8_t {
  kHttps,            // TCP; the first bytes are a ClientHello whose SNI matches the same rule
  kHttp,             // TCP; every request names a host of the same rule
  kTcp,              // TCP; bytes are not looked at
  kUdp,              // datagram relay
  kDnsAcknowledged,  // TCP and UDP 53 to that literal
};

// Lower case only.
inline std::optional<Protocol> ParseProtocol(std::string_view text) {
  if (text == "https") return Protocol::kHttps;
  if (text == "http") return Protocol::kHttp;
  if (text == "tcp") return Protocol::kTcp;
  if (text == "udp") return Protocol::kUdp;
  if (text == "dns-acknowledged") return Protocol::kDnsAcknowledged;
  return std::nullopt;
}

// The protocol of a validated rule; by port where it names none.
inline Protocol ProtocolOf(const EgressRule& rule) {
  if (rule.protocol) return ParseProtocol(*rule.protocol).value_or(Protocol::kTcp);
  return rule.port == 443 ? Protocol::kHttps : rule.port == 80 ? Protocol::kHttp : Protocol::kTcp;
}

}  // namespace spec
