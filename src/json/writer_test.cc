// SPDX-License-Identifier: Apache-2.0
// Escaping of strings, wherever in them the byte stands.
#include "json/writer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace json {
namespace {

// Byte by byte, as the header says.
std::string Plainly(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef", kShort = "\b\f\n\r\t\"\\", kLetters = "bfnrt\"\\";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
      out.append({'\\', kLetters[at]});
    } else if (byte < 0x20) {
      out.append("\\u00").append({kHex[byte >> 4], kHex[byte & 15]});
    } else {
      out += c;
    }
  }
  return out + '"';
}

TEST(AppendString, EscapesEveryByteThatMustBeAtEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t size = 1; size < 20; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x'), out;
        text[at] = static_cast<char>(byte);
        AppendString(out, text);
        ASSERT_EQ(out, Plainly(text)) << byte << " at " << at << " of " << size;
      }
    }
  }
}

TEST(AppendString, EscapesEachOfSeveral) {
  for (int first = 0; first < 256; ++first) {
    std::string text = "\x7f\x80\xff\x01";
    for (int byte = 0; byte < 16; ++byte) text += static_cast<char>((first + byte * 7) % 256);
    std::string out = "before";
    AppendString(out, text);
    ASSERT_EQ(out, "before" + Plainly(text)) << first;
  }
}

}  // namespace
}  // namespace json
