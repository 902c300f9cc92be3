// SPDX-License-Identifier: Apache-2.0
// Policies over answers: address classes, rebinding, chains, budget, credits, cache (NS-01, NS-03, NS-12, NS-16).
#include <gmock/gmock.h>

#include "gate/dns/proxy_fixture.h"

namespace gate::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::GateReason;
using wire::GateRecordKind;

class PolicyTest : public ProxyTest {
 protected:
  // The resolver answers every A question with `addresses`.
  void Answer(std::vector<std::string> addresses, std::uint32_t ttl = 60) {
    resolver.set_handler([addresses, ttl](const Seen& seen) -> std::vector<Octets> {
      Message reply = seen.Reply();
      for (const std::string& address : addresses) reply.A("@", address, ttl);
      return {reply.bytes};
    });
  }
  std::vector<std::string> Shown(const Octets& answer) {
    std::vector<std::string> shown;
    for (std::size_t at = answer.size() >= 28 ? 28 : answer.size(); at + 16 <= answer.size(); at += 16) {
      base::IpAddress address;
      std::copy_n(answer.begin() + static_cast<std::ptrdiff_t>(at) + 12, 4, address.bytes.begin());
      shown.push_back(base::ToString(address));
    }
    return shown;
  }
  static std::string AddressOf(const wire::GateRecord& record) {
    base::IpAddress address;
    std::copy_n(record.address, 16, address.bytes.begin());
    address.v6 = record.v6 != 0;
    return base::ToString(address);
  }
};

TEST_F(PolicyTest, RebindingToAPrivateAddressIsStrippedAndTold) {
  config.header.max_novel_ips = 4;
  config.Respond("ok.example", "192.0.2.0/24");
  Answer({"192.0.2.1"}, 0);
  Start();
  EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), ElementsAre("192.0.2.1"));
  for (const char* inside : {"127.0.0.1", "10.0.0.1"}) {
    Answer({inside}, 0);
    const Octets answer = AskUdp(Query("ok.example").bytes);
    EXPECT_EQ(Read16(answer, 6), 0) << "no answer record";
    EXPECT_EQ(answer[3] & 0xf, kRcodeNoError);
    EXPECT_EQ(Queries().back().reason, GateReason::kDeniedAddressClass);
    EXPECT_EQ(Queries().back().rule.kind, wire::RuleKind::kBuiltin);
    EXPECT_EQ(Queries().back().count, 0u);
    const auto told = reporter.Of(GateRecordKind::kRebind);
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(AddressOf(told.back()), inside);
    EXPECT_EQ(told.back().code, 1u);
  }
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.1"));
}

TEST_F(PolicyTest, MixedAnswerLosesOnlyWhatMayNotBeShown) {
  Answer({"192.0.2.1", "10.0.0.1", "192.0.2.2"});
  Start();
  EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), ElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_EQ(Queries().back().reason, GateReason::kAllowedByAllowlist);
  EXPECT_EQ(Queries().back().count, 2u);
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.1", "192.0.2.2"));
}

TEST_F(PolicyTest, PrivateAddressThatALiteralRuleOpensIsShown) {
  config.Allow("10.0.0.1", 443, wire::FlowProtocol::kTcp);
  Answer({"10.0.0.1"});
  Start();
  EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), ElementsAre("10.0.0.1"));
}

TEST_F(PolicyTest, FastFluxIsToldOncePerAnswerAndRejected) {
  config.header.max_novel_ips = 3;
  config.header.reject_on_rebind = 1;
  Answer({"192.0.2.1", "192.0.2.2", "192.0.2.3"}, 0);
  Start();
  AskUdp(Query("ok.example").bytes);
  EXPECT_THAT(reporter.Of(GateRecordKind::kRebind), IsEmpty());
  Answer({"192.0.2.1", "203.0.113.66"}, 0);
  for (std::size_t tick = 1; tick <= 3; ++tick) {
    EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), ElementsAre("192.0.2.1"));
    const auto told = reporter.Of(GateRecordKind::kRebind);
    ASSERT_THAT(told, SizeIs(tick));
    EXPECT_EQ(told.back().code, 0u);
    EXPECT_EQ(AddressOf(told.back()), "203.0.113.66");
    EXPECT_EQ(told.back().count, 3u);
    EXPECT_EQ(told.back().count2, 4u);
  }
  Answer({"203.0.113.66"}, 0);
  EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), IsEmpty());
  EXPECT_EQ(Queries().back().reason, GateReason::kDeniedRebind);
  EXPECT_EQ(Queries().back().rule.kind, wire::RuleKind::kRebinding);
  for (const std::string& address : credits.Addresses()) EXPECT_NE(address, "203.0.113.66");
}

