// SPDX-License-Identifier: Apache-2.0
#include "evidence/show_network.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace evidence {
namespace {

class Shown : public testing::Test {
 protected:
  void Take(std::string_view observer, std::string_view type, std::string_view data, bool proven = true) {
    const std::string line = fmt::format(
        R"({{"data":{},"observer":"{}","type":"dev.cellos.events.cell.observability.v1.{}"}})", data, observer, type);
    ASSERT_TRUE(leaf_.Scan(line)) << line;
    network_.Take(leaf_, proven);
  }
  JcsScanner leaf_;
  NetworkSummary network_;
};

TEST_F(Shown, NothingOfARunThatAskedForNothing) {
  Take("supervisor", "network_scope", R"({"egressRuleCount":0})");
  EXPECT_EQ(network_.ToText(), "");
}

TEST_F(Shown, DecisionsAreGatheredByTargetWithTheirBytesAndRefusalsComeFirst) {
  for (const char* id : {"f1", "f2"}) {
    Take("gate.flow", "network_flow_decision",
         fmt::format(R"({{"decision":"allow","dstAddr":"203.0.113.5","dstPort":443,"flowId":"{}","protocol":"tcp",)"
                     R"("query":{{"name":"a.example"}},"reasonCode":"gate_grant_match","ruleRef":"r0"}})",
                     id));
    Take("gate.flow", "network_flow_closed", fmt::format(R"({{"bytesIn":5,"bytesOut":7,"flowId":"{}"}})", id));
  }
  Take("kernel.nflog", "network_flow_decision",
       R"({"decision":"deny","dstAddr":"2001:db8::1","dstPort":9,"protocol":"udp","reasonCode":"nft_log_drop"})");
  Take("gate.l7", "l7_egress_decision",
       R"({"action":"deny","reasonCode":"no_rule","ruleRef":"default","sniHost":"b\"\n"})");
  EXPECT_EQ(network_.ToText(),
            "network:\n"
            "  denied         1 × 2001:db8::1:9/udp: nft_log_drop\n"
            "  denied         1 × host b\"\\n: no_rule, default\n"
            "  allowed        2 × 203.0.113.5:443/tcp (a.example): gate_grant_match, r0; 14 bytes out, 10 in\n");
}

TEST_F(Shown, ARowThatStandsForManyCountsThemAllAndOneThatIsNotProvenSaysSo) {
  const std::string_view denied =
      R"({"decision":"deny","queryName":"x.example","reasonCode":"denied","ruleRef":"default"})";
  Take("gate.dns", "dns_query", denied);
  Take("gate.dns", "dns_query", R"({"decision":"deny","reasonCode":"denied","ruleRef":"default","suppressed":4000})");
  Take("gate.dns", "dns_query", denied, false);
  EXPECT_EQ(network_.ToText(),
            "network:\n"
            "  denied         2 × name x.example: denied, default  UNPROVEN\n"
            "  denied         4000 × name (several): denied, default\n");
}

TEST_F(Shown, GrantsThatTheSupervisorLogsAtTheStartAreNoDecisions) {
  Take("supervisor", "l7_egress_decision", R"({"action":"allow","reasonCode":"declared","sniHost":"a"})");
  EXPECT_EQ(network_.ToText(), "");
}

TEST_F(Shown, KindsAreBoundedAndTheRestIsCounted) {
  for (std::size_t i = 0; i < NetworkSummary::kKinds + 7; ++i) {
    Take("gate.dns", "dns_query", fmt::format(R"({{"decision":"deny","queryName":"n{}"}})", i));
  }
  EXPECT_TRUE(network_.ToText().ends_with("  … 7 decisions of other kinds are not listed\n"));
}

}  // namespace
}  // namespace evidence
