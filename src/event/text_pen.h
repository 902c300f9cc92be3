// SPDX-License-Identifier: Apache-2.0
// Text put together in room that was made beforehand, for what is written by the hundred thousand.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "crypto/sha256.h"

namespace event {

// Looks at no end: whoever makes the room counts every text, and kDigits for every number.
class TextPen {
 public:
  static constexpr std::size_t kDigits = 20;

  explicit TextPen(char* at) : at_(at) {}

  TextPen& Text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  TextPen& Decimal(std::uint64_t value) {
    at_ = std::to_chars(at_, at_ + kDigits, value).ptr;
    return *this;
  }
  // With zeros in front, kDigits in all.
  TextPen& PaddedDecimal(std::uint64_t value) {
    char digits[kDigits];
    const auto count = static_cast<std::size_t>(std::to_chars(digits, digits + kDigits, value).ptr - digits);
    std::memset(at_, '0', kDigits - count);
    std::memcpy(at_ + kDigits - count, digits, count);
    at_ += kDigits;
    return *this;
  }
  TextPen& Hex(const crypto::Digest& digest) {
    constexpr char kHex[] = "0123456789abcdef";
    for (const std::uint8_t byte : digest) {
      *at_++ = kHex[byte >> 4];
      *at_++ = kHex[byte & 15];
    }
    return *this;
  }
  // Behind what was written.
  const char* end() const { return at_; }

 private:
  char* at_;
};

}  // namespace event