TEST_F(PolicyTest, AnswerOutsideTheResponseAllowlistIsRejectedOnlyWhereThePolicySaysSo) {
  config.header.max_novel_ips = 10;
  config.header.reject_on_rebind = 1;
  config.Respond("ok.example", "192.0.2.0/24");
  Answer({"192.0.2.1", "203.0.113.1", "203.0.113.2"});
  Start();
  EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), ElementsAre("192.0.2.1"));
  EXPECT_THAT(reporter.Of(GateRecordKind::kRebind), SizeIs(2)) << "one for each address";
  AskUdp(Query("a.wild.example").bytes);
  EXPECT_EQ(Queries().back().reason, GateReason::kDeniedRebind) << "no entry for this host at all";
  EXPECT_EQ(Queries().back().rule.kind, wire::RuleKind::kResponseIpAllowlist);
}

TEST_F(PolicyTest, ObservingPolicyOnlyTells) {
  config.header.max_novel_ips = 1;
  Answer({"192.0.2.1", "192.0.2.2"});
  Start();
  EXPECT_THAT(Shown(AskUdp(Query("ok.example").bytes)), ElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_THAT(reporter.Of(GateRecordKind::kRebind), SizeIs(1));
}

TEST_F(PolicyTest, ChainIsFollowedAndCreditsOnlyTheAskedName) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    return {seen.Reply()
                .Cname("@", "edge.cdn.example", 300)
                .Cname("edge.cdn.example", "pop.cdn.example", 20)
                .A("pop.cdn.example", "192.0.2.9", 600)
                .bytes};
  });
  Start();
  const Octets answer = AskUdp(Query("ok.example").bytes);
  EXPECT_EQ(Read16(answer, 6), 3);
  ASSERT_THAT(credits.credits, SizeIs(1));
  EXPECT_EQ(credits.credits[0].second.name, "ok.example");
  EXPECT_EQ(credits.credits[0].second.until, clock.boot + std::chrono::seconds(20 + 5)) << "smallest of the chain";
  // Aliases, then the query they belong to.
  ASSERT_THAT(reporter.records, SizeIs(3));
  EXPECT_EQ(reporter.records[0].kind, GateRecordKind::kDnsAlias);
  EXPECT_STREQ(reporter.records[0].name, "edge.cdn.example");
  EXPECT_EQ(reporter.records[0].count, 0u);
  EXPECT_STREQ(reporter.records[1].name, "pop.cdn.example");
  EXPECT_EQ(reporter.records[1].count, 1u);
  EXPECT_EQ(reporter.records[2].kind, GateRecordKind::kDnsQuery);
  EXPECT_EQ(reporter.records[0].id, reporter.records[2].id);
  EXPECT_EQ(reporter.records[2].ttl_s, 20u);
  EXPECT_EQ(AskUdp(Query("pop.cdn.example").bytes)[3] & 0xf, kRcodeRefused);
}

TEST_F(PolicyTest, LoopingChainIsRefused) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    return {seen.Reply().Cname("@", "b.example").Cname("b.example", seen.lower()).bytes};
  });
  Start();
  const Octets answer = AskUdp(Query("ok.example").bytes);
  EXPECT_EQ(Read16(answer, 6), 0);
  EXPECT_EQ(Queries().back().reason, GateReason::kDeniedCnameChain);
  EXPECT_EQ(Queries().back().rule.index, static_cast<std::uint32_t>(wire::BuiltinRule::kCnameChain));
}

