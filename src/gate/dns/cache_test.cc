// SPDX-License-Identifier: Apache-2.0
// Lives and bounds of kept answers.
#include "gate/dns/cache.h"

#include <gtest/gtest.h>

#include "gate/dns/message_fixture.h"

namespace gate::dns::testing {
namespace {

using namespace std::chrono_literals;

Served Answer(std::uint32_t ttl, std::uint8_t rcode = 0, bool addresses = true) {
  Served served;
  served.message = Reply("a.example").bytes;
  served.ttl_s = ttl;
  served.rcode = rcode;
  if (addresses) served.credits.push_back({*base::ParseIpAddress("192.0.2.1"), ttl});
  return served;
}

TEST(Cache, KeepsAnAnswerForItsLifeAndNotLonger) {
  Cache cache(10);
  cache.Keep("k", Answer(60), 100s);
  std::uint32_t age = 0;
  ASSERT_NE(cache.Find("k", 159s + 999ms, &age), nullptr);
  EXPECT_EQ(age, 59u);
  EXPECT_EQ(cache.Find("k", 160s, &age), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(Cache, NegativeAnswersAreBounded) {
  Cache cache(10);
  cache.Keep("k", Answer(86400, kRcodeNxdomain, false), 0s);
  std::uint32_t age = 0;
  EXPECT_NE(cache.Find("k", 299s, &age), nullptr);
  EXPECT_EQ(cache.Find("k", 300s, &age), nullptr);
}

TEST(Cache, FailuresTruncatedAndLifelessAnswersAreNotKept) {
  Cache cache(10);
  std::uint32_t age = 0;
  cache.Keep("servfail", Answer(60, kRcodeServfail), 0s);
  cache.Keep("lifeless", Answer(0), 0s);
  Served truncated = Answer(60);
  truncated.message[2] |= 2;
  cache.Keep("truncated", truncated, 0s);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.Find("servfail", 0s, &age), nullptr);
}

TEST(Cache, TheOneUsedLongestAgoMakesRoom) {
  Cache cache(2);
  std::uint32_t age = 0;
  cache.Keep("a", Answer(60), 0s);
  cache.Keep("b", Answer(60), 0s);
  EXPECT_NE(cache.Find("a", 1s, &age), nullptr);
  cache.Keep("c", Answer(60), 1s);
  EXPECT_NE(cache.Find("a", 1s, &age), nullptr);
  EXPECT_EQ(cache.Find("b", 1s, &age), nullptr);
}

TEST(Cache, BytesAreBoundedToo) {
  Cache cache(100000);
  Served large = Answer(60);
  large.message.resize(60000);
  for (int i = 0; i < 200; ++i) cache.Keep(std::to_string(i), large, 0s);
  EXPECT_LE(cache.size() * 60000, Cache::kMaxBytes);
  EXPECT_GT(cache.size(), 10u);
}

TEST(Cache, QuestionsThatDifferInWhatTheUpstreamWouldSeeHaveOtherKeys) {
  std::vector<Octets> messages = {Query("a.example").bytes,
                                  Query("a.example", kTypeAaaa).bytes,
                                  Query("a.example").Opt().bytes,
                                  Query("a.example").Opt(1232, true).bytes,
                                  Message(0).Ask("a.example", kTypeA).bytes,
                                  Message(0x0110).Ask("a.example", kTypeA).bytes,
                                  Message(0x0120).Ask("a.example", kTypeA).bytes,
                                  Query("b.example").bytes};
  std::vector<std::string> keys;
  for (const Octets& message : messages) {
    Question question;
    ASSERT_EQ(ParseQuestion(message, &question), QuestionFault::kNone);
    const auto key = QuestionKey::Of(question);
    ASSERT_TRUE(key);
    for (const std::string& known : keys) EXPECT_NE(key->text(), known);
    keys.emplace_back(key->text());
  }
  Question upper, option;
  const Octets other = Query("A.EXAMPLE").bytes;
  const Octets cookie = Query("a.example").Opt(1232, false, Hex("000a00080102030405060708")).bytes;
  ASSERT_EQ(ParseQuestion(other, &upper), QuestionFault::kNone);
  EXPECT_EQ(QuestionKey::Of(upper)->text(), keys[0]);
  ASSERT_EQ(ParseQuestion(cookie, &option), QuestionFault::kNone);
  EXPECT_FALSE(QuestionKey::Of(option)) << "options are between this client and the resolver";
}

}  // namespace
}  // namespace gate::dns::testing
