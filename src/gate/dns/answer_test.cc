// SPDX-License-Identifier: Apache-2.0
// What of an upstream's answer reaches the client, and what it gives a name.
#include "gate/dns/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "gate/dns/message_fixture.h"

namespace gate::dns {
namespace {

using namespace testing;

class TestPolicy final : public AnswerPolicy {
 public:
  std::set<std::string> refused = {"10.0.0.1", "10.0.0.2", "fd00::1"}, no_targets;
  Refusal WhyRefused(const base::IpAddress& address) const override {
    if (!refused.contains(base::ToString(address))) return {};
    return {wire::GateReason::kDeniedAddressClass, {wire::RuleKind::kDefault}};
  }
  bool MayLeadTo(std::string_view name) const override { return !no_targets.contains(std::string(name)); }
};

struct Outcome {
  Judgement judgement;
  std::optional<Relayed> relayed;
  Octets reply;
  std::vector<std::string> Credited() const {
    std::vector<std::string> list;
    for (const Target& target : judgement.targets) {
      if (target.role == TargetRole::kExtra || target.refusal.refused()) continue;
      list.push_back(base::ToString(target.address) + " " + std::to_string(target.ttl_s));
    }
    return list;
  }
};

class DnsJudge : public ::testing::Test {
 protected:
  TestPolicy policy;
  RelayOptions options;

