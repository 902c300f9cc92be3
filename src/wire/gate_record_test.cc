// SPDX-License-Identifier: Apache-2.0
// What no honest gate sends is refused; what it says is put in the contract's words.
#include "wire/gate_record.h"

#include <gtest/gtest.h>
#include <string.h>

#include <string>

namespace wire {
namespace {

GateRecord Query() {
  GateRecord record;
  record.kind = GateRecordKind::kDnsQuery;
  record.reason = GateReason::kAllowedByAllowlist;
  record.id = 1;
  strcpy(record.name, "ok.example");
  return record;
}

GateRecordFault Decode(const GateRecord& record) {
  GateRecord out;
  return DecodeGateRecord(&record, sizeof record, &out);
}

std::string Ref(RuleKind kind, std::uint32_t index) {
  static constexpr const char* kRows[] = {"metadata-aws", "loopback"};
  char text[64];
  const std::size_t size = FormatRuleRef({.kind = kind, .index = index}, kRows, 2, text, sizeof text);
  EXPECT_EQ(text[size], 0);
  return {text, size};
}

TEST(GateRecord, AnHonestRecordIsGiven) {
  GateRecord out;
  const GateRecord record = Query();
  ASSERT_EQ(DecodeGateRecord(&record, sizeof record, &out), GateRecordFault::kNone);
  EXPECT_STREQ(out.name, "ok.example");
}

TEST(GateRecord, AnotherSizeIsRefused) {
  GateRecord out;
  const GateRecord record = Query();
  EXPECT_EQ(DecodeGateRecord(&record, sizeof record - 1, &out), GateRecordFault::kSize);
  EXPECT_EQ(DecodeGateRecord(&record, 0, &out), GateRecordFault::kSize);
}

TEST(GateRecord, NumbersOutOfTheirRangeAreRefused) {
  GateRecord record = Query();
  record.kind = static_cast<GateRecordKind>(0);
  EXPECT_EQ(Decode(record), GateRecordFault::kKind);
  record = Query();
  record.kind = GateRecordKind::kCount;
  EXPECT_EQ(Decode(record), GateRecordFault::kKind);
  record = Query();
  record.reason = GateReason::kCount;
  EXPECT_EQ(Decode(record), GateRecordFault::kReason);
  record = Query();
  record.reason = GateReason::kGateGrantMatch;
  EXPECT_EQ(Decode(record), GateRecordFault::kReason) << "a flow's reason in a query";
  record = Query();
  record.rule.kind = RuleKind::kCount;
  EXPECT_EQ(Decode(record), GateRecordFault::kRule);
  record = Query();
  record.v6 = 2;
  EXPECT_EQ(Decode(record), GateRecordFault::kAddress);
  record = Query();
  record.address[4] = 1;
  EXPECT_EQ(Decode(record), GateRecordFault::kAddress);
  record = Query();
  record.rcode = 16;
  EXPECT_EQ(Decode(record), GateRecordFault::kRange);
  record = Query();
  record.id = 0;
  EXPECT_EQ(Decode(record), GateRecordFault::kRange);
  record = Query();
  record.protocol = static_cast<IpProtocol>(1);
  EXPECT_EQ(Decode(record), GateRecordFault::kRange);
}

TEST(GateRecord, ANameIsPrintableAndEnds) {
  GateRecord record = Query();
  memset(record.name, 'a', sizeof record.name);
  EXPECT_EQ(Decode(record), GateRecordFault::kText);
  record = Query();
  record.name[2] = '\x1b';
  EXPECT_EQ(Decode(record), GateRecordFault::kText);
  record = Query();
  memset(record.alpn, 'h', sizeof record.alpn);
  EXPECT_EQ(Decode(record), GateRecordFault::kText);
}

TEST(GateRecord, RulesAreNamedAsTheContractNamesThem) {
  EXPECT_EQ(Ref(RuleKind::kEgressRule, 3), "authority.egressRules[3]");
  EXPECT_EQ(Ref(RuleKind::kHostnameAllowlist, 120), "dnsAuthority.hostnameAllowlist[120]");
  EXPECT_EQ(Ref(RuleKind::kBudget, 0), "dnsAuthority.budget");
  EXPECT_EQ(Ref(RuleKind::kDnssec, 1), "dnsAuthority.resolvers[1].dnssec");
  EXPECT_EQ(Ref(RuleKind::kDefault, 0), "default");
  EXPECT_EQ(Ref(RuleKind::kBuiltin, 0), "builtin.metadata-aws");
  EXPECT_EQ(Ref(RuleKind::kBuiltin, 1001), "builtin.doh-hosts");
  EXPECT_EQ(Ref(RuleKind::kBuiltin, 5000), "builtin.unknown");
  EXPECT_EQ(Ref(RuleKind::kNone, 0), "");
}

TEST(GateRecord, ARuleThatDoesNotFitIsCut) {
  char text[8];
  EXPECT_EQ(FormatRuleRef({.kind = RuleKind::kEgressRule, .index = 3}, nullptr, 0, text, sizeof text), 7u);
  EXPECT_STREQ(text, "authori");
  EXPECT_EQ(FormatRuleRef({.kind = RuleKind::kDefault}, nullptr, 0, text, 0), 0u);
}

TEST(GateRecord, EveryReasonHasItsWordAndSevenAllow) {
  int allowed = 0;
  for (std::uint32_t i = 1; i < static_cast<std::uint32_t>(GateReason::kCount); ++i) {
    EXPECT_STRNE(ReasonText(static_cast<GateReason>(i)), "");
    allowed += IsAllow(static_cast<GateReason>(i)) ? 1 : 0;
  }
  EXPECT_EQ(allowed, 7);
  EXPECT_STREQ(ReasonText(GateReason::kDeniedRebind), "denied_rebind");
  EXPECT_STREQ(ReasonText(GateReason::kGateUpstreamFailure), "gate_upstream_failure");
  EXPECT_STREQ(ReasonText(GateReason::kL7HostMismatch), "l7_host_mismatch");
}

TEST(DialRequest, OnlyATargetThatCanBeDialledIsGiven) {
  DialRequest request{.id = 1, .index = 0, .port = 443};
  DialRequest out;
  EXPECT_EQ(DecodeDialRequest(&request, sizeof request, &out), GateRecordFault::kNone);
  EXPECT_EQ(DecodeDialRequest(&request, sizeof request - 1, &out), GateRecordFault::kSize);
  request.port = 0;
  EXPECT_EQ(DecodeDialRequest(&request, sizeof request, &out), GateRecordFault::kRange);
  request.port = 443;
  request.purpose = static_cast<DialPurpose>(2);
  EXPECT_EQ(DecodeDialRequest(&request, sizeof request, &out), GateRecordFault::kKind);
  request.purpose = DialPurpose::kFlow;
  request.address[15] = 1;
  EXPECT_EQ(DecodeDialRequest(&request, sizeof request, &out), GateRecordFault::kAddress);
}

}  // namespace
}  // namespace wire
