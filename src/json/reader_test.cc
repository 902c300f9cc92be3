// SPDX-License-Identifier: Apache-2.0
#include "json/reader.h"

#include <gtest/gtest.h>

#include "json/canonical.h"

namespace json {
namespace {

Fault FaultOf(std::string_view text, const Limits& limits = {}) {
  const auto tree = Parse(text, limits);
  EXPECT_FALSE(tree) << text;
  return tree ? Fault::kSyntax : tree.error().fault;
}

std::string Echo(std::string_view text) {
  const auto tree = Parse(text);
  return tree ? Sorted(tree->root()) : "refused: " + tree.error().message;
}

TEST(Reader, KeepsEveryKindOfValue) {
  const auto tree = Parse(R"( {"a":[1,-2,3.5,true,null,"x\u00e9\ud83d\ude00"],"":{}} )");
  ASSERT_TRUE(tree);
  const auto items = tree->root().Find("a")->array();
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(items[0].unsigned_integer(), 1u);
  EXPECT_EQ(items[1].signed_integer(), -2);
  EXPECT_EQ(items[2].number(), 3.5);
  EXPECT_EQ(items[2].number_text(), "3.5");
  EXPECT_TRUE(items[3].boolean());
  EXPECT_TRUE(items[4].is_null());
  EXPECT_EQ(items[5].string(), "xé😀");
  EXPECT_TRUE(tree->root().Find("")->is_object());
}

TEST(Reader, OutlivesItsInput) {
  std::string text = R"({"name":"value"})";
  auto tree = Parse(text);
  text.assign(text.size(), 'x');
  ASSERT_TRUE(tree);
  const Tree moved = std::move(*tree);
  EXPECT_EQ(moved.root().StringOr("name", ""), "value");
}

TEST(Reader, RefusesDuplicatesAfterEscapesAreResolved) {
  const auto tree = Parse(R"({"run":{"argv":["a"],"arg\u0076":["b"]}})");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().fault, Fault::kDuplicate);
  EXPECT_EQ(tree.error().pointer, "/run/argv");
  EXPECT_EQ(tree.error().earlier, "8");
  EXPECT_EQ(tree.error().offset, 21u);
}

TEST(Reader, NamesThePlaceOfAnEscapedFirstName) {
  const auto tree = Parse(R"({"z\n":"\"","arg\u0076":["b"],"argv":1})");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().earlier, "12");
}

TEST(Reader, RefusesDuplicatesInLargeObjects) {
  std::string text = "{\"k0\":0";
  for (int i = 1; i < 1000; ++i) text += ",\"k" + std::to_string(i) + "\":0";
  EXPECT_TRUE(Parse(text + "}"));
  const auto tree = Parse(text + ",\"k500\":1}");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().fault, Fault::kDuplicate);
  EXPECT_EQ(tree.error().pointer, "/k500");
}

TEST(Reader, KeepsTheLastOfDuplicatesWhereAsked) {
  const Limits limits{.max_bytes = 1000, .max_depth = 8, .duplicates = Duplicates::kKeepLast};
  const auto tree = Parse(R"({"a":1,"b":{"a":2},"a":{"a":3,"c":4},"b":5})", limits);
  ASSERT_TRUE(tree);
  EXPECT_EQ(Sorted(tree->root()), R"({"a":{"a":3,"c":4},"b":5})");
}

TEST(Reader, RefusesNumbersBeyondDouble) {
  for (const auto* text : {"1e400", "-1e400", "1e309", "179769313486231580793728971405301e277", "1e99999999999",
                           "100000e304", "[0.00001e314]"}) {
    EXPECT_EQ(FaultOf(text), Fault::kNumberRange) << text;
  }
  EXPECT_EQ(Echo("1e-400"), "0.0");
  EXPECT_EQ(Echo("0e400"), "0.0");
  EXPECT_EQ(Echo("0.0000001e-320"), "0.0");
  EXPECT_EQ(Echo("-1e-400"), "-0.0");
  EXPECT_EQ(Echo("5e-324"), "5e-324");
}

TEST(Reader, TellsIntegersFromFloats) {
  EXPECT_EQ(Echo("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(Echo("18446744073709551616"), "1.8446744073709552e+19");
  EXPECT_EQ(Echo("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(Echo("-9223372036854775809"), "-9.223372036854776e+18");
  EXPECT_EQ(Echo("-0"), "-0.0");
  EXPECT_EQ(Echo("60.0"), "60.0");
}

TEST(Reader, RoundsToNearest) {
  EXPECT_EQ(Echo("0.19731432378659775"), "0.19731432378659775");
  EXPECT_EQ(Echo("333333333.33333329"), "333333333.3333333");
}

TEST(Reader, RefusesWhatIsNotJson) {
  for (const auto* text : {"",
                           " ",
                           "[1,]",
                           "{\"a\":1,}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "--1",
                           "NaN",
                           "'a'",
                           "[1]x",
                           "[1] [2]",
                           "// c\n1",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "tru",
                           "{\"a\"}",
                           "{1:2}",
                           "[",
                           "\"",
                           "\xef\xbb\xbf{}",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "1 1",
                           "nulll"}) {
    EXPECT_EQ(FaultOf(text), Fault::kSyntax) << text;
  }
}

TEST(Reader, RefusesBadUtf8) {
  for (const auto* text :
       {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "{\"\xc3\":1}"}) {
    EXPECT_EQ(FaultOf(text), Fault::kBadUtf8) << text;
  }
}

TEST(Reader, JudgesSizeBeforeParsing) {
  EXPECT_EQ(FaultOf("[1, not json", {.max_bytes = 4}), Fault::kTooLarge);
  EXPECT_TRUE(Parse("[10]", {.max_bytes = 4}));
}

TEST(Reader, CountsDepthFromTheOutermost) {
  EXPECT_TRUE(Parse("[[1]]", {.max_depth = 2}));
  EXPECT_EQ(FaultOf("[[[1]]]", {.max_depth = 2}), Fault::kTooDeep);
  EXPECT_EQ(FaultOf(std::string(100'000, '['), {}), Fault::kTooDeep);
  EXPECT_TRUE(Parse(std::string(32, '[') + std::string(32, ']')));
  EXPECT_EQ(FaultOf(std::string(33, '[') + std::string(33, ']')), Fault::kTooDeep);
}

TEST(Reader, PointsAtTheFault) {
  const auto tree = Parse(R"({"a/b":[0,{"c~":tru}]})");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().pointer, "/a~1b/1/c~0");
  EXPECT_EQ(ToError(tree.error(), "x.json").message.substr(0, 20), "x.json: /a~1b/1/c~0:");
}

TEST(Reader, EscapesWhatItShows) {
  const auto tree = Parse("[\x1b]");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace json
