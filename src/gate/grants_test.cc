// SPDX-License-Identifier: Apache-2.0
// The gate's tables: names as the document matches them, addresses by class, connections by all three together.
#include "gate/grants.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "gate/grants_fixture.h"
#include "spec/host.h"

namespace gate {
namespace {

using wire::FlowProtocol;
using wire::GateReason;
using wire::RuleKind;

base::IpAddress Ip(std::string_view text) { return *base::ParseIpAddress(text); }
base::IpEndpoint To(std::string_view address, std::uint16_t port) { return {Ip(address), port}; }

TEST(CanonicalName, FoldsCaseAndOneFinalDotAndNothingElse) {
  EXPECT_EQ(CanonicalName("PaCkAgEs.Example."), "packages.example");
  EXPECT_EQ(CanonicalName("_sip._tcp.a-b.example"), "_sip._tcp.a-b.example");
  EXPECT_EQ(CanonicalName("*.example"), "*.example");
  for (const std::string_view bad : {"", ".", "a..b", "a.example..", ".a", "a b.example", "a\\.example", "a/b", "[::1]",
                                     "::1", "a*.example", "*b.example", "caf\xc3\xa9.example"}) {
    EXPECT_FALSE(CanonicalName(bad)) << bad;
  }
  EXPECT_FALSE(CanonicalName(std::string_view("a\0.example", 10)));
  EXPECT_FALSE(CanonicalName(std::string(64, 'a') + ".example"));
  EXPECT_TRUE(CanonicalName(std::string(63, 'a') + ".example"));
  std::string longest;
  while (longest.size() < 252) longest += "a.";
  EXPECT_TRUE(CanonicalName(longest + "b"));
  EXPECT_FALSE(CanonicalName(longest + "bb"));
}

// Few letters, so that names and patterns meet often.
std::string RandomName(std::mt19937& random) {
  static constexpr std::string_view kLabels[] = {"a", "b", "ab", "1", "x-y", "_t", "*", "127", "0"};
  std::string name;
  for (int labels = 1 + static_cast<int>(random() % 4); labels > 0; --labels) {
    if (!name.empty()) name += '.';
    name += kLabels[random() % std::size(kLabels)];
  }
  return name;
}

TEST(NameSet, MatchesExactlyWhatTheDocumentsMatcherMatches) {
  std::mt19937 random(7);
  int matched = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> patterns;
    NameSet set;
    for (std::uint32_t i = 0; i < 12; ++i) {
      std::string pattern = RandomName(random);
      if (base::ParseIpAddress(pattern)) pattern += ".a";  // a literal address is no name
      if (random() % 2 == 0) pattern.insert(0, "*.");
      set.Add(pattern, i);
      patterns.push_back(std::move(pattern));
    }
    for (int asked = 0; asked < 20; ++asked) {
      const std::string name = RandomName(random);
      std::vector<std::uint32_t> values, expected;
      set.Match(name, &values);
      std::sort(values.begin(), values.end());
      for (std::uint32_t i = 0; i < patterns.size(); ++i) {
        // "*.x" as a name asked for is the literal wildcard owner; as a pattern it is a pattern.
        if (spec::HostnameMatches(patterns[i], name)) expected.push_back(i);
      }
      matched += expected.empty() ? 0 : 1;
      EXPECT_EQ(values, expected) << name << " against " << testing::PrintToString(patterns);
    }
  }
  EXPECT_GT(matched, 1000);
}

TEST(NameSet, GivesExactEntriesBeforeWildcardsAndLongerOnesFirst) {
  NameSet set;
  set.Add("*.example", 1);
  set.Add("*.b.example", 2);
  set.Add("a.b.example", 3);
  std::vector<std::uint32_t> values;
  set.Match("a.b.example", &values);
  EXPECT_EQ(values, (std::vector<std::uint32_t>{3, 2, 1}));
}

TEST(Grants, MayAskNamesTheFirstRowOfTheDocument) {
  auto grants = ConfigFixture().Ask("*.example").Ask("a.example").Make();
  const auto row = grants.MayAsk("a.example");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->kind, RuleKind::kHostnameAllowlist);
  EXPECT_EQ(row->index, 0u);
  EXPECT_TRUE(grants.NamedExactly("a.example"));
  EXPECT_FALSE(grants.NamedExactly("b.example"));
  EXPECT_FALSE(grants.MayAsk("example"));
  EXPECT_FALSE(grants.MayAsk("evilexample"));
}

