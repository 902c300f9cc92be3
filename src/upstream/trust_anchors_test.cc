// SPDX-License-Identifier: Apache-2.0
// What a file of trust anchors may hold.
#include "upstream/trust_anchors.h"

#include <gtest/gtest.h>

namespace upstream {
namespace {

constexpr const char* kDs = "Zone.example. 3600 IN DS 12345 13 2 00112233\n";

TEST(TrustAnchors, ReadsDsAndDnskeyWithCommentsAndEmptyLines) {
  const auto anchors = ParseTrustAnchors(std::string("; root\n\n") + kDs + ". IN DNSKEY 257 3 8 AwEAAaz/tAm8 ; key\r\n");
  ASSERT_TRUE(anchors) << anchors.error().message;
  ASSERT_EQ(anchors->records.size(), 2u);
  EXPECT_EQ(anchors->records[0], "Zone.example. 3600 IN DS 12345 13 2 00112233 ");
  EXPECT_EQ(anchors->owners[1], std::string(1, '\0'));
}

TEST(TrustAnchors, RefusesWhatIsNoAnchorOnOneLineAndNamesTheLine) {
  for (const char* text : {"", "; nothing\n", "zone.example. IN A 192.0.2.1\n", "$ORIGIN example.\n", "zone.example. IN DS\n",
                           "zone.example. IN DS 1 13 2 (\n00 )\n", "zo ne IN DS 1 13 2 00\n", "a..b. IN DS 1 13 2 00\n",
                           "zone.example. IN DS 1 13 2 00\x01\n"}) {
    EXPECT_FALSE(ParseTrustAnchors(text)) << text;
  }
  const auto second = ParseTrustAnchors(std::string(kDs) + "rubbish\n");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("line 2"), std::string::npos);
}

TEST(TrustAnchors, RefusesMoreThan32KiB) {
  std::string text = kDs;
  text.resize(32 * 1024 + 1, '\n');
  EXPECT_FALSE(ParseTrustAnchors(text));
  text.resize(32 * 1024);
  EXPECT_TRUE(ParseTrustAnchors(text));
}

TEST(TrustAnchors, CoversItsOwnerAndWhatIsBelowOnly) {
  const auto anchors = ParseTrustAnchors(kDs);
  ASSERT_TRUE(anchors);
  EXPECT_TRUE(anchors->Covers(std::string("\4zone\7example\0", 14)));
  EXPECT_TRUE(anchors->Covers(std::string("\3www\4zone\7example\0", 18)));
  EXPECT_FALSE(anchors->Covers(std::string("\7example\0", 9)));
  EXPECT_FALSE(anchors->Covers(std::string("\5xzone\7example\0", 15)));
  EXPECT_TRUE(IanaRoot().Covers(std::string("\7example\0", 9)));
}

TEST(TrustAnchors, TheRootsKeysAreThoseOf2017And2024) {
  const TrustAnchors root = IanaRoot();
  ASSERT_EQ(root.records.size(), 2u);
  EXPECT_EQ(root.records[0].substr(0, 18), ". IN DS 20326 8 2 ");
  EXPECT_EQ(root.records[1].substr(0, 18), ". IN DS 38696 8 2 ");
}

}  // namespace
}  // namespace upstream
