// SPDX-License-Identifier: Apache-2.0
// Host names, patterns and addresses as documents write them, and the matchers that decide by them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"

namespace spec {

// At most 253 bytes; optionally one leading "*."; labels of 1 to 63 [A-Za-z0-9-], alphanumeric at both ends; a literal
// has at least two; not all labels numeric.
bool IsFqdnPattern(std::string_view text);
bool IsFqdn(std::string_view text);  // the same without "*."

// The matcher of names and of SNI and Host gates: both sides ASCII-lower-cased; a literal is equal; "*.s" is any name
// with at least one label before ".s", never "s". Callers strip one trailing dot of the name; patterns have none. A
// name longer than 253 bytes, an address literal, and one with an empty label or a byte that no name is asked with in
// place of the '*' never match a wildcard.
bool HostnameMatches(std::string_view pattern, std::string_view host);
bool HostnameAllowed(std::span<const std::string> patterns, std::string_view host);

// The matcher of a policy pack's allowedEgressHosts: "*" is everything; "*.x" is every host ending in ".x", also the
// host
// "*.x"; else equal. ASCII case is ignored on both sides.
bool EgressPatternMatches(std::string_view pattern, std::string_view host);

// Addresses and prefixes are those of base/ip_address.h, under the names the documents use.
using Address = base::IpAddress;
using Cidr = base::IpPrefix;
inline std::optional<Address> ParseAddress(std::string_view text) { return base::ParseIpAddress(text); }
inline std::optional<Cidr> ParseCidr(std::string_view text) { return base::ParseIpPrefix(text); }

// What the host of an egress rule is.
enum class HostForm : std::uint8_t { kAddress, kCidr, kName, kWildcard };
// nullopt: none of the forms (a bare "*", a URL, host:port, brackets, zones, 010.0.0.1, one label, a name that ends in
// a number, which other programs would take for an address).
std::optional<HostForm> ClassifyHost(std::string_view host);

// "ip:port" or "[v6]:port", port 1 to 65535.
bool IsAddressAndPort(std::string_view text);
// "hostname:address" or "hostname:CIDR".
bool IsRebindEntry(std::string_view text);

}  // namespace spec
