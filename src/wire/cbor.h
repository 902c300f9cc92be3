// SPDX-License-Identifier: Apache-2.0
// Heads of CBOR items (RFC 8949 §3), read and written; what they mean is their reader's to say. Heap-free.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wire::cbor {

enum class Major : std::uint8_t { kNatural, kNegative, kBytes, kText, kArray, kMap, kTag, kOther };

inline constexpr std::uint8_t kIndefinite = 31;

struct Head {
  Major major = Major::kNatural;
  std::uint8_t additional = 0;  // 0 to 31
  std::uint64_t argument = 0;   // of any width; 0 for additional 28 to 31
};

struct Cursor {
  const std::uint8_t* at;
  const std::uint8_t* end;
  std::size_t left() const { return static_cast<std::size_t>(end - at); }
};

enum class HeadFault : std::uint8_t { kNone, kTruncated, kNoArgument /* additional 28 to 31 */ };

template <std::size_t kWidth>
std::uint64_t BigEndian(const std::uint8_t* at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kWidth; ++i) value = value << 8 | at[i];
  return value;
}

// Moves behind the head that it reads.
inline HeadFault ReadHead(Cursor* cursor, Head* head) {
  if (cursor->at == cursor->end) return HeadFault::kTruncated;
  const std::uint8_t first = *cursor->at++;
  head->major = static_cast<Major>(first >> 5);
  head->additional = first & 31;
  head->argument = head->additional;
  if (head->additional < 24) return HeadFault::kNone;
  head->argument = 0;
  if (head->additional > 27) return HeadFault::kNoArgument;
  const std::size_t width = std::size_t{1} << (head->additional - 24);
  if (cursor->left() < width) return HeadFault::kTruncated;
  switch (width) {
    case 1: head->argument = BigEndian<1>(cursor->at); break;
    case 2: head->argument = BigEndian<2>(cursor->at); break;
    case 4: head->argument = BigEndian<4>(cursor->at); break;
    default: head->argument = BigEndian<8>(cursor->at); break;
  }
  cursor->at += width;
  return HeadFault::kNone;
}

// Bytes after the first of the shortest head with this argument: 0, 1, 2, 4 or 8.
inline std::size_t ArgumentWidth(std::uint64_t argument) {
  return argument < 24 ? 0 : argument <= 0xff ? 1 : argument <= 0xffff ? 2 : argument <= 0xffffffff ? 4 : 8;
}

// Writes the shortest head; `out` has room. What follows it.
inline std::uint8_t* WriteHead(Major major, std::uint64_t argument, std::uint8_t* out) {
  const std::size_t width = ArgumentWidth(argument);
  const std::uint8_t additional = width == 0   ? static_cast<std::uint8_t>(argument)
                                  : width == 1 ? 24
                                  : width == 2 ? 25
                                  : width == 4 ? 26
                                               : 27;
  *out++ = static_cast<std::uint8_t>(static_cast<unsigned>(major) << 5 | additional);
  for (std::size_t i = width; i > 0; --i) *out++ = static_cast<std::uint8_t>(argument >> (8 * (i - 1)));
  return out;
}

}  // namespace wire::cbor
