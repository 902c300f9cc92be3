// SPDX-License-Identifier: Apache-2.0
// The lines of the secret socket.
#include "gate/secrets/request.h"

#include <gtest/gtest.h>

namespace gate {
namespace {

TEST(SecretLine, ReadsBothMembersInAnyOrderWithEscapes) {
  const auto line = ParseSecretLine(R"({"token":"t-1","key":"db.password"})");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->token, "t-1");
  EXPECT_EQ(line->key, "db.password");
  const auto other =
      ParseSecretLine(" { \"key\" : \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\" ,\t\"token\":\"\" }\r");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->key, "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(ParseSecretLine(R"({"token":"t","key":"\u0041\u20ac"})")->key, "A\xe2\x82\xac");
}

TEST(SecretLine, AnythingElseIsNoRequest) {
  for (const char* bad : {"",
                          "{}",
                          "[]",
                          "null",
                          R"({"token":"t"})",
                          R"({"key":"k"})",
                          R"({"token":"t","key":"k",})",
                          R"({"token":"t","key":"k","x":"y"})",
                          R"({"token":"t","token":"u","key":"k"})",
                          R"({"token":"t","token":"u"})",
                          R"({"token":1,"key":"k"})",
                          R"({"token":null,"key":"k"})",
                          R"({"token":"t","key":"k"}x)",
                          R"({"token":"t","key":"k"}{})",
                          R"({'token':'t','key':'k'})",
                          R"({"token":"t" "key":"k"})",
                          R"({"token":"t","key":"k)",
                          R"({"token":"t","key":"\x41"})",
                          R"({"token":"t","key":"\u12"})",
                          R"({"token":"t","key":"\ud800"})",
                          R"({"token":"t","key":"\udc00"})",
                          R"({"token":"t","key":"\ud800A"})",
                          R"({"token":"t","key":"\ud800\u0041"})",
                          R"({"token":"t","key":"\ud800\ue000"})",
                          R"({"token":"t","key":"\ud800xxdc00"})",
                          R"({"token":"t","key":"\)",
                          R"({"token":"t","key":"\u1)",
                          R"("token":"t","key":"k"})",
                          R"({"token""t","key":"k"})",
                          R"({token":"t","key":"k"})",
                          R"({"Token":"t","key":"k"})",
                          "{\"token\":\"t\",\"key\":\"a\tb\"}",
                          "{\"token\":\"t\",\"key\":\"\xff\"}",
                          "{\"token\":\"t\",\"key\":\"\xc0\xaf\"}"}) {
    EXPECT_FALSE(ParseSecretLine(bad)) << bad;
  }
  EXPECT_FALSE(ParseSecretLine(std::string_view("{\"token\":\"t\",\"key\":\"a\0b\"}", 25)));
}

TEST(SecretLine, ALineLongerThanTheBoundIsNoRequest) {
  const std::string begin = R"({"token":"t","key":")", end = "\"}";
  const std::string fits = begin + std::string(kMaxSecretLine - 1 - begin.size() - end.size(), 'k') + end;
  EXPECT_TRUE(ParseSecretLine(fits));
  EXPECT_FALSE(ParseSecretLine(fits.substr(0, begin.size()) + "k" + fits.substr(begin.size())));
}

TEST(SecretReply, IsOneLineWhateverTheValueHolds) {
  EXPECT_EQ(FormatSecretReply("value", "a\"b\\c\n\x01\x7f\xc3\xa9"),
            "{\"value\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xc3\xa9\"}\n");
  EXPECT_EQ(FormatSecretReply("error", "unknown secret key \"K\""), "{\"error\":\"unknown secret key \\\"K\\\"\"}\n");
}

TEST(EqualInConstantTime, ComparesWholeTexts) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  for (const char* other : {"", "ab", "abd", "xbc", "abcabc", "abca"})
    EXPECT_FALSE(EqualInConstantTime("abc", other)) << other;
  EXPECT_FALSE(EqualInConstantTime("", "a"));
}

}  // namespace
}  // namespace gate
