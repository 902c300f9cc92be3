// SPDX-License-Identifier: Apache-2.0
// DNS messages by hand, for tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/ip_address.h"
#include "gate/dns/answer.h"
#include "gate/dns/message.h"

namespace gate::dns::testing {

using Octets = std::vector<std::uint8_t>;

inline Octets Hex(std::string_view text) { return *base::HexDecode(text); }
inline std::string ToHex(Bytes bytes) { return base::HexEncode(bytes); }

inline void Append(Octets* to, const Octets& more) { to->insert(to->end(), more.begin(), more.end()); }
inline Octets U16(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
inline Octets U32(std::uint32_t value) {
  Octets octets = U16(static_cast<std::uint16_t>(value >> 16));
  Append(&octets, U16(static_cast<std::uint16_t>(value)));
  return octets;
}

// "a.example" in wire form, letters kept; "" the root; "@" a pointer to the question's name; "@12" one to offset 12.
inline Octets WireName(std::string_view text) {
  if (text.starts_with('@')) {
    const int to = text.size() == 1 ? 12 : std::stoi(std::string(text.substr(1)));
    return U16(static_cast<std::uint16_t>(0xc000 | to));
  }
  Octets wire;
  while (!text.empty()) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    wire.push_back(static_cast<std::uint8_t>(label.size()));
    wire.insert(wire.end(), label.begin(), label.end());
    text = dot == text.npos ? std::string_view{} : text.substr(dot + 1);
  }
  wire.push_back(0);
  return wire;
}

inline Octets Joined(std::initializer_list<Octets> parts) {
  Octets whole;
  for (const Octets& part : parts) Append(&whole, part);
  return whole;
}

inline Octets AddressData(std::string_view text) {
  const base::IpAddress address = *base::ParseIpAddress(text);
  return {address.bytes.begin(), address.bytes.begin() + (address.v6 ? 16 : 4)};
}

struct Message {
  Octets bytes = Octets(kHeaderBytes, 0);

  explicit Message(std::uint16_t flags, std::uint16_t id = 0x1234) {
    Write16(bytes.data(), id);
    Write16(bytes.data() + 2, flags);
  }
  Message& Ask(std::string_view name, std::uint16_t type, std::uint16_t record_class = kClassIn) {
    Count(4);
    Append(&bytes, Joined({WireName(name), U16(type), U16(record_class)}));
    return *this;
  }
  Message& Add(Section section, std::string_view owner, std::uint16_t type, std::uint32_t ttl, const Octets& data,
               std::uint16_t record_class = kClassIn) {
    Count(6 + 2 * static_cast<std::size_t>(section));
    Append(&bytes, Joined({WireName(owner), U16(type), U16(record_class), U32(ttl),
                           U16(static_cast<std::uint16_t>(data.size())), data}));
    return *this;
  }
  Message& A(std::string_view owner, std::string_view address, std::uint32_t ttl = 60) {
    return Add(Section::kAnswer, owner, address.find(':') == address.npos ? kTypeA : kTypeAaaa, ttl,
               AddressData(address));
  }
  Message& Cname(std::string_view owner, std::string_view target, std::uint32_t ttl = 60) {
    return Add(Section::kAnswer, owner, kTypeCname, ttl, WireName(target));
  }
  Message& Opt(std::uint16_t size = 1232, bool dnssec_ok = false, const Octets& options = {}) {
    return Add(Section::kAdditional, "", kTypeOpt, dnssec_ok ? 0x8000 : 0, options, size);
  }

 private:
  void Count(std::size_t at) { Write16(bytes.data() + at, static_cast<std::uint16_t>(Read16(bytes, at) + 1)); }
};

inline Message Query(std::string_view name, std::uint16_t type = kTypeA) {
  return std::move(Message(0x0100).Ask(name, type));
}
inline Message Reply(std::string_view name, std::uint16_t type = kTypeA, std::uint16_t flags = 0x8180) {
  return std::move(Message(flags).Ask(name, type));
}

}  // namespace gate::dns::testing
