// SPDX-License-Identifier: Apache-2.0
// UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF. Heap-free.
#pragma once

#include <string.h>

#include <cstddef>
#include <cstdint>

namespace wire {

// Bytes of the character at `at`, of which `left` > 0 are there; 0 when there is none.
inline std::size_t Utf8Length(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t lead = at[0];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (left < length) return 0;
  // The second byte tells overlong forms, surrogates and what lies above the last character.
  const std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < low || at[1] > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

inline bool IsUtf8(const std::uint8_t* at, std::size_t size) {
  while (size >= 8) {
    std::uint64_t eight;
    memcpy(&eight, at, 8);
    if ((eight & 0x8080808080808080u) != 0) break;
    at += 8;
    size -= 8;
  }
  while (size > 0) {
    const std::size_t length = Utf8Length(at, size);
    if (length == 0) return false;
    at += length;
    size -= length;
  }
  return true;
}

}  // namespace wire