TEST(Grants, AnAddressOfAClassIsGivenByNameOnlyWhenALiteralOpensIt) {
  auto grants = ConfigFixture()
                    .Allow("10.1.2.3", 5432, FlowProtocol::kTcp)
                    .Allow("192.168.0.0/16", 80, FlowProtocol::kHttp)
                    .HostAddress("203.0.113.9")
                    .Make();
  for (const char* refused :
       {"10.1.2.4", "127.0.0.1", "169.254.169.254", "fd00:ec2::254", "0.0.0.0", "::", "::1", "224.0.0.1", "100.64.0.1",
        "fe80::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "203.0.113.9"}) {
    const auto row = grants.WhyAddressRefused(Ip(refused));
    ASSERT_TRUE(row) << refused;
    EXPECT_EQ(row->kind, RuleKind::kBuiltin);
  }
  EXPECT_EQ(grants.WhyAddressRefused(Ip("203.0.113.9"))->index,
            static_cast<std::uint32_t>(wire::BuiltinRule::kHostAddress));
  for (const char* given : {"10.1.2.3", "192.168.4.4", "93.184.216.34", "2606:4700::1"}) {
    EXPECT_FALSE(grants.WhyAddressRefused(Ip(given))) << given;
  }
}

TEST(Grants, ResponseAllowlistBindsNamesToTheirPrefixes) {
  auto grants = ConfigFixture().Respond("a.example", "192.0.2.0/24").Make();
  EXPECT_TRUE(grants.ResponseAllowed("a.example", Ip("192.0.2.7")));
  EXPECT_FALSE(grants.ResponseAllowed("a.example", Ip("192.0.3.7")));
  EXPECT_TRUE(ConfigFixture().Make().ResponseAllowed("a.example", Ip("192.0.3.7")));
}

class JudgeFlowTest : public testing::Test {
 protected:
  static constexpr base::BootTime kNow = std::chrono::seconds(1000);
  ConfigFixture config;
  Credits credits{100};
  void Answer(std::string_view name, std::string_view address, int seconds = 60, std::uint64_t query = 1) {
    credits.Remember(Ip(address), {std::string(name), query, kNow + std::chrono::seconds(seconds)});
  }
  FlowVerdict Judge(std::string_view address, std::uint16_t port, bool udp = false) {
    return JudgeFlow(config.Make(), credits, To(address, port), udp, kNow);
  }
};

TEST_F(JudgeFlowTest, ANameRuleLetsInOnlyWhatWasAnsweredForItsOwnName) {
  config.Allow("a.example", 443, FlowProtocol::kHttps).Allow("b.example", 443, FlowProtocol::kHttps);
  Answer("a.example", "93.184.216.34", 60, 17);
  const FlowVerdict verdict = Judge("93.184.216.34", 443);
  EXPECT_EQ(verdict.reason, GateReason::kGateGrantMatch);
  EXPECT_EQ(verdict.candidates, (std::vector<std::uint32_t>{0}));
  EXPECT_TRUE(verdict.inspect);
  EXPECT_EQ(verdict.query, 17u);
  EXPECT_EQ(Judge("93.184.216.35", 443).reason, GateReason::kGateNotAnswered);
  EXPECT_EQ(Judge("93.184.216.35", 443).rule.kind, RuleKind::kDefault);
}

TEST_F(JudgeFlowTest, TheNewestAnswerIsTheOneThatIsNamedWhereverItStands) {
  config.Allow("a.example", 443, FlowProtocol::kHttps).Allow("b.example", 443, FlowProtocol::kHttps);
  Answer("a.example", "93.184.216.34", 60, 17);
  Answer("b.example", "93.184.216.34", 60, 18);
  Answer("a.example", "93.184.216.34", 61, 19);
  EXPECT_EQ(Judge("93.184.216.34", 443).query, 19u);
}

TEST_F(JudgeFlowTest, AnyPortOfAGrantedHostAndAnyHostOfAGrantedPortAreRefused) {  // PK-05, TL-07, TL-19
  config.Allow("a.example", 443, FlowProtocol::kHttps).Allow("b.example", 22, FlowProtocol::kTcp);
  Answer("a.example", "93.184.216.34");
  const FlowVerdict other_port = Judge("93.184.216.34", 22);
  EXPECT_EQ(other_port.reason, GateReason::kGatePort);
  EXPECT_EQ(other_port.rule.index, 0u);
  EXPECT_EQ(Judge("93.184.216.99", 22).reason, GateReason::kGateNotAnswered);
}

TEST_F(JudgeFlowTest, TransportsAreNotInterchangeable) {
  config.Allow("93.184.216.34", 5000, FlowProtocol::kUdp);
  EXPECT_EQ(Judge("93.184.216.34", 5000, true).reason, GateReason::kGateGrantMatch);
  EXPECT_EQ(Judge("93.184.216.34", 5000, false).reason, GateReason::kGateProtocol);
}

TEST_F(JudgeFlowTest, AnAnswerThatIsOverOpensNothing) {
  config.Allow("a.example", 443, FlowProtocol::kTcp);
  Answer("a.example", "93.184.216.34", -1);
  EXPECT_EQ(Judge("93.184.216.34", 443).reason, GateReason::kGateExpired);
  Answer("a.example", "93.184.216.34", 0);
  EXPECT_EQ(Judge("93.184.216.34", 443).reason, GateReason::kGateGrantMatch);
}

TEST_F(JudgeFlowTest, MetadataAndClassesStandBeforeEveryNameGrant) {  // PK-09, NS-02
  config.Allow("a.example", 80, FlowProtocol::kTcp)
      .Allow("10.0.0.0/8", 81, FlowProtocol::kTcp)
      .Allow("0.0.0.0/0", 80, FlowProtocol::kTcp);
  for (const char* address : {"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"}) {
    Answer("a.example", address);
    EXPECT_EQ(Judge(address, 80).reason, GateReason::kGateMetadata) << address;
  }
  for (const char* address : {"192.168.0.1", "127.0.0.1", "::1", "fe80::1", "224.0.0.251"}) {
    Answer("a.example", address);
    EXPECT_EQ(Judge(address, 80).reason, GateReason::kGateAddressClass) << address;
  }
  Answer("a.example", "10.2.3.4");
  EXPECT_EQ(Judge("10.2.3.4", 80).reason, GateReason::kGatePort);
  EXPECT_EQ(Judge("10.2.3.4", 81).reason, GateReason::kGateGrantMatch);
}

TEST_F(JudgeFlowTest, AnExactLiteralOpensMetadata) {
  config.Allow("169.254.169.254", 80, FlowProtocol::kHttp);
  const FlowVerdict verdict = Judge("169.254.169.254", 80);
  EXPECT_EQ(verdict.reason, GateReason::kGateGrantMatch);
  EXPECT_TRUE(verdict.inspect);
}

TEST_F(JudgeFlowTest, AnAddressOfTheHostIsReachedOnlyByALiteral) {
  config.Allow("a.example", 80, FlowProtocol::kTcp).HostAddress("93.184.216.34");
  Answer("a.example", "93.184.216.34");
  EXPECT_EQ(Judge("93.184.216.34", 80).reason, GateReason::kGateAddressClass);
  config.Allow("93.184.216.34", 80, FlowProtocol::kTcp);
  EXPECT_EQ(Judge("93.184.216.34", 80).rule.index, 1u);
}

TEST_F(JudgeFlowTest, AMappedAddressIsNotItsIpv4Grant) {
  config.Allow("10.1.2.3", 80, FlowProtocol::kTcp);
  EXPECT_EQ(Judge("::ffff:10.1.2.3", 80).reason, GateReason::kGateAddressClass);
}

TEST_F(JudgeFlowTest, ARuleThatLooksAtNoBytesGrantsAlone) {
  config.Allow("a.example", 443, FlowProtocol::kHttps).Allow("93.184.216.0/24", 443, FlowProtocol::kTcp);
  Answer("a.example", "93.184.216.34");
  const FlowVerdict verdict = Judge("93.184.216.34", 443);
  EXPECT_FALSE(verdict.inspect);
  EXPECT_EQ(verdict.candidates, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(verdict.rule.index, 1u);
}

TEST_F(JudgeFlowTest, OneAddressOfTwoNamesLeavesTheChoiceToTheBytes) {
  config.Allow("a.example", 443, FlowProtocol::kHttps)
      .Allow("*.cdn.example", 443, FlowProtocol::kHttps)
      .Allow("c.example", 443, FlowProtocol::kHttps);
  Answer("a.example", "93.184.216.34");
  Answer("x.cdn.example", "93.184.216.34");
  EXPECT_EQ(Judge("93.184.216.34", 443).candidates, (std::vector<std::uint32_t>{0, 1}));
}

TEST(Credits, TheOneThatEndsFirstMakesRoom) {
  Credits credits(3);
  for (int i = 1; i <= 3; ++i) {
    credits.Remember(Ip("192.0.2." + std::to_string(i)), {"n.example", 1, std::chrono::seconds(10 - i)});
  }
  credits.Remember(Ip("192.0.2.9"), {"n.example", 1, std::chrono::seconds(100)});
  EXPECT_EQ(credits.size(), 3u);
  EXPECT_TRUE(credits.Of(Ip("192.0.2.3")).empty());
  EXPECT_EQ(credits.Of(Ip("192.0.2.1")).size(), 1u);
}

TEST(Credits, AShorterAnswerDoesNotEndALongerOne) {
  Credits credits(3);
  credits.Remember(Ip("192.0.2.1"), {"n.example", 1, std::chrono::seconds(100)});
  credits.Remember(Ip("192.0.2.1"), {"n.example", 2, std::chrono::seconds(50)});
  ASSERT_EQ(credits.Of(Ip("192.0.2.1")).size(), 1u);
  EXPECT_EQ(credits.Of(Ip("192.0.2.1"))[0].until, std::chrono::seconds(100));
  EXPECT_EQ(credits.Of(Ip("192.0.2.1"))[0].query, 1u);
}

TEST(Credits, AnAddressOfTooManyNamesGivesUpTheOneThatEndsFirst) {
  Credits credits(1000);
  const auto name = [](std::size_t i) { return "n" + std::to_string(i) + ".example"; };
  for (std::size_t i = 0; i <= Credits::kNamesPerAddress; ++i) {
    credits.Remember(Ip("192.0.2.1"), {name(i), i, std::chrono::seconds(i == 7 ? 10 : 100 + i)});
  }
  std::set<std::string> kept;
  for (const Credit& credit : credits.Of(Ip("192.0.2.1"))) kept.insert(credit.name);
  EXPECT_EQ(kept.size(), Credits::kNamesPerAddress);
  EXPECT_EQ(credits.size(), Credits::kNamesPerAddress);
  EXPECT_FALSE(kept.contains(name(7)));
  EXPECT_TRUE(kept.contains(name(Credits::kNamesPerAddress)));
  credits.Remember(Ip("192.0.2.1"), {name(Credits::kNamesPerAddress), 99, std::chrono::seconds(500)});
  kept.clear();
  for (const Credit& credit : credits.Of(Ip("192.0.2.1"))) kept.insert(credit.name);
  EXPECT_EQ(kept.size(), Credits::kNamesPerAddress) << "it is known by the place that it took over";
}

TEST(Credits, EndedOnesAreKeptForAWhileToSayExpired) {
  Credits credits(3);
  credits.Remember(Ip("192.0.2.1"), {"n.example", 1, std::chrono::seconds(100)});
  credits.Sweep(std::chrono::seconds(101));
  EXPECT_EQ(credits.size(), 1u);
  credits.Sweep(std::chrono::seconds(101) + Credits::kRememberEnded);
  EXPECT_EQ(credits.size(), 0u);
}

TEST(Credits, StayWithinTheirBoundsWhateverIsAnswered) {
  Credits credits(500);
  std::mt19937 random(3);
  for (int i = 0; i < 50'000; ++i) {
    credits.Remember(Ip("192.0.2." + std::to_string(random() % 256)),
                     {"n" + std::to_string(random() % 200) + ".example", 1, std::chrono::seconds(random() % 1000)});
    ASSERT_LE(credits.size(), 500u);
  }
  std::size_t counted = 0;
  for (int i = 0; i < 256; ++i) {
    const auto list = credits.Of(Ip("192.0.2." + std::to_string(i)));
    EXPECT_LE(list.size(), Credits::kNamesPerAddress);
    counted += list.size();
    std::set<std::string> names;
    for (const Credit& credit : list) names.insert(credit.name);
    EXPECT_EQ(names.size(), list.size()) << "a name has one credit of an address";
  }
  EXPECT_EQ(counted, credits.size());
}

}  // namespace
}  // namespace gate
