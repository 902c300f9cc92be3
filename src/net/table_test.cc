// SPDX-License-Identifier: Apache-2.0
// The transaction that the plan holds, as the kernel takes it and as nft reads it.
#include "net/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "net/namespace_fixture.h"
#include "net/netlink.h"

namespace net {
namespace {

using testing::InCellNetwork;
using testing::PlanFor;

const std::vector<spec::EgressRule> kRules = {{"a.example", 443, {}, {}},    {"1.2.3.4", 5432, "tcp", {}},
                                              {"10.0.0.0/9", 8080, {}, {}},  {"2001:db8::/32", 443, "tcp", {}},
                                              {"127.0.0.2", 8080, {}, {}},   {"c.example", 5000, "udp", {}},
                                              {"192.0.2.9", 53, "dns-acknowledged", {}}, {"fd00::7", 5001, "udp", {}}};

plan::NetworkPlan Everything(bool blocks) {
  return PlanFor(kRules, [blocks](spec::Authority& authority) {
    if (!blocks) return;
    spec::DnsAuthority dns;
    dns.hostname_allowlist = {"a.example"};
    dns.resolvers = {{"r", "192.0.2.1:53", spec::ResolverProtocol::kDo53Udp, {}, {}}};
    dns.block_direct_workload_dns = dns.block_udp_doq = dns.block_udp_http3 = true;
    authority.dns_authority = dns;
  });
}

// What nft shows, without counters' values and indentation; rules by chain.
std::string Listed() {
  std::string text = testing::OutputOf("nft list ruleset");
  for (std::size_t at; (at = text.find(" packets 0 bytes 0")) != std::string::npos;) text.erase(at, 18);
  std::string lines;
  std::string chain;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, end - start);
    start = end + 1;
    line.erase(0, line.find_first_not_of('\t'));
    if (line.starts_with("chain ")) chain = line.substr(6, line.find(' ', 6) - 6);
    if (line.starts_with("}")) chain.clear();
    if (!chain.empty() && !line.starts_with("chain ") && !line.starts_with("type ")) lines += chain + ": " + line + "\n";
  }
  return lines;
}

std::string Planned(const plan::NetworkPlan& network) {
  std::string lines;
  for (const plan::NftRow& row : network.rows) lines += row.chain + ": " + row.text + "\n";
  return lines;
}

TEST(Table, IsReadByNftAsThePlanSays) {
  for (const bool blocks : {false, true}) {
    const plan::NetworkPlan network = Everything(blocks);
    EXPECT_EQ(InCellNetwork(network, Listed), Planned(network));
  }
}

TEST(Table, ReadBackIsThePlansTransactionInCanonicalText) {
  for (const bool blocks : {false, true}) {
    const plan::NetworkPlan network = Everything(blocks);
    const auto planned = CanonicalRules(network.nft_batch);
    ASSERT_TRUE(planned);
    EXPECT_EQ(InCellNetwork(network,
                            [&] {
                              const auto reading = ReadTable(testing::NetfilterSocket(), network.table);
                              return reading ? reading->canonical : reading.error().message;
                            }),
              *planned);
  }
}

TEST(Table, ReadBackShowsEveryChangeOfARule) {
  const plan::NetworkPlan network = Everything(false);
  const std::string planned = *CanonicalRules(network.nft_batch);
  for (const char* change : {"flush chain inet cellos_job early", "add element inet cellos_job tcp_ports { 22 }",
                             "insert rule inet cellos_job output accept", "add table ip other",
                             "add chain inet cellos_job output { policy accept ; }",
                             "add rule inet cellos_job steer tcp dport 9 dnat to :9"}) {
    const std::string text = InCellNetwork(network, [&] {
      const std::string out = testing::OutputOf(std::string("nft '") + change + "'");
      if (!out.empty()) return out;
      const auto reading = ReadTable(testing::NetfilterSocket(), network.table);
      return reading ? reading->canonical : reading.error().message;
    });
    EXPECT_THAT(text, ::testing::StartsWith("table ")) << change;
    EXPECT_NE(text, planned) << change;
  }
}

