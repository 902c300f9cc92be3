// SPDX-License-Identifier: Apache-2.0
// What a network plan refuses by pointer, the bounds of its tables, and what a document's DNS policy turns into.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plan/network.h"
#include "plan/nft_table.h"
#include "plan/test_fixture.h"

namespace plan {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

spec::CellDocument WithRules(std::vector<spec::EgressRule> rules) {
  spec::CellDocument document = test::Document();
  document.spec.authority.egress_rules = std::move(rules);
  return document;
}

spec::DnsAuthority Dns() {
  spec::DnsAuthority dns;
  dns.hostname_allowlist = {"a.example"};
  dns.resolvers = {{"r", "192.0.2.1:53", spec::ResolverProtocol::kDo53Udp, {}, {}}};
  return dns;
}

spec::CellDocument WithDns(spec::DnsAuthority dns) {
  spec::CellDocument document = test::Document();
  document.spec.authority.dns_authority = std::move(dns);
  return document;
}

std::string WhyNot(const spec::CellDocument& document) {
  const auto network = MakeNetworkPlan(document, {}, test::Facts());
  return network ? "" : network.error().message;
}

NetworkPlan Planned(const spec::CellDocument& document, const NetworkSettings& settings = {}) {
  auto network = MakeNetworkPlan(document, settings, test::Facts());
  EXPECT_TRUE(network) << network.error().message;
  return network ? std::move(*network) : NetworkPlan{};
}

auto Rows(const NetworkPlan& network, NftRowKind kind) {
  return std::ranges::count(network.rows, kind, &NftRow::kind);
}

std::vector<std::string> Steered(const NetworkPlan& network, const std::string& match) {
  std::vector<std::string> rows;
  for (const NftRow& row : network.rows) {
    if (row.chain == "steer" && row.text.find(match) != row.text.npos) rows.push_back(row.text);
  }
  return rows;
}

TEST(NetworkPlanBounds, ARuleNeedsAHostAndAPort) {
  EXPECT_THAT(WhyNot(WithRules({{"192.0.2.1", 443, {}, {}}, {"no host", 443, {}, {}}})),
              StartsWith("authority.egressRules[1].host"));
  EXPECT_THAT(WhyNot(WithRules({{"192.0.2.1", 0, {}, {}}})), StartsWith("authority.egressRules[0].port"));
}

TEST(NetworkPlanBounds, RulesNamesAndResolversAreAsManyAsAGateTakes) {
  std::vector<spec::EgressRule> rules(wire::kMaxGateRules / 2, {"192.0.2.1", 443, {}, {}});
  EXPECT_EQ(WhyNot(WithRules(rules)), "");
  rules.push_back(rules[0]);
  EXPECT_THAT(WhyNot(WithRules(rules)), StartsWith("authority.egressRules: 8193 rules"));

  spec::DnsAuthority dns = Dns();
  dns.hostname_allowlist.assign(wire::kMaxGateNames, "a.example");
  EXPECT_EQ(WhyNot(WithDns(dns)), "");
  dns.hostname_allowlist.push_back("a.example");
  EXPECT_THAT(WhyNot(WithDns(dns)), StartsWith("authority.dnsAuthority.hostnameAllowlist: 16385 names"));

  dns = Dns();
  dns.resolvers.assign(wire::kMaxGateResolvers, dns.resolvers[0]);
  EXPECT_EQ(WhyNot(WithDns(dns)), "");
  dns.resolvers.push_back(dns.resolvers[0]);
  EXPECT_THAT(WhyNot(WithDns(dns)), StartsWith("authority.dnsAuthority.resolvers: 17 resolvers"));
}

TEST(NetworkPlanBounds, TheHostsResolversAreCutToWhatAGateTakes) {
  base::HostFacts facts = test::Facts();
  for (int i = 1; i <= 20; ++i) facts.resolvers.push_back("192.0.2." + std::to_string(i));
  const auto network = MakeNetworkPlan(WithRules({{"a.example", 443, {}, {}}}), {}, facts);
  ASSERT_TRUE(network);
  EXPECT_EQ(network->resolvers.size(), wire::kMaxGateResolvers);
}

TEST(NetworkPlanBounds, TcpPortsAreBounded) {
  std::vector<spec::EgressRule> rules;
  for (std::uint16_t port = 1; port <= 4096; ++port) rules.push_back({"192.0.2.1", port, "tcp", {}});
  EXPECT_EQ(WhyNot(WithRules(rules)), "");
  rules.push_back({"192.0.2.1", 4097, "tcp", {}});
  EXPECT_THAT(WhyNot(WithRules(rules)), StartsWith("authority.egressRules[4096].port"));
}

TEST(NetworkPlanBounds, AResolverThatCannotBeReachedAsWrittenIsRefused) {
  const auto with = [](const char* endpoint, spec::ResolverProtocol protocol, std::size_t id_size = 1) {
    spec::DnsAuthority dns = Dns();
    dns.resolvers = {{std::string(id_size, 'r'), endpoint, protocol, {}, {}}};
    return WhyNot(WithDns(dns));
  };
  constexpr char kEndpoint[] = "authority.dnsAuthority.resolvers[0].endpoint";
  EXPECT_THAT(with("dns.example:53", spec::ResolverProtocol::kDo53Udp), StartsWith(kEndpoint));
  EXPECT_THAT(with("192.0.2.1", spec::ResolverProtocol::kDot), StartsWith(kEndpoint));
  EXPECT_THAT(with("http://192.0.2.1/dns-query", spec::ResolverProtocol::kDoh), StartsWith(kEndpoint));
  EXPECT_THAT(with("192.0.2.1:853", spec::ResolverProtocol::kDoq),
              StartsWith("authority.dnsAuthority.resolvers[0].protocol"));
  EXPECT_EQ(with("192.0.2.1:53", spec::ResolverProtocol::kDo53Udp, 127), "");
  EXPECT_THAT(with("192.0.2.1:53", spec::ResolverProtocol::kDo53Udp, 128),
              StartsWith("authority.dnsAuthority.resolvers[0]: its id or path"));
  const std::string path(255, '/');
  EXPECT_EQ(with(("https://192.0.2.1" + path).c_str(), spec::ResolverProtocol::kDoh), "");
  EXPECT_THAT(with(("https://192.0.2.1/" + path).c_str(), spec::ResolverProtocol::kDoh),
              StartsWith("authority.dnsAuthority.resolvers[0]: its id or path"));
}

TEST(NetworkPlanBounds, TheRebindingPolicyIsTold) {
  spec::DnsAuthority dns = Dns();
  dns.rebinding_policy = spec::RebindingPolicy{
      .response_ip_allowlist = {"A.example:192.0.2.7", "a.example:2001:db8::/32"}, .max_novel_ips_per_hostname = 0,
      .reject_on_rebind = true};
  const NetworkPlan network = Planned(WithDns(dns));
  EXPECT_EQ(network.max_novel_ips, 1u) << "0 would be no policy";
  EXPECT_TRUE(network.reject_on_rebind);
  ASSERT_EQ(network.responses.size(), 2u);
  EXPECT_EQ(network.responses[0].host, "a.example");
  EXPECT_EQ(network.responses[0].prefix, base::Exactly(*base::ParseIpAddress("192.0.2.7")));
  EXPECT_EQ(network.responses[1].prefix, *base::ParseIpPrefix("2001:db8::/32"));
  EXPECT_EQ(Planned(WithDns(Dns())).max_novel_ips, 0u);

  dns.rebinding_policy->response_ip_allowlist.push_back("a.example");
  EXPECT_THAT(WhyNot(WithDns(dns)), StartsWith("authority.dnsAuthority.rebindingPolicy.responseIpAllowlist[2]"));
}

TEST(NetworkPlanBounds, TheBudgetIsTheDocumentsOrTheDefault) {
  EXPECT_EQ(Planned(WithDns(Dns())).limits.names_per_minute, spec::kDefaultNamesPerMinute);
  spec::DnsAuthority dns = Dns();
  dns.budget = spec::DnsBudget{.names_per_minute = 7};
  const NetworkPlan network = Planned(WithDns(dns));
  EXPECT_EQ(network.limits.names_per_minute, 7u);
  EXPECT_EQ(network.limits.label_bytes_per_minute, spec::kDefaultLabelBytesPerMinute);
}

TEST(NetworkPlanBounds, TheRefreshPolicyCountsWhereThereIsOne) {
  const NetworkSettings settings{.refresh = true, .refresh_continuous = true};
  EXPECT_FALSE(Planned(WithDns(Dns()), settings).refresh.at_start);
  spec::DnsAuthority dns = Dns();
  dns.refresh_policy = spec::RefreshPolicy{.min_ttl_seconds = 1, .max_stale_seconds = 9};
  const wire::GateRefresh refresh = Planned(WithDns(dns), settings).refresh;
  EXPECT_TRUE(refresh.at_start && refresh.continuous);
  EXPECT_EQ(refresh.max_stale_s, 9u);
  EXPECT_EQ(refresh.interval_s, 5u) << "no more often";
}

TEST(NetworkTable, EachBlockOfDirectTrafficHasItsRows) {
  const NetworkPlan none = Planned(WithDns(Dns()));
  for (const NftRowKind kind : {NftRowKind::kWorkloadDnsBlock, NftRowKind::kDoqBlock, NftRowKind::kHttp3Block}) {
    EXPECT_EQ(Rows(none, kind), 0);
  }
  spec::DnsAuthority dns = Dns();
  dns.block_direct_workload_dns = true;
  const NetworkPlan direct = Planned(WithDns(dns));
  EXPECT_EQ(Rows(direct, NftRowKind::kWorkloadDnsBlock), 2);
  EXPECT_EQ(Steered(direct, "udp dport 53").size(), 1u + 4u + 1u) << "the resolver, the cell's own, the rest as it is";
  EXPECT_EQ(Steered(none, "udp dport 53").size(), 1u);
  dns = Dns();
  dns.block_udp_doq = true;
  const NetworkPlan doq = Planned(WithDns(dns));
  EXPECT_EQ(Rows(doq, NftRowKind::kDoqBlock), 1);
  EXPECT_EQ(Steered(doq, "udp dport 853").size(), 1u);
  dns = Dns();
  dns.block_udp_http3 = true;
  const NetworkPlan http3 = Planned(WithDns(dns));
  EXPECT_EQ(Rows(http3, NftRowKind::kHttp3Block), 1);
  EXPECT_EQ(Steered(http3, "udp dport 443").size(), 1u);
}

TEST(NetworkTable, ADocumentsResolverStaysReachableThroughABlockWhereItsPortIsGranted) {
  spec::DnsAuthority dns = Dns();
  dns.resolvers = {{"r", "192.0.2.1:853", spec::ResolverProtocol::kDot, {}, {}}};
  dns.block_udp_doq = true;
  spec::CellDocument document = WithDns(dns);
  EXPECT_EQ(Steered(Planned(document), "udp dport 853").size(), 1u) << "nothing grants the port";
  document.spec.authority.egress_rules = {{"192.0.2.9", 853, "udp", {}}};
  EXPECT_EQ(Steered(Planned(document), "udp dport 853").size(), 2u);
  document.spec.authority.dns_authority->resolvers[0].endpoint = "192.0.2.1:8853";
  EXPECT_EQ(Steered(Planned(document), "udp dport 853").size(), 1u) << "the resolver is somewhere else";
}

TEST(NetworkTable, LiteralsThatALaterRowWouldTakeAreSteeredFirst) {
  const NetworkPlan network = Planned(WithRules({{"203.0.113.1", 53, "udp", {}},
                                                 {"127.0.0.2", 8080, "tcp", {}},
                                                 {"203.0.113.3", 8080, "tcp", {}}}));
  std::vector<std::uint32_t> first;
  for (const NftRow& row : network.rows) {
    if (row.chain == "steer" && !row.rules.empty()) first.push_back(row.rules[0]);
  }
  EXPECT_THAT(first, ElementsAre(0u, 1u));
}

TEST(NetworkTable, OneGrantInManyIsNotCountedByARowOfItsOwn) {
  std::vector<spec::EgressRule> rules;
  for (int i = 0; i < 300; ++i) rules.push_back({"192.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), 443, {}, {}});
  EXPECT_EQ(Rows(Planned(WithRules(rules)), NftRowKind::kLiteralGrant), static_cast<long>(kMaxCountedGrants));
  base::HostFacts facts = test::Facts();
  facts.resolvers = {"192.0.2.53"};
  rules.clear();
  for (std::uint16_t port = 1; port <= 300; ++port) rules.push_back({"a.example", port, "tcp", {}});
  const auto by_name = MakeNetworkPlan(WithRules(rules), {}, facts);
  ASSERT_TRUE(by_name);
  EXPECT_EQ(Rows(*by_name, NftRowKind::kPortGrant), static_cast<long>(kMaxCountedGrants));
}

TEST(Dialler, IsGrantedAResolverByItsOwnTransport) {
  spec::DnsAuthority dns = Dns();
  dns.resolvers = {{"t", "192.0.2.1:53", spec::ResolverProtocol::kDo53Tcp, {}, {}},
                   {"u", "192.0.2.2:53", spec::ResolverProtocol::kDo53Udp, {}, {}}};
  NetworkPlan network = Planned(WithDns(dns));
  const auto why = [&](wire::FlowProtocol protocol, std::uint32_t index, const char* to) {
    const char* text = WhyNotDialled(network, protocol, true, index, *base::ParseIpEndpoint(to));
    return std::string(text == nullptr ? "" : text);
  };
  EXPECT_EQ(why(wire::FlowProtocol::kTcp, 0, "192.0.2.1:53"), "");
  EXPECT_EQ(why(wire::FlowProtocol::kUdp, 0, "192.0.2.1:53"), "not the resolver's protocol");
  EXPECT_EQ(why(wire::FlowProtocol::kUdp, 1, "192.0.2.2:53"), "");
  network.resolvers.pop_back();
  EXPECT_EQ(why(wire::FlowProtocol::kUdp, 1, "192.0.2.2:53"), "no such resolver");
}

}  // namespace
}  // namespace plan