  Outcome Run(const Octets& reply, const Octets& query) {
    Question question;
    EXPECT_EQ(ParseQuestion(query, &question), QuestionFault::kNone);
    Answer answer;
    EXPECT_EQ(ParseAnswer(reply, 0x1234, question.section(), &answer), AnswerFault::kNone);
    Outcome outcome;
    JudgeAnswer(answer, question, policy, &outcome.judgement);
    outcome.relayed = RelayAnswer(answer, question, outcome.judgement, options, &outcome.reply);
    return outcome;
  }
  Outcome Run(const Message& reply, std::uint16_t type = kTypeA) {
    return Run(reply.bytes, Query("a.example", type).bytes);
  }
};

Message Start(std::uint16_t type = kTypeA, std::uint16_t flags = 0x8180) { return Reply("a.example", type, flags); }

TEST_F(DnsJudge, NothingToRemoveMeansNotOneByteChanged) {
  Octets bytes = Start(kTypeA, 0x85b0)
                     .Cname("@", "b.example")
                     .A("b.example", "192.0.2.1")
                     .Add(Section::kAnswer, "b.example", kTypeRrsig, 60, Octets(30, 1))
                     .Add(Section::kAuthority, "example", kTypeMx, 60, Hex("00"))
                     .Opt(1232, true, Octets(4, 0))
                     .bytes;
  Append(&bytes, Octets(7, 0xee));
  const Outcome outcome = Run(bytes, Query("a.example").bytes);
  EXPECT_EQ(ToHex(outcome.reply), ToHex(bytes));
  EXPECT_FALSE(outcome.relayed->changed);
  EXPECT_EQ(outcome.relayed->targets, 1u);
  EXPECT_FALSE(outcome.relayed->refusal.refused());
}

TEST_F(DnsJudge, CreditsCarryTheSmallestTtlOfTheChain) {
  const Outcome outcome = Run(Start().A("c.example", "192.0.2.2", 40).Cname("@", "b.example", 300)
                                  .A("c.example", "192.0.2.1", 900).Cname("B.example", "C.EXAMPLE", 50));
  EXPECT_THAT(outcome.Credited(), ::testing::ElementsAre("192.0.2.2 40", "192.0.2.1 50"));
  EXPECT_EQ(outcome.judgement.ttl_s, 40u);
  ASSERT_EQ(outcome.judgement.aliases.size(), 2u);
  char text[kMaxNameText];
  EXPECT_EQ(ToText(outcome.judgement.aliases[1], text), "c.example");
}

TEST_F(DnsJudge, TtlsOfTwoToThe31AndMoreCountAsZero) {
  EXPECT_THAT(Run(Start().A("@", "192.0.2.1", 0x80000000u)).Credited(), ::testing::ElementsAre("192.0.2.1 0"));
  EXPECT_THAT(Run(Start().A("@", "192.0.2.1", 0x7fffffffu)).Credited(), ::testing::ElementsAre("192.0.2.1 2147483647"));
}

TEST_F(DnsJudge, AddressesOfOtherOwnersSectionsAndTypesAreNeverCredited) {
  const Outcome outcome = Run(Start().A("@", "192.0.2.1").A("other.example", "192.0.2.2").A("@", "2001:db8::1")
                                  .Add(Section::kAnswer, "@", kTypeA, 60, AddressData("192.0.2.5"), 3)
                                  .Add(Section::kAuthority, "@", kTypeA, 60, AddressData("192.0.2.3"))
                                  .Add(Section::kAdditional, "@", kTypeA, 60, AddressData("192.0.2.4")));
  EXPECT_THAT(outcome.Credited(), ::testing::ElementsAre("192.0.2.1 60"));
  EXPECT_EQ(outcome.relayed->targets, 1u);
}

TEST_F(DnsJudge, AddressesInTheMiddleOfAChainAreNotCredited) {
  EXPECT_THAT(Run(Start().Cname("@", "b.example").A("@", "192.0.2.9").A("b.example", "192.0.2.1")).Credited(),
              ::testing::ElementsAre("192.0.2.1 60"));
}

TEST_F(DnsJudge, AnErrorAnswerCreditsNothing) {
  const Outcome outcome = Run(Start(kTypeA, 0x8183).A("@", "192.0.2.1"));
  EXPECT_TRUE(outcome.Credited().empty());
  EXPECT_EQ(outcome.relayed->rcode, kRcodeNxdomain);
}

TEST_F(DnsJudge, RefusedAddressesGoWithTheSignaturesOfTheirSetAndAd) {
  const Octets signature_a = Joined({U16(kTypeA), Octets(20, 0)}), signature_mx = Joined({U16(kTypeMx), Octets(20, 0)});
  const Outcome outcome = Run(Start(kTypeA, 0x81a0)
                                  .A("@", "10.0.0.1")
                                  .A("@", "192.0.2.1")
                                  .Add(Section::kAnswer, "@", kTypeRrsig, 60, signature_a)
                                  .Add(Section::kAnswer, "@", kTypeRrsig, 60, signature_mx)
                                  .Add(Section::kAnswer, "b.example", kTypeRrsig, 60, signature_a));
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start(kTypeA, 0x8180)
                                            .A("@", "192.0.2.1")
                                            .Add(Section::kAnswer, "@", kTypeRrsig, 60, signature_mx)
                                            .Add(Section::kAnswer, "b.example", kTypeRrsig, 60, signature_a)
                                            .bytes));
  EXPECT_TRUE(outcome.relayed->changed);
  EXPECT_EQ(outcome.relayed->removed, 1u);
  EXPECT_EQ(outcome.relayed->targets, 1u);
  EXPECT_FALSE(outcome.relayed->refusal.refused());
}

TEST_F(DnsJudge, RefusedAddressesOfExtraRecordsGoAsWell) {
  const Outcome outcome = Run(Start().A("@", "192.0.2.1").Add(Section::kAdditional, "ns.example", kTypeA, 60,
                                                              AddressData("10.0.0.2")));
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start().A("@", "192.0.2.1").bytes));
}

TEST_F(DnsJudge, AllAddressesRemovedLeavesTheRcodeAndAnEmptyAnswer) {
  const Outcome outcome = Run(Start(kTypeA, 0x81a0)
                                  .Cname("@", "b.example")
                                  .A("b.example", "10.0.0.1")
                                  .A("b.example", "10.0.0.2")
                                  .Add(Section::kAuthority, "example", kTypeNs, 60, WireName("ns.example")));
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start().bytes));
  EXPECT_EQ(outcome.relayed->refusal.reason, wire::GateReason::kDeniedAddressClass);
  EXPECT_EQ(outcome.relayed->refusal.rule.kind, wire::RuleKind::kDefault);
  EXPECT_EQ(outcome.relayed->targets, 0u);
  EXPECT_TRUE(outcome.Credited().empty());
}

