// SPDX-License-Identifier: Apache-2.0
#include "wire/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace wire {
namespace {

bool Valid(const std::string& text) { return IsUtf8(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()); }

// Sequences are counted, so that neither one too many nor one too few passes.
TEST(Utf8, HasExactlyTheCharactersOfTheStandard) {
  std::size_t one = 0, two = 0, three = 0, four = 0;
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const std::uint8_t pair[] = {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)};
      one += b == 0 && Utf8Length(pair, 2) == 1;
      two += Utf8Length(pair, 2) == 2;
      for (unsigned c = 0; c < 256; ++c) {
        const std::uint8_t triple[] = {pair[0], pair[1], static_cast<std::uint8_t>(c)};
        three += Utf8Length(triple, 3) == 3;
      }
      if (a < 0xf0) continue;
      for (const std::uint8_t c : {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff}) {
        for (const std::uint8_t d : {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff}) {
          const std::uint8_t quad[] = {pair[0], pair[1], c, d};
          four += Utf8Length(quad, 4) == 4;
        }
      }
    }
  }
  EXPECT_EQ(one, 128u);
  EXPECT_EQ(two, 0x800u - 0x80u);
  EXPECT_EQ(three, 0x10000u - 0x800u - 0x800u);  // no surrogates
  EXPECT_EQ(four, (0x110000u - 0x10000u) / (64 * 64) * 4);
}

TEST(Utf8, IsJudgedAtEveryPlaceOfAText) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      EXPECT_TRUE(Valid(text));
      text[at] = '\x80';
      EXPECT_FALSE(Valid(text)) << size << ' ' << at;
      if (at + 1 < size) text[at] = '\xc3', text[at + 1] = '\xa9';
      EXPECT_EQ(Valid(text), at + 1 < size);
    }
  }
}

TEST(Utf8, CharacterCutShortIsNone) {
  const std::string characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  for (const std::string& character : characters) {
    EXPECT_TRUE(Valid(character));
    for (std::size_t size = 1; size < character.size(); ++size) EXPECT_FALSE(Valid(character.substr(0, size)));
  }
}

}  // namespace
}  // namespace wire
