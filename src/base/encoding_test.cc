// SPDX-License-Identifier: Apache-2.0
#include "base/encoding.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Base64, RoundTripsEveryLength) {
  for (std::size_t n = 0; n < 64; ++n) {
    Bytes bytes(n);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + n);
    for (const auto alphabet : {Base64::kStandard, Base64::kUrl}) {
      EXPECT_EQ(Base64Decode(Base64Encode(bytes, alphabet), alphabet), bytes);
    }
  }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  EXPECT_EQ(Base64Decode("AQ"), std::nullopt);        // padding missing
  EXPECT_EQ(Base64Decode("AR=="), std::nullopt);      // spare bits
  EXPECT_EQ(Base64Decode("AQ==\n"), std::nullopt);    // white space
  EXPECT_EQ(Base64Decode("A==="), std::nullopt);      // impossible length
  EXPECT_EQ(Base64Decode("-_8="), std::nullopt);      // other alphabet
  EXPECT_EQ(Base64Decode("AQ=", Base64::kUrl), std::nullopt);  // half padding
  EXPECT_TRUE(Base64Decode("AQ==", Base64::kUrl));
  EXPECT_TRUE(Base64Decode("AQ", Base64::kUrl));
}

TEST(Hex, RefusesUpperCaseAndOddLength) {
  EXPECT_EQ(HexDecode("AB"), std::nullopt);
  EXPECT_EQ(HexDecode("abc"), std::nullopt);
  EXPECT_EQ(HexDecode("00ff"), (Bytes{0, 255}));
}

TEST(Escape, ShowsControlsBidiAndBrokenUtf8) {
  EXPECT_EQ(Escape("a\x1b[31mb\n"), "a\\x1b[31mb\\n");
  EXPECT_EQ(Escape("\u202e"), "\\u{202e}");
  EXPECT_EQ(Escape("\xff"), "\\xff");
  EXPECT_EQ(Escape("żółć"), "żółć");
  EXPECT_EQ(Escape(std::string(50, 'a'), 10), "aaaaaaaaaa…");
}

TEST(IsUtf8, RefusesSurrogatesAndOverlongForms) {
  EXPECT_TRUE(IsUtf8("grüße 🙂"));
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));
  EXPECT_FALSE(IsUtf8("\xc0\x80"));
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xe2\x82"));
}

}  // namespace
}  // namespace base
