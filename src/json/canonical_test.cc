// SPDX-License-Identifier: Apache-2.0
#include "json/canonical.h"

#include <gtest/gtest.h>

#include "json/writer.h"

namespace json {
namespace {

std::string SortedOf(std::string_view text) {
  const auto tree = Parse(text);
  EXPECT_TRUE(tree) << text;
  return tree ? Sorted(tree->root()) : "";
}

TEST(Sorted, OrdersByCodePointAndEscapesOnlyWhatMustBe) {
  EXPECT_EQ(SortedOf(R"({"\uffff":1,"\ud800\udc00":2,"b":[{"z":0,"a":0}],"a":"\/\u007f\u2028\u0001\u001f\b"})"),
            "{\"a\":\"/\x7f\u2028\\u0001\\u001f\\b\",\"b\":[{\"a\":0,\"z\":0}],\"\uffff\":1,\"\U00010000\":2}");
}

TEST(Sorted, WritesDoublesWithTheShortestDigits) {
  EXPECT_EQ(SortedOf("[1.0,1e0,1e15,1e16,0.00001,1e-6,1.5e300,0.1,123456.789,-0.0,12e-5,1e21]"),
            "[1.0,1.0,1000000000000000.0,1e+16,0.00001,1e-6,1.5e+300,0.1,123456.789,-0.0,0.00012,1e+21]");
}

TEST(Jcs, OrdersByUtf16CodeUnits) {
  const auto tree = Parse(R"({"\uffff":1,"\ud800\udc00":2,"\ud7ff":3,"\ue000":4,"a":5})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(Jcs(tree->root()), "{\"a\":5,\"\ud7ff\":3,\"\U00010000\":2,\"\ue000\":4,\"\uffff\":1}");
}

TEST(Jcs, KnowsIntegersOnly) {
  EXPECT_FALSE(Jcs(Value::Double(1.5, "1.5")));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a":1.0})"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a":-0})"));
  EXPECT_TRUE(IsCanonicalJcs(R"({"a":18446744073709551615,"b":-9223372036854775808})"));
}

TEST(IsCanonicalJcs, RefusesEveryOtherSpelling) {
  EXPECT_TRUE(IsCanonicalJcs(R"({"a":{"b":[]}})"));
  EXPECT_FALSE(IsCanonicalJcs(R"([])"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"b":1,"a":2})"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a": 1})"));
  EXPECT_FALSE(IsCanonicalJcs("{\"a\":1}\n"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a":"\/"})"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a":"\u0041"})"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a":1,"a":1})"));
  EXPECT_FALSE(IsCanonicalJcs(R"({"a":{"b":{}}})", 2));
}

TEST(Writer, PutsCommasWhereTheyBelong) {
  std::string out;
  Writer writer(out);
  writer.BeginObject().Member("a", "x").Key("b").BeginArray().Int(-1).Null().BeginObject().EndObject().EndArray();
  writer.Member("c", true).Key("d").Raw("{}").EndObject();
  EXPECT_EQ(out, R"({"a":"x","b":[-1,null,{}],"c":true,"d":{}})");
}

}  // namespace
}  // namespace json