TEST_F(DnsJudge, ARefusedAnswerNamesTheRuleInTheUpstreamsOptRecord) {
  const Outcome outcome =
      Run(Start().A("@", "10.0.0.1").Opt(4096, true).bytes, Query("a.example").Opt(1232, true).bytes);
  const Octets text = Hex(ToHex(base::AsBytes("denied_address_class: default")));
  const Octets option = Joined({U16(15), U16(static_cast<std::uint16_t>(2 + text.size())), U16(17), text});
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start().Opt(4096, true, option).bytes));
}

TEST_F(DnsJudge, ARefusalThatTheCallerAddsCounts) {
  const Octets query = Query("a.example").bytes, reply = Start().A("@", "192.0.2.1").A("@", "192.0.2.2").bytes;
  Question question;
  ParseQuestion(query, &question);
  Answer answer;
  ASSERT_EQ(ParseAnswer(reply, 0x1234, question.section(), &answer), AnswerFault::kNone);
  Judgement judgement;
  JudgeAnswer(answer, question, policy, &judgement);
  judgement.targets[0].refusal = {wire::GateReason::kDeniedRebind, {wire::RuleKind::kRebinding}};
  Octets out;
  ASSERT_TRUE(RelayAnswer(answer, question, judgement, {}, &out));
  EXPECT_EQ(ToHex(out), ToHex(Start().A("@", "192.0.2.2").bytes));
  judgement.targets[1].refusal = judgement.targets[0].refusal;
  EXPECT_EQ(RelayAnswer(answer, question, judgement, {}, &out)->refusal.reason, wire::GateReason::kDeniedRebind);
}

TEST_F(DnsJudge, LoopsOfAChainAreRefused) {
  for (const Message& reply :
       {Start().Cname("@", "@"), Start().Cname("@", "b.example").Cname("b.example", "A.example").A("@", "192.0.2.1"),
        Start().Cname("@", "b.example").Cname("b.example", "c.example").Cname("c.example", "b.example")}) {
    const Outcome outcome = Run(reply);
    EXPECT_EQ(outcome.relayed->refusal.reason, wire::GateReason::kDeniedCnameChain);
    EXPECT_EQ(ToHex(outcome.reply), ToHex(Start().bytes));
    EXPECT_TRUE(outcome.Credited().empty());
  }
}

TEST_F(DnsJudge, SixteenLinksAreFollowedAndSeventeenRefused) {
  for (const int links : {16, 17}) {
    Message reply = Start();
    for (int i = 0; i < links; ++i) {
      reply.Cname(i == 0 ? "a.example" : "n" + std::to_string(i), "n" + std::to_string(i + 1));
    }
    reply.A("n" + std::to_string(links), "192.0.2.1");
    EXPECT_EQ(Run(reply).relayed->refusal.refused(), links == 17);
    EXPECT_EQ(Run(reply).Credited().empty(), links == 17);
  }
}

TEST_F(DnsJudge, AChainToARefusedNameIsRefused) {
  policy.no_targets = {"dns.google"};
  EXPECT_EQ(Run(Start().Cname("@", "DNS.google").A("dns.google", "192.0.2.1")).relayed->refusal.reason,
            wire::GateReason::kDeniedCnameChain);
}

TEST_F(DnsJudge, TwoCnamesOfOneOwnerThatLeadApartAreRefused) {
  EXPECT_TRUE(Run(Start().Cname("@", "b.example").Cname("@", "c.example").A("b.example", "192.0.2.1"))
                  .relayed->refusal.refused());
  EXPECT_FALSE(Run(Start().Cname("@", "b.example").Cname("@", "B.example").A("b.example", "192.0.2.1"))
                   .relayed->refusal.refused());
}