TEST(Table, RulesThatDecideOtherwiseHaveOtherTexts) {
  const plan::NetworkPlan network = Everything(false);
  std::set<std::string> texts;
  const std::vector<std::string> rules = {"tcp dport @tcp_ports accept", "tcp dport != @tcp_ports accept",
                                          "tcp dport @gate_tcp accept",  "tcp dport 80 accept",
                                          "tcp dport != 80 accept",      "udp dport 80 accept",
                                          "tcp sport 80 accept",         "tcp dport 80 drop",
                                          "meta mark & 3 == 1 accept",   "meta mark & 2 == 1 accept",
                                          "ct mark set meta mark << 1",  "ct mark set meta mark >> 1",
                                          "ct mark set meta mark << 2"};
  for (const std::string& rule : rules) {
    texts.insert(InCellNetwork(network, [&] {
      const std::string out = testing::OutputOf("nft 'add rule inet cellos_job output " + rule + "'");
      if (!out.empty()) return out;
      const auto reading = ReadTable(testing::NetfilterSocket(), network.table);
      return reading ? reading->canonical : reading.error().message;
    }));
  }
  for (const std::string& text : texts) EXPECT_THAT(text, ::testing::StartsWith("table "));
  EXPECT_EQ(texts.size(), rules.size());
}

TEST(Table, RowsAreCountedByTheirPlaceInTheChain) {
  const plan::NetworkPlan network = Everything(true);
  EXPECT_EQ(InCellNetwork(network,
                          [&]() -> std::string {
                            const auto reading = ReadTable(testing::NetfilterSocket(), network.table);
                            if (!reading) return reading.error().message;
                            const auto counts = CountRows(network, *reading);
                            return counts ? std::to_string(counts->size()) : counts.error().message;
                          }),
            std::to_string(network.rows.size()));
}

// Handles and counters too.
std::string Rows(const base::Result<TableReading>& reading) {
  if (!reading) return reading.error().message;
  std::string lines;
  for (const RuleReading& rule : reading->rules) {
    lines += rule.chain + " " + std::to_string(rule.handle) + " " + std::to_string(rule.packets) + " " +
             std::to_string(rule.bytes) + " " + rule.repr + "\n";
  }
  return lines;
}

TEST(Table, CountersAreThoseOfTheWholeReadingAndOfNoOtherTable) {
  const plan::NetworkPlan network = Everything(true);
  EXPECT_EQ(InCellNetwork(network,
                          [&]() -> std::string {
                            for (const char* other :
                                 {"add table inet other", "add chain inet other output",
                                  "add rule inet other output counter", "add table ip cellos_job",
                                  "add chain ip cellos_job output", "add rule ip cellos_job output counter"}) {
                              const std::string out = testing::OutputOf(std::string("nft '") + other + "'");
                              if (!out.empty()) return out;
                            }
                            const int socket = testing::NetfilterSocket();
                            const std::string all = Rows(ReadTable(socket, network.table));
                            const std::string counters = Rows(ReadCounters(socket, network.table));
                            // The whole reading takes a table of another family and this name for the cell's.
                            if (!all.starts_with(counters) && !all.ends_with(counters))
                              return all + "\n!=\n" + counters;
                            return std::to_string(std::ranges::count(counters, '\n'));
                          }),
            std::to_string(network.rows.size()));
  EXPECT_THAT(InCellNetwork(network, [] { return Rows(ReadCounters(testing::NetfilterSocket(), "cellos_gone")); }),
              ::testing::HasSubstr("no rule in table cellos_gone"));
}

TEST(Table, ShortFormHoldsEqualityMatchesAndTheVerdict) {
  const plan::NetworkPlan network = Everything(true);
  const std::string text = InCellNetwork(network, [&]() -> std::string {
    const auto reading = ReadTable(testing::NetfilterSocket(), network.table);
    if (!reading) return reading.error().message;
    std::string lines;
    for (const RuleReading& rule : reading->rules) lines += rule.chain + ": " + rule.repr + "\n";
    return lines;
  });
  EXPECT_THAT(text, ::testing::HasSubstr("steer: ip daddr 192.0.2.1 udp dport 53\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("output: udp dport 853 drop\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("output: udp dport 40053 accept\n"));
  EXPECT_THAT(text, ::testing::EndsWith("output: drop\ninput: \n"));
}

TEST(Table, OfManyGrantsGoesInOneTransaction) {
  std::vector<spec::EgressRule> rules;
  for (int i = 0; i < 1000; ++i) {
    rules.push_back({"198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250), 443, "tcp", {}});
  }
  const plan::NetworkPlan network = PlanFor(rules);
  EXPECT_EQ(InCellNetwork(network, [&]() -> std::string { return ""; }), "");
}

TEST(Netlink, ReadersTakeAnyBytes) {
  for (std::size_t length = 0; length < 64; ++length) {
    for (const char fill : {'\0', '\1', '\x10', '\x7f', '\xff'}) {
      const std::string bytes(length, fill);
      ForEachMessage(bytes, [](const Message&) {});
      ForEachAttribute(bytes, [](const Attribute&) {});
      (void)CanonicalRules(bytes);
    }
  }
}

}  // namespace
}  // namespace net