TEST_F(PolicyTest, LifeOfACreditIsClampedAtBothEndsAndHasItsGrace) {
  config.header.limits.min_ttl_s = 5;
  config.header.limits.max_ttl_s = 3600;
  config.header.limits.grace_s = 7;
  struct Row {
    std::uint32_t ttl, life;
  };
  Start();
  for (const Row& row : {Row{0, 5}, Row{1, 5}, Row{60, 60}, Row{86400, 3600}, Row{0x80000000u, 5}}) {
    Answer({"192.0.2.1"}, row.ttl);
    credits.credits.clear();
    AskUdp(Query("t" + std::to_string(row.ttl) + ".wild.example").bytes);
    ASSERT_THAT(credits.credits, SizeIs(1)) << row.ttl;
    EXPECT_EQ(credits.credits[0].second.until - clock.boot, std::chrono::seconds(row.life + 7)) << row.ttl;
  }
}

TEST_F(PolicyTest, KeptAnswerAgesIsToldAndCreditedWithWhatIsLeft) {
  Answer({"192.0.2.1"}, 100);
  Start();
  AskUdp(Query("ok.example").bytes);
  Advance(std::chrono::seconds(40));
  const Octets answer = AskUdp(Query("ok.example").bytes);
  EXPECT_EQ(ToHex(answer), ToHex(Reply("ok.example").A("@", "192.0.2.1", 60).bytes));
  EXPECT_THAT(resolver.log, SizeIs(1));
  EXPECT_EQ(Totals().cache_hits, 1u);
  ASSERT_THAT(Queries(), SizeIs(2)) << "an event for it too";
  EXPECT_EQ(Queries()[1].ttl_s, 60u);
  EXPECT_NE(Queries()[1].id, Queries()[0].id);
  EXPECT_EQ(credits.credits[1].second.until, credits.credits[0].second.until);
  EXPECT_EQ(credits.credits[1].second.query, Queries()[1].id);
  Advance(std::chrono::seconds(60));
  AskUdp(Query("ok.example").bytes);
  EXPECT_THAT(resolver.log, SizeIs(2)) << "never beyond its TTL";
}

TEST_F(PolicyTest, DistinctNamesBeyondTheBudgetAreRefusedAndKnownOnesStillAnswered) {
  config.header.limits.names_per_minute = 50;
  Answer({"192.0.2.1"}, 0);  // nothing is kept
  Start();
  int answered = 0;
  for (int i = 0; i < 200; ++i) {
    answered += (AskUdp(Query("n" + std::to_string(i) + ".wild.example").bytes)[3] & 0xf) == kRcodeNoError;
  }
  EXPECT_EQ(answered, 50);
  EXPECT_THAT(resolver.log, SizeIs(50)) << "names at the resolver are the budget";
  EXPECT_EQ(Queries().back().reason, GateReason::kDeniedBudget);
  EXPECT_EQ(Queries().back().rule.kind, wire::RuleKind::kBudget);
  const Octets refused = AskUdp(Query("more.wild.example").Opt().bytes);
  EXPECT_EQ(refused[3] & 0xf, kRcodeRefused);
  EXPECT_NE(std::string(refused.begin(), refused.end()).find("dnsAuthority.budget"), std::string::npos);
  EXPECT_EQ(AskUdp(Query("n7.wild.example").bytes)[3] & 0xf, kRcodeNoError);
  Advance(std::chrono::seconds(61));
  EXPECT_EQ(AskUdp(Query("more.wild.example").bytes)[3] & 0xf, kRcodeNoError);
}

TEST_F(PolicyTest, HintsOfAnHttpsRecordAreJudgedAndEchGoes) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    // priority 1, target ".", ipv4hint 192.0.2.5 and 10.0.0.9, ech 4 bytes
    const Octets data = Hex("0001" "00" "00040008" "c0000205" "0a000009" "00050004" "deadbeef");
    return {seen.Reply().Add(Section::kAnswer, "@", kTypeHttps, 60, data).bytes};
  });
  Start();
  const Octets answer = AskUdp(Query("ok.example", kTypeHttps).bytes);
  EXPECT_EQ(Read16(answer, 6), 1);
  EXPECT_EQ(ToHex(answer).find("deadbeef"), std::string::npos);
  EXPECT_EQ(ToHex(answer).find("0a000009"), std::string::npos);
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.5"));
  EXPECT_EQ(AskUdp(Query("ok.example", kTypeSvcb).bytes)[3] & 0xf, kRcodeRefused) << "65 by default, 64 when listed";
}

}  // namespace
}  // namespace gate::dns::testing
