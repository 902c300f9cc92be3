// SPDX-License-Identifier: Apache-2.0
// The table, and the IPv6 forms that carry an IPv4 address.
#include "base/address_class.h"

#include <algorithm>
#include <vector>

namespace base {
namespace {

using enum AddressClass;

constexpr AddressRow kRows[] = {
    {"metadata-v4", "169.254.169.254/32", kMetadata, "instance metadata of AWS, Azure, Google Cloud, OpenStack and others"},
    {"metadata-v6", "fd00:ec2::254/128", kMetadata, "instance metadata of AWS over IPv6"},
    {"metadata-google-v6", "fd20:ce::254/128", kMetadata, "instance metadata of Google Cloud over IPv6"},
    {"metadata-alibaba", "100.100.100.200/32", kMetadata, "instance metadata of Alibaba Cloud"},
    {"metadata-azure-wire", "168.63.129.16/32", kMetadata, "Azure's WireServer"},
    {"this-network", "0.0.0.0/8", kUnspecified, "RFC 1122 section 3.2.1.3"},
    {"private-10", "10.0.0.0/8", kPrivate, "RFC 1918"},
    {"shared", "100.64.0.0/10", kPrivate, "RFC 6598"},
    {"loopback", "127.0.0.0/8", kLoopback, "RFC 1122 section 3.2.1.3"},
    {"link-local", "169.254.0.0/16", kLinkLocal, "RFC 3927"},
    {"private-172", "172.16.0.0/12", kPrivate, "RFC 1918"},
    {"private-192", "192.168.0.0/16", kPrivate, "RFC 1918"},
    {"cell-v4", "192.0.0.8/32", kLoopback, "the cell's own address"},
    {"benchmark", "198.18.0.0/15", kPrivate, "RFC 2544"},
    {"multicast", "224.0.0.0/4", kMulticast, "RFC 5771"},
    {"reserved", "240.0.0.0/4", kMulticast, "RFC 1112 section 4, and limited broadcast (RFC 919)"},
    {"unspecified-v6", "::/128", kUnspecified, "RFC 4291 section 2.5.2"},
    {"loopback-v6", "::1/128", kLoopback, "RFC 4291 section 2.5.3"},
    {"cell-v6", "fd00:ce11::1/128", kLoopback, "the cell's own address"},
    {"unique-local", "fc00::/7", kPrivate, "RFC 4193"},
    {"link-local-v6", "fe80::/10", kLinkLocal, "RFC 4291 section 2.5.6"},
    {"site-local-v6", "fec0::/10", kPrivate, "RFC 3879"},
    {"multicast-v6", "ff00::/8", kMulticast, "RFC 4291 section 2.7"},
};

struct Parsed {
  IpPrefix prefix;
  const AddressRow* row;
};

const std::vector<Parsed>& ParsedRows() {
  static const std::vector<Parsed> parsed = [] {
    std::vector<Parsed> rows;
    for (const AddressRow& row : kRows) rows.push_back({*ParseIpPrefix(row.prefix), &row});
    return rows;
  }();
  return parsed;
}

bool StartsWith(const IpAddress& address, std::initializer_list<std::uint8_t> bytes) {
  return std::equal(bytes.begin(), bytes.end(), address.bytes.begin());
}

// The IPv4 address that an IPv6 address stands for, read at `offset`; Teredo writes the client's inverted.
IpAddress Inside(const IpAddress& address, std::size_t offset, std::uint8_t invert = 0) {
  IpAddress inner;
  for (std::size_t i = 0; i < 4; ++i) inner.bytes[i] = address.bytes[offset + i] ^ invert;
  return inner;
}

std::vector<IpAddress> EmbeddedAddresses(const IpAddress& address) {
  if (!address.v6) return {};
  if (StartsWith(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
    const bool mapped = address.bytes[10] == 0xff && address.bytes[11] == 0xff;
    const bool compatible = address.bytes[10] == 0 && address.bytes[11] == 0;
    if (mapped || compatible) return {Inside(address, 12)};
  }
  // IPv4-translated (RFC 2765): ::ffff:0:a.b.c.d
  if (StartsWith(address, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0})) return {Inside(address, 12)};
  if (StartsWith(address, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return {Inside(address, 12)};
  if (StartsWith(address, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01})) {
    // The local prefix has a length that only its network knows: /96 and /48 (whose bits 64 to 71 are zero).
    IpAddress split;
    split.bytes = {address.bytes[6], address.bytes[7], address.bytes[9], address.bytes[10]};
    return {Inside(address, 12), split};
  }
  if (StartsWith(address, {0x20, 0x02})) return {Inside(address, 2)};
  if (StartsWith(address, {0x20, 0x01, 0, 0})) return {Inside(address, 12, 0xff), Inside(address, 4)};
  return {};
}

const AddressRow* RowOf(const IpAddress& address) {
  for (const auto& [prefix, row] : ParsedRows()) {
    if (Contains(prefix, address)) return row;
  }
  return nullptr;
}

}  // namespace

std::span<const AddressRow> AddressTable() { return kRows; }

const AddressRow* ClassifyAddress(const IpAddress& address) {
  if (const AddressRow* row = RowOf(address)) return row;
  for (const IpAddress& inner : EmbeddedAddresses(address)) {
    if (const AddressRow* row = RowOf(inner)) return row;
  }
  return nullptr;
}

bool Opens(const IpPrefix& grant, const IpAddress& address) {
  if (!Contains(grant, address)) return false;
  if (grant == Exactly(grant.address)) return true;
  const AddressRow* row = ClassifyAddress(address);
  if (row == nullptr) return true;
  if (row->address_class != kPrivate) return false;
  // Wholly inside one range; an address that is private only by what it carries has no range of its own family.
  const IpPrefix range = *ParseIpPrefix(row->prefix);
  return Contains(range, grant);
}

}  // namespace base
