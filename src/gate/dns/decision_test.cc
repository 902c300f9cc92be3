// SPDX-License-Identifier: Apache-2.0
// The decision on a question, its order and its words.
#include "gate/dns/decision.h"

#include <gtest/gtest.h>

#include <string>

#include "gate/dns/message_fixture.h"
#include "gate/grants_fixture.h"

namespace gate::dns {
namespace {

using namespace testing;
using wire::GateReason;

class DnsDecision : public ::testing::Test {
 protected:
  DnsDecision() {
    config.header.has_dns_authority = 1;
    for (const std::uint16_t type : {kTypeA, kTypeAaaa, kTypeCname, kTypeHttps}) {
      config.header.query_types[config.header.query_type_count++] = type;
    }
    config.Ask("api.example").Ask("*.cdn.example").Ask("*.google").Ask("dns.quad9.net").Ask("*.quad9.net");
  }
  Decision Of(const Octets& query, ClientTransport transport = ClientTransport::kUdp) {
    message = query;
    return Decide(message, transport, *grants, &question);
  }
  void SetUp() override { grants.emplace(config.Make()); }

  ConfigFixture config;
  std::optional<Grants> grants;
  Octets message;
  Question question;
};

TEST_F(DnsDecision, GrantedNamesAreForwardedByTheirRow) {
  const Decision exact = Of(Query("API.example").bytes), below = Of(Query("x.y.cdn.example").bytes);
  EXPECT_EQ(exact.action, Action::kForward);
  EXPECT_EQ(exact.reason, GateReason::kAllowedByAllowlist);
  EXPECT_EQ(below.action, Action::kForward);
  EXPECT_EQ(below.rule.index, 1u);
}

TEST_F(DnsDecision, OtherNamesAreRefusedByDefault) {
  for (const char* name : {"evil.example", "x.api.example", "cdn.example", "evilcdn.example", "", "10.0.0.1"}) {
    const Decision decision = Of(Query(name).bytes);
    EXPECT_EQ(decision.action, Action::kRefuse) << name;
    EXPECT_EQ(decision.reason, GateReason::kDeniedNotInAllowlist) << name;
    EXPECT_EQ(decision.rule.kind, wire::RuleKind::kDefault) << name;
  }
}

TEST_F(DnsDecision, TheTypeIsJudgedBeforeTheName) {
  for (const std::uint16_t type : {kTypeTxt, kTypeSvcb, kTypeSrv, kTypePtr, std::uint16_t{10}, std::uint16_t{255},
                                   std::uint16_t{252}, std::uint16_t{65280}}) {
    for (const char* name : {"api.example", "evil.example"}) {
      const Decision decision = Of(Query(name, type).bytes);
      EXPECT_EQ(decision.reason, GateReason::kDeniedQueryType);
      EXPECT_EQ(decision.rule.kind, wire::RuleKind::kAllowedQueryTypes);
    }
  }
}

TEST_F(DnsDecision, MalformedQuestionsAreDroppedWithoutReply) {
  const Decision decision = Of(Message(0x8180).Ask("api.example", 1).bytes);
  EXPECT_EQ(decision.action, Action::kDrop);
  EXPECT_EQ(decision.reason, GateReason::kMalformedQuery);
  EXPECT_EQ(decision.fault, QuestionFault::kNotAQuery);
}

TEST_F(DnsDecision, ResolverHostsNeedAGrantOfTheirOwnName) {
  const Decision decision = Of(Query("dns.google").bytes);
  EXPECT_EQ(decision.action, Action::kRefuse);
  EXPECT_EQ(decision.reason, GateReason::kDeniedDohHost);
  EXPECT_EQ(Of(Query("x.dns.google").bytes).reason, GateReason::kDeniedDohHost);
  EXPECT_EQ(Of(Query("mail.google").bytes).action, Action::kForward);
  EXPECT_EQ(Of(Query("dns.quad9.net").bytes).action, Action::kForward);
  EXPECT_EQ(Of(Query("dns9.quad9.net").bytes).reason, GateReason::kDeniedDohHost);
}

TEST_F(DnsDecision, ResolverHostsStandForNamesBelowAndForNothingBeside) {
  EXPECT_TRUE(IsDohHost("cloudflare-dns.com"));
  EXPECT_TRUE(IsDohHost("one.one.one.one"));
  EXPECT_TRUE(IsDohHost("a.b.dns.nextdns.io"));
  EXPECT_FALSE(IsDohHost("notcloudflare-dns.com"));
  EXPECT_FALSE(IsDohHost("google"));
  EXPECT_FALSE(IsDohHost(""));
}

TEST_F(DnsDecision, OfADatagramTheFirst1500BytesCountAndAGrantedFrameMayBeNoLonger) {
  Octets query = Query("api.example").bytes;
  query.resize(1501);
  EXPECT_EQ(Of(query).action, Action::kForward);
  EXPECT_EQ(question.message.size(), 1500u);
  const Decision framed = Of(query, ClientTransport::kTcp);
  EXPECT_EQ(framed.action, Action::kRefuse);
  EXPECT_EQ(framed.reason, GateReason::kUpstreamFailure);
  query = Query("evil.example").bytes;
  query.resize(65535);
  EXPECT_EQ(Of(query, ClientTransport::kTcp).reason, GateReason::kDeniedNotInAllowlist);
}

std::string Denial(const Octets& query, GateReason reason, wire::RuleRef rule) {
  Question question;
  EXPECT_EQ(ParseQuestion(query, &question), QuestionFault::kNone);
  std::array<std::uint8_t, kMaxReplyBytes> out;
  return ToHex(Bytes(out).first(WriteDenial(question, reason, rule, out)));
}

TEST(DnsDenial, NamesCodeReasonAndRuleToAClientThatSpeaksEdns) {
  const Octets plain = Query("evil.example").bytes, edns = Query("evil.example").Opt().bytes;
  EXPECT_EQ(Denial(plain, GateReason::kDeniedQueryType, {wire::RuleKind::kAllowedQueryTypes}),
            ToHex(Message(0x8105).Ask("evil.example", 1).bytes));
  const struct {
    GateReason reason;
    wire::RuleRef rule;
    std::uint16_t flags, code;
    std::string_view text;
  } rows[] = {
      {GateReason::kDeniedNotInAllowlist, {wire::RuleKind::kDefault}, 0x8105, 15, "denied_not_in_allowlist: default"},
      {GateReason::kDeniedQueryType, {wire::RuleKind::kAllowedQueryTypes}, 0x8105, 15,
       "denied_query_type: dnsAuthority.allowedQueryTypes"},
      {GateReason::kDeniedBudget, {wire::RuleKind::kBudget}, 0x8105, 17, "denied_budget: dnsAuthority.budget"},
      {GateReason::kDeniedDnssec, {wire::RuleKind::kDnssec}, 0x8102, 6,
       "denied_dnssec: dnsAuthority.resolvers[0].dnssec"},
      {GateReason::kUpstreamFailure, {wire::RuleKind::kResolver, {}, 2}, 0x8102, 22,
       "upstream_failure: dnsAuthority.resolvers[2]"},
  };
  for (const auto& row : rows) {
    const Octets text(row.text.begin(), row.text.end());
    const Octets option =
        Joined({U16(15), U16(static_cast<std::uint16_t>(2 + text.size())), U16(row.code), text});
    EXPECT_EQ(Denial(edns, row.reason, row.rule),
              ToHex(Message(row.flags).Ask("evil.example", 1).Opt(1232, false, option).bytes))
        << row.text;
  }
}

TEST_F(DnsDecision, AddressesAreJudgedByTheTables) {
  const GrantsPolicy policy(*grants);
  EXPECT_FALSE(policy.WhyRefused(*base::ParseIpAddress("192.0.2.1")).refused());
  const Refusal refusal = policy.WhyRefused(*base::ParseIpAddress("10.0.0.1"));
  EXPECT_EQ(refusal.reason, GateReason::kDeniedAddressClass);
  EXPECT_EQ(refusal.rule.kind, wire::RuleKind::kBuiltin);
  EXPECT_FALSE(policy.MayLeadTo("dns.google"));
  EXPECT_TRUE(policy.MayLeadTo("dns.quad9.net"));
  EXPECT_TRUE(policy.MayLeadTo("edge.example"));
}

}  // namespace
}  // namespace gate::dns