TEST_F(DnsJudge, ADnameIsFollowedWithAndWithoutItsCname) {
  const Message bare =
      Start().Add(Section::kAnswer, "example", kTypeDname, 30, WireName("test")).A("a.test", "192.0.2.1");
  EXPECT_THAT(Run(bare).Credited(), ::testing::ElementsAre("192.0.2.1 30"));
  const Message whole = Start()
                            .Add(Section::kAnswer, "example", kTypeDname, 30, WireName("test"))
                            .Cname("@", "a.test", 20)
                            .A("a.test", "192.0.2.1");
  EXPECT_THAT(Run(whole).Credited(), ::testing::ElementsAre("192.0.2.1 20"));
  const Message at_its_owner =
      Start().Add(Section::kAnswer, "@", kTypeDname, 30, WireName("test")).A("@", "192.0.2.1");
  EXPECT_THAT(Run(at_its_owner).Credited(), ::testing::ElementsAre("192.0.2.1 60")) << "it moves what is below it";
  const std::string l63(63, 'a');
  const Message too_long = Start().Add(Section::kAnswer, "example", kTypeDname, 30,
                                       WireName(l63 + "." + l63 + "." + l63 + "." + std::string(60, 'b')));
  EXPECT_TRUE(Run(too_long).relayed->refusal.refused());
}

TEST_F(DnsJudge, ARewrittenAnswerKeepsItsNamesReadable) {
  // Names lean on the record that goes: c.example stands only in the first record's data.
  const Octets query = Query("a.example").bytes;
  Message reply = Start();
  reply.Add(Section::kAnswer, "other.example", kTypeCname, 60, WireName("c.example"));
  const std::size_t target = reply.bytes.size() - WireName("c.example").size();
  reply.A("@", "10.0.0.1").A("@", "192.0.2.1");
  const std::string at = "@" + std::to_string(target);
  reply.Add(Section::kAuthority, at, kTypeSoa, 60, Joined({WireName(at), WireName("@"), Octets(20, 3)}));
  reply.Add(Section::kAuthority, at, kTypeMx, 60, Joined({U16(5), WireName(at)}));
  const Outcome outcome = Run(reply.bytes, query);
  EXPECT_EQ(ToHex(outcome.reply),
            ToHex(Start()
                      .Add(Section::kAnswer, "other.example", kTypeCname, 60, WireName("c.example"))
                      .A("@", "192.0.2.1")
                      .Add(Section::kAuthority, "c.example", kTypeSoa, 60,
                           Joined({WireName("c.example"), WireName("a.example"), Octets(20, 3)}))
                      .Add(Section::kAuthority, "@" + std::to_string(Start().bytes.size() + 36 + 16), kTypeMx, 60,
                           Joined({U16(5), WireName("c.example")}))
                      .bytes));
}

TEST_F(DnsJudge, DataThatCannotBeRewrittenIsNoAnswer) {
  EXPECT_FALSE(Run(Start().A("@", "10.0.0.1").A("@", "192.0.2.1").Add(Section::kAnswer, "@", kTypeMx, 60, Hex("00")))
                   .relayed.has_value());
}

TEST_F(DnsJudge, AddressRecordsOfAWrongLengthGo) {
  const Outcome outcome = Run(Start().Add(Section::kAnswer, "@", kTypeA, 60, Hex("c00002")).A("@", "192.0.2.1"));
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start().A("@", "192.0.2.1").bytes));
}

TEST_F(DnsJudge, ServiceRecordsLoseEchAndRefusedHints) {
  const Octets before = Hex("000100" "00040008" "0a000001" "c0000201" "00050002beef");
  const Octets after = Hex("000100" "00040004" "c0000201");
  const Outcome outcome = Run(Start(kTypeHttps).Add(Section::kAnswer, "@", kTypeHttps, 60, before), kTypeHttps);
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start(kTypeHttps).Add(Section::kAnswer, "@", kTypeHttps, 60, after).bytes));
  EXPECT_THAT(outcome.Credited(), ::testing::ElementsAre("192.0.2.1 60"));
  EXPECT_EQ(outcome.relayed->targets, 0u);

  options.keep_ech = true;
  policy.refused.clear();
  EXPECT_FALSE(Run(Start(kTypeHttps).Add(Section::kAnswer, "@", kTypeHttps, 60, before), kTypeHttps).relayed->changed);
}

