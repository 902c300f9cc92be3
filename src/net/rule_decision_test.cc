// SPDX-License-Identifier: Apache-2.0
// The table of isolation.md §7.1, row by row.
#include "net/rule_decision.h"

#include <gtest/gtest.h>

namespace net {
namespace {

std::string Told(std::string_view text) {
  const RuleDecision decision = DecideRuleText(text);
  std::string told = decision.allowed ? "allow " : "deny ";
  told.append(decision.reason_code).append(" ").append(decision.rule_ref);
  told += "|" + decision.destination.value_or("-") + " " + decision.protocol.value_or("-") + " ";
  return told + (decision.port ? std::to_string(*decision.port) : "-");
}

TEST(RuleDecision, BlocksAreToldByTheirOwnReference) {
  EXPECT_EQ(Told("udp dport 53 drop"), "deny nft_workload_dns_block dnsAuthority.workloadDnsBlock|- udp 53");
  EXPECT_EQ(Told("tcp dport 53 drop"), "deny nft_workload_dns_block dnsAuthority.workloadDnsBlock|- tcp 53");
  EXPECT_EQ(Told("udp dport 853 drop"), "deny nft_doq_blocked dnsAuthority.blockUdpDoq|- udp 853");
  EXPECT_EQ(Told("udp dport 443 drop"), "deny nft_http3_blocked dnsAuthority.blockUdpHttp3|- udp 443");
}

TEST(RuleDecision, ADropThatIsNoBlockIsTheDefault) {
  EXPECT_EQ(Told("tcp dport 853 drop"), "deny nft_default_drop |- tcp 853");
  EXPECT_EQ(Told("ip daddr 192.0.2.1 udp dport 443 drop"), "deny nft_default_drop |192.0.2.1 udp 443");
  EXPECT_EQ(Told("udp dport 5353 drop"), "deny nft_default_drop |- udp 5353");
  EXPECT_EQ(Told(" policy drop "), "deny nft_default_drop default-drop|- - -");
}

TEST(RuleDecision, AnAcceptIsAGrantOrAResolver) {
  EXPECT_EQ(Told("ip daddr 192.0.2.1 tcp dport 443 accept"), "allow nft_egress_rule_match |192.0.2.1 tcp 443");
  EXPECT_EQ(Told("ip6 daddr 2001:db8::1 udp dport 443 accept"),
            "allow nft_resolver_allowlist_match |2001:db8::1 udp 443");
  EXPECT_EQ(Told("ip daddr 192.0.2.1 tcp dport 53 accept"), "allow nft_resolver_allowlist_match |192.0.2.1 tcp 53");
  EXPECT_EQ(Told("policy accept"), "allow nft_egress_rule_match |- - -");
}

TEST(RuleDecision, WithoutAVerdictNothingIsAllowedOrTold) {
  for (const char* text : {"", " ", "ip daddr 192.0.2.1", "udp dport 53", "acceptable", "policy"}) {
    EXPECT_EQ(Told(text), "deny nft_default_drop |- - -") << text;
  }
}

TEST(RuleDecision, APortThatIsNoNumberIsNotTold) {
  for (const char* text : {"tcp dport 65536 accept", "tcp dport -1 accept", "tcp dport 44x accept", "tcp dport"}) {
    EXPECT_FALSE(DecideRuleText(text).port) << text;
  }
}

}  // namespace
}  // namespace net
