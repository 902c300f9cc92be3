// SPDX-License-Identifier: Apache-2.0
// Addresses that no name and no wide grant opens: one table, with the document behind each row.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ip_address.h"

namespace base {

enum class AddressClass : std::uint8_t {
  kPublic,
  kPrivate,      // private, unique-local, shared (CGNAT): a prefix that lies wholly inside one such range opens it
  kMetadata,     // everything from here on is opened by a grant of exactly one address
  kLinkLocal,
  kLoopback,
  kMulticast,    // and broadcast
  kUnspecified,  // 0.0.0.0/8 and ::
};

struct AddressRow {
  std::string_view name;       // "metadata-aws": ruleRef is builtin.<name>
  std::string_view prefix;     // text of an IpPrefix
  AddressClass address_class;
  std::string_view reference;  // "RFC 1918"
};
// Rows in order; the first that contains an address decides, so exact metadata addresses stand before wider ranges.
std::span<const AddressRow> AddressTable();

// The row that decides for `address`, looking through IPv4-mapped (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC
// 3056), Teredo (RFC 4380) and IPv4-compatible forms at the IPv4 address inside; null: public.
const AddressRow* ClassifyAddress(const IpAddress& address);
inline AddressClass ClassOf(const IpAddress& address) {
  const AddressRow* row = ClassifyAddress(address);
  return row == nullptr ? AddressClass::kPublic : row->address_class;
}

// Whether a literal grant (an address or a CIDR of the document) opens `address`.
bool Opens(const IpPrefix& grant, const IpAddress& address);

}  // namespace base
