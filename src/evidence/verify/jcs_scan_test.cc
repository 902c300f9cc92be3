// SPDX-License-Identifier: Apache-2.0
// The scanner against the other reader of canonical JSON, and its walkers.
#include "evidence/verify/jcs_scan.h"

#include <gtest/gtest.h>

#include "evidence/verify/text_forms.h"
#include "json/canonical.h"

namespace evidence {
namespace {

TEST(JcsScanner, AgreesWithTheJsonRoomOnEveryOneByteChange) {
  const std::string good =
      "{\"\":[],\"a\":{\"b\":[1,-2,{},\"\\u0001\\n\\\"\"],\"\xc3\xa9\":null},\"data\":{\"x\":18446744073709551615,"
      "\"\xf0\x90\x80\x80\":true,\"\xef\xbf\xbd\":false}}";
  JcsScanner scanner;
  ASSERT_TRUE(scanner.Scan(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = good;
      text[i] = static_cast<char>(byte);
      EXPECT_EQ(scanner.Scan(text), json::IsCanonicalJcs(text)) << i << " " << byte;
    }
    EXPECT_FALSE(scanner.Scan(good.substr(0, i)));
    std::string without = good;
    without.erase(i, 1);
    EXPECT_EQ(scanner.Scan(without), json::IsCanonicalJcs(without)) << "without " << i;
  }
}

TEST(JcsScanner, CountsLevelsFromTheOutermostObject) {
  const auto nested = [](std::size_t arrays) {
    return "{\"a\":" + std::string(arrays, '[') + std::string(arrays, ']') + "}";
  };
  JcsScanner scanner;
  EXPECT_TRUE(scanner.Scan(nested(31)));
  EXPECT_FALSE(scanner.Scan(nested(32)));
  EXPECT_FALSE(scanner.Scan(nested(1'000'000)));
}

TEST(JcsScanner, RecordsTheMembersOfTheEventAndOfItsData) {
  JcsScanner scanner;
  ASSERT_TRUE(scanner.Scan(R"({"a":[{"data":{"no":1}}],"data":{"cites":[1,2],"deep":{"no":1},"name":"x"},"z":"\n"})"));
  EXPECT_EQ(scanner.members().size(), 3u);
  ASSERT_EQ(scanner.data().size(), 3u);
  EXPECT_EQ(scanner.FindData("cites"), "[1,2]");
  EXPECT_EQ(scanner.FindData("no"), "");
  EXPECT_EQ(StringOf(scanner.Find("z")), "\n");
  EXPECT_FALSE(PlainStringOf(scanner.Find("z")));
  EXPECT_EQ(FindMember(scanner.FindData("deep"), "no"), "1");
}

TEST(TextForms, AcceptOnlyRealMomentsAndRandomIds) {
  EXPECT_TRUE(IsMillisTime("2024-02-29T23:59:59.999Z"));
  for (const char* bad :
       {"2023-02-29T00:00:00.000Z", "2024-02-30T00:00:00.000Z", "2024-01-01T24:00:00.000Z", "2024-01-01T00:00:60.000Z",
        "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000", "2024-01-01T00:00:00.0000Z", "2024-01-01 00:00:00.000Z",
        "2024-13-01T00:00:00.000Z", "2024-00-01T00:00:00.000Z", ""}) {
    EXPECT_FALSE(IsMillisTime(bad)) << bad;
  }
  EXPECT_TRUE(EndsInUuid4("urn:cellos:event:973e0279-7335-40dd-a39e-992c2c635b76"));
  for (const char* bad : {"973e0279-7335-10dd-a39e-992c2c635b76", "973e0279-7335-40dd-c39e-992c2c635b76",
                          "973E0279-7335-40dd-a39e-992c2c635b76", "973e0279-7335-40dd-a39e-992c2c635b76x",
                          "73e0279-7335-40dd-a39e-992c2c635b76"}) {
    EXPECT_FALSE(EndsInUuid4(bad)) << bad;
  }
  EXPECT_TRUE(IsRunId(std::string(128, 'a')));
  for (const std::string& bad :
       {std::string(), std::string(129, 'a'), std::string(".a"), std::string("a/b"), std::string("a\n")}) {
    EXPECT_FALSE(IsRunId(bad));
  }
}

}  // namespace
}  // namespace evidence
