// SPDX-License-Identifier: Apache-2.0
// Internet addresses and prefixes as values, in the one strict text form of each family.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// An address; IPv4 in its first four bytes, the others 0.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool v6 = false;
  bool operator==(const IpAddress&) const = default;
  auto operator<=>(const IpAddress&) const = default;
};
// One strict form each: dotted decimal without leading zeros, or RFC 4291 §2.2 text without zone and brackets.
std::optional<IpAddress> ParseIpAddress(std::string_view text);
// RFC 5952 text.
std::string ToString(const IpAddress& address);

struct IpPrefix {
  IpAddress address;
  unsigned length = 0;
  bool operator==(const IpPrefix&) const = default;
};
// Address and prefix length; bits behind the prefix must be zero.
std::optional<IpPrefix> ParseIpPrefix(std::string_view text);
std::string ToString(const IpPrefix& prefix);
// The prefix of exactly one address.
IpPrefix Exactly(const IpAddress& address);
// Same family, and the first bits agree.
bool Contains(const IpPrefix& prefix, const IpAddress& address);
bool Contains(const IpPrefix& outer, const IpPrefix& inner);

// An address and a port, in the form "192.0.2.1:53" or "[2001:db8::1]:53".
struct IpEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const IpEndpoint&) const = default;
};
std::optional<IpEndpoint> ParseIpEndpoint(std::string_view text);  // port 1 to 65535
std::string ToString(const IpEndpoint& endpoint);

}  // namespace base
