// SPDX-License-Identifier: Apache-2.0
// Domain names in messages: read with every bound of RFC 1035, compared in one letter case.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace gate::dns {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kMaxNameBytes = 255;  // wire form, with the root label
inline constexpr std::size_t kMaxNameText = 253;   // without a trailing dot

constexpr std::uint8_t LowerCase(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20) : byte;
}
constexpr bool IsLetter(std::uint8_t byte) { return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'; }

// An uncompressed name in lower case; the root is one zero byte.
struct Name {
  std::uint8_t size;
  std::array<std::uint8_t, kMaxNameBytes> wire;  // bytes behind `size` are not initialised
  Bytes bytes() const { return {wire.data(), size}; }
};
bool operator==(const Name& a, const Name& b);

// Offset behind the name at `at`; 0 when it leaves the message, is longer than 255 bytes or has a pointer that does not
// point to an earlier label. Pointers are followed: the name is checked whole.
std::size_t SkipName(Bytes message, std::size_t at);
// The same, with the name in lower case; `cased` keeps the letters as they are.
std::size_t ReadName(Bytes message, std::size_t at, Name* name);
std::size_t ReadCasedName(Bytes message, std::size_t at, Name* name);
// A name with no pointer in it, as SVCB targets must be.
std::size_t ReadPlainName(Bytes message, std::size_t at, Name* name);

// Saves comparisons: equal names have equal hashes, nothing is decided by the hash alone.
std::uint32_t HashName(const Name& name);

// `name` is `suffix`, or ends with it at a label.
bool IsBelowOrEqual(const Name& name, const Name& suffix);
// `name` with the ending `from` replaced by `to` (RFC 6672 §2.2). False when it would be too long.
bool ReplaceSuffix(const Name& name, const Name& from, const Name& to, Name* out);

// Text without trailing dot into `out` (kMaxNameText bytes); empty for the root and for a name with a byte that no text
// of ours stands for: outside 0x20 to 0x7e, '.' or '\' within a label.
std::string_view ToText(const Name& name, char* out);

}  // namespace gate::dns