TEST_F(DnsJudge, EchAloneIsReasonEnoughToRewrite) {
  const Outcome outcome = Run(Start(kTypeHttps, 0x81a0).Add(Section::kAnswer, "@", kTypeHttps, 60,
                                                            Hex("000100" "0003000201bb" "00050002beef")),
                              kTypeHttps);
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start(kTypeHttps).Add(Section::kAnswer, "@", kTypeHttps, 60,
                                                              Hex("000100" "0003000201bb")).bytes));
  EXPECT_TRUE(outcome.relayed->changed);
}

TEST_F(DnsJudge, AServiceOfAnotherTargetGainsNothing) {
  const Octets elsewhere = Joined({U16(1), WireName("b.example"), Hex("00040004c0000201")});
  const Octets alias = Hex("000000" "00040004c0000201");
  for (const Octets& data : {elsewhere, alias}) {
    const Message reply = Start(kTypeHttps).Add(Section::kAnswer, "@", kTypeHttps, 60, data);
    EXPECT_TRUE(Run(reply, kTypeHttps).Credited().empty());
  }
}

TEST_F(DnsJudge, ServiceRecordsThatDoNotParseGo) {
  const Octets fine = Hex("000100"), broken = Hex("0001000003");
  const Outcome outcome = Run(Start(kTypeHttps)
                                  .Add(Section::kAnswer, "@", kTypeHttps, 60, broken)
                                  .Add(Section::kAnswer, "@", kTypeHttps, 60, fine),
                              kTypeHttps);
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start(kTypeHttps).Add(Section::kAnswer, "@", kTypeHttps, 60, fine).bytes));
  EXPECT_FALSE(outcome.relayed->refusal.refused());
}

TEST_F(DnsJudge, WhatWeAskedForAndTheClientDidNotIsTakenOut) {
  options.dnssec_added = true;
  const Outcome outcome = Run(Start(kTypeA, 0x81a0)
                                  .A("@", "192.0.2.1")
                                  .Add(Section::kAnswer, "@", kTypeRrsig, 60, Octets(20, 0))
                                  .Add(Section::kAuthority, "@", kTypeNsec, 60, Octets(20, 0))
                                  .Opt(1232, true));
  EXPECT_EQ(ToHex(outcome.reply), ToHex(Start().A("@", "192.0.2.1").bytes));
}

TEST_F(DnsJudge, NegativeAnswersLiveAsLongAsTheirSoaSays) {
  const auto soa = [](std::uint32_t ttl, std::uint32_t minimum) {
    return Start(kTypeA, 0x8183).Add(Section::kAuthority, "example", kTypeSoa, ttl,
                                     Joined({WireName("n"), WireName("m"), Octets(16, 0), U32(minimum)}));
  };
  EXPECT_EQ(Run(soa(900, 60)).judgement.ttl_s, 60u);
  EXPECT_EQ(Run(soa(30, 60)).judgement.ttl_s, 30u);
  EXPECT_EQ(Run(Start(kTypeA, 0x8183)).judgement.ttl_s, 0u);
  EXPECT_EQ(Run(Start().Cname("@", "b.example")).judgement.ttl_s, 0u) << "the end is not proven";
  EXPECT_EQ(Run(Start(kTypeA, 0x8182).A("@", "192.0.2.1")).judgement.ttl_s, 0u);
}

TEST_F(DnsJudge, AnAnswerOf65535BytesOfTheShortestRecordsIsJudgedInReasonableTime) {
  Message reply = Start();
  for (int i = 0; reply.bytes.size() + 26 < kMaxMessageBytes; ++i) {
    reply.Cname("@", i % 2 == 0 ? "b" : "B").A("b", i == 0 ? "10.0.0.1" : "192.0.2.1");
  }
  const Outcome outcome = Run(reply);
  ASSERT_TRUE(outcome.relayed);
  EXPECT_EQ(outcome.relayed->removed, 1u);
}

}  // namespace
}  // namespace gate::dns
