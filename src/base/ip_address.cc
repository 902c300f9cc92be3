// SPDX-License-Identifier: Apache-2.0
// Text forms by inet_pton(3) and inet_ntop(3); prefixes by whole bytes.
#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace base {
namespace {

unsigned Bits(const IpAddress& address) { return address.v6 ? 128 : 32; }

// The first `length` bits of both are the same.
bool SameBits(const IpAddress& a, const IpAddress& b, unsigned length) {
  if (std::memcmp(a.bytes.data(), b.bytes.data(), length / 8) != 0) return false;
  const unsigned rest = length % 8;
  return rest == 0 || ((a.bytes[length / 8] ^ b.bytes[length / 8]) >> (8 - rest)) == 0;
}

// Decimal without sign and leading zeros, at most `largest`.
std::optional<unsigned> ParseNumber(std::string_view text, unsigned largest) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number > largest) return std::nullopt;
  if (text[0] == '0' && text.size() != 1) return std::nullopt;
  return number;
}

}  // namespace

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN + 1];
  if (text.size() >= sizeof buffer || text.contains('\0')) return std::nullopt;
  std::copy(text.begin(), text.end(), buffer);
  buffer[text.size()] = 0;
  IpAddress address;
  address.v6 = text.contains(':');
  // inet_pton(3) refuses leading zeros, zones, brackets and every form but the two named in the header.
  if (inet_pton(address.v6 ? AF_INET6 : AF_INET, buffer, address.bytes.data()) != 1) return std::nullopt;
  return address;
}

std::string ToString(const IpAddress& address) {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), buffer, sizeof buffer);
  return buffer;
}

std::optional<IpPrefix> ParseIpPrefix(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = ParseIpAddress(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto length = ParseNumber(text.substr(slash + 1), Bits(*address));
  if (!length) return std::nullopt;
  for (unsigned bit = *length; bit < 128; ++bit) {
    if ((address->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return IpPrefix{*address, *length};
}

std::string ToString(const IpPrefix& prefix) { return ToString(prefix.address) + "/" + std::to_string(prefix.length); }

IpPrefix Exactly(const IpAddress& address) { return {address, Bits(address)}; }

bool Contains(const IpPrefix& prefix, const IpAddress& address) {
  return prefix.address.v6 == address.v6 && SameBits(prefix.address, address, prefix.length);
}

bool Contains(const IpPrefix& outer, const IpPrefix& inner) {
  return outer.length <= inner.length && Contains(outer, inner.address);
}

std::optional<IpEndpoint> ParseIpEndpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParseNumber(text.substr(colon + 1), 65535);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = ParseIpAddress(host);
  if (!port || *port == 0 || !address || address->v6 != bracketed) return std::nullopt;
  return IpEndpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string ToString(const IpEndpoint& endpoint) {
  const std::string host = ToString(endpoint.address);
  return (endpoint.address.v6 ? "[" + host + "]:" : host + ":") + std::to_string(endpoint.port);
}

}  // namespace base
