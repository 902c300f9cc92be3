// SPDX-License-Identifier: Apache-2.0
// What of a document the gate and the dialler are told, and what neither may do.
#include "plan/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "plan/test_fixture.h"

namespace plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wire::FlowProtocol;

spec::CellDocument WithRules(std::vector<spec::EgressRule> rules) {
  spec::CellDocument document = test::Document();
  document.spec.authority.egress_rules = std::move(rules);
  return document;
}

base::HostFacts FactsWithResolver() {
  base::HostFacts facts = test::Facts();
  facts.resolvers = {"fe80::1%eth0", "192.0.2.53"};
  facts.host_addresses = {*base::ParseIpAddress("198.51.100.7")};
  return facts;
}

NetworkPlan Planned(const spec::CellDocument& document) {
  auto network = MakeNetworkPlan(document, {}, FactsWithResolver());
  EXPECT_TRUE(network) << network.error().message;
  return network ? std::move(*network) : NetworkPlan{};
}

bool Dialled(const NetworkPlan& network, FlowProtocol protocol, std::uint32_t index, const char* to) {
  return WhyNotDialled(network, protocol, false, index, *base::ParseIpEndpoint(to)) == nullptr;
}

TEST(NetworkPlan, HasNoGateForADocumentThatAsksForNoNetwork) {
  EXPECT_FALSE(Planned(test::Document()).gate);
}

TEST(NetworkPlan, TooFewOpenFilesForAGateEndTheStartWithTheRemedy) {
  base::HostFacts facts = test::Facts();
  facts.rlimit_hard = {{RLIMIT_NOFILE, 64}};
  const auto with = MakePlan(WithRules({{.host = "192.0.2.7", .port = 443}}), test::SettingsOfTest(), facts);
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_THAT(with->unavailable, HasSubstr("open files is 64 here"));
  EXPECT_THAT(with->unavailable, HasSubstr("ulimit -n 1024"));
  EXPECT_EQ(MakePlan(test::Document(), test::SettingsOfTest(), facts)->unavailable, "") << "no gate, no need";
  facts.rlimit_hard = {{RLIMIT_NOFILE, 1024}};
  EXPECT_EQ(MakePlan(WithRules({{.host = "192.0.2.7", .port = 443}}), test::SettingsOfTest(), facts)->unavailable, "");
}

TEST(NetworkPlan, HasAGateWithoutNetworkForSecretsOverTheSocket) {
  spec::CellDocument document = test::Document();
  document.spec.authority.secret_refs = {"TOKEN"};
  document.spec.run->secret_delivery = spec::SecretDelivery::kRuntimeBroker;
  const NetworkPlan network = Planned(document);
  EXPECT_TRUE(network.gate && network.secret_socket);
  EXPECT_FALSE(network.network);
  EXPECT_TRUE(network.nft_batch.empty());
  EXPECT_FALSE(network.gate_filter.empty());
}

TEST(NetworkPlan, TakesProtocolsFromPortsAndPortsFromRules) {
  const NetworkPlan network = Planned(WithRules({{"A.example", 443, {}, {}},
                                                 {"*.b.example", 80, {}, {}},
                                                 {"10.0.0.0/8", 5432, {}, {}},
                                                 {"192.0.2.1", 53, "dns-acknowledged", {}},
                                                 {"c.example", 5000, "udp", {}}}));
  ASSERT_EQ(network.rules.size(), 6u);
  EXPECT_EQ(network.rules[0].protocol, FlowProtocol::kHttps);
  EXPECT_EQ(network.rules[0].host, "a.example");
  EXPECT_EQ(network.rules[1].protocol, FlowProtocol::kHttp);
  EXPECT_EQ(network.rules[2].protocol, FlowProtocol::kTcp);
  EXPECT_EQ(network.rules[3].index, 3u);
  EXPECT_EQ(network.rules[4].index, 3u);
  EXPECT_EQ(network.rules[4].protocol, FlowProtocol::kUdp);
  EXPECT_THAT(network.tcp_ports, ElementsAre(53, 80, 443, 5432));
  EXPECT_THAT(network.udp_ports, ElementsAre(53, 5000));
  EXPECT_THAT(network.query_types, ElementsAre(1, 28, 5, 65));
  ASSERT_EQ(network.names.size(), 3u);
  EXPECT_EQ(network.names[1].pattern, "*.b.example");
}

TEST(NetworkPlan, UsesTheHostsResolversOnlyWhenNamesNeedThemAndTheDocumentHasNone) {
  const NetworkPlan by_name = Planned(WithRules({{"a.example", 443, {}, {}}}));
  ASSERT_EQ(by_name.resolvers.size(), 1u);
  EXPECT_TRUE(by_name.resolvers[0].from_host);
  EXPECT_EQ(base::ToString(by_name.resolvers[0].endpoint), "192.0.2.53:53");
  EXPECT_TRUE(Planned(WithRules({{"192.0.2.1", 443, {}, {}}})).resolvers.empty());
}

TEST(NetworkPlan, RefusesNamesWithoutAnyResolver) {
  const auto network = MakeNetworkPlan(WithRules({{"a.example", 443, {}, {}}}), {}, test::Facts());
  ASSERT_FALSE(network);
  EXPECT_THAT(network.error().message, HasSubstr("authority.egressRules: names are granted"));
}

TEST(NetworkPlan, RefusesMoreUdpPortsThanListeners) {
  std::vector<spec::EgressRule> rules;
  for (std::uint16_t i = 0; i <= wire::kMaxGateUdpPorts; ++i) {
    rules.push_back({"192.0.2.1", static_cast<std::uint16_t>(5000 + i), "udp", {}});
  }
  const auto network = MakeNetworkPlan(WithRules(rules), {}, test::Facts());
  ASSERT_FALSE(network);
  EXPECT_THAT(network.error().message, HasSubstr("authority.egressRules[16].port"));
}

TEST(NetworkPlan, ReadsEveryTransportOfAResolver) {
  spec::CellDocument document = test::Document();
  spec::DnsAuthority dns;
  dns.hostname_allowlist = {"a.example"};
  dns.resolvers = {{"u", "192.0.2.1:53", spec::ResolverProtocol::kDo53Udp, {}, {}},
                   {"t", "[2001:db8::1]:853", spec::ResolverProtocol::kDot, {}, {}},
                   {"h", "https://192.0.2.2/dns-query", spec::ResolverProtocol::kDoh, {}, spec::Dnssec{}}};
  document.spec.authority.dns_authority = dns;
  const NetworkPlan network = Planned(document);
  ASSERT_EQ(network.resolvers.size(), 3u);
  EXPECT_FALSE(network.resolvers[0].via_upstream());
  EXPECT_EQ(base::ToString(network.resolvers[2].endpoint), "192.0.2.2:443");
  EXPECT_EQ(network.resolvers[2].path, "/dns-query");
  EXPECT_EQ(network.resolvers[2].dnssec, wire::DnssecMode::kBestEffort);
  EXPECT_TRUE(network.upstream);
  EXPECT_FALSE(network.upstream_filter.empty());

  document.spec.authority.dns_authority->resolvers[2].endpoint = "https://dns.example/dns-query";
  const auto named = MakeNetworkPlan(document, {}, test::Facts());
  ASSERT_FALSE(named);
  EXPECT_THAT(named.error().message, HasSubstr("authority.dnsAuthority.resolvers[2].endpoint"));
}

TEST(Dialler, IsGrantedExactlyTheAddressPortAndProtocolOfALiteral) {
  const NetworkPlan network = Planned(WithRules({{"10.1.2.3", 5432, "tcp", {}}, {"2001:db8::1", 53, "udp", {}}}));
  EXPECT_TRUE(Dialled(network, FlowProtocol::kTcp, 0, "10.1.2.3:5432"));
  EXPECT_TRUE(Dialled(network, FlowProtocol::kUdp, 1, "[2001:db8::1]:53"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 0, "10.1.2.4:5432"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 0, "10.1.2.3:5433"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kUdp, 0, "10.1.2.3:5432"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 1, "10.1.2.3:5432")) << "another rule's index";
  EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 2, "10.1.2.3:5432"));
}

TEST(Dialler, IsGrantedPublicAddressesAloneByAName) {
  const NetworkPlan network = Planned(WithRules({{"a.example", 443, {}, {}}}));
  EXPECT_TRUE(Dialled(network, FlowProtocol::kTcp, 0, "203.0.114.9:443"));
  for (const char* to : {"169.254.169.254:443", "10.0.0.1:443", "127.0.0.1:443", "[::1]:443", "[fd00:ec2::254]:443",
                         "[::ffff:10.0.0.1]:443", "100.100.100.200:443", "0.0.0.0:443", "224.0.0.1:443",
                         "198.51.100.7:443", "203.0.114.9:80"}) {
    EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 0, to)) << to;
  }
}

TEST(Dialler, IsGrantedMetadataAndTheHostsOwnAddressesByAnExactLiteralOnly) {
  const NetworkPlan network = Planned(WithRules({{"169.254.169.254", 80, "tcp", {}},
                                                 {"169.254.0.0/16", 80, "tcp", {}},
                                                 {"198.51.100.7", 80, "tcp", {}},
                                                 {"198.51.100.0/24", 80, "tcp", {}}}));
  EXPECT_TRUE(Dialled(network, FlowProtocol::kTcp, 0, "169.254.169.254:80"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 1, "169.254.169.254:80"));
  EXPECT_TRUE(Dialled(network, FlowProtocol::kTcp, 2, "198.51.100.7:80"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kTcp, 3, "198.51.100.7:80"));
  EXPECT_TRUE(Dialled(network, FlowProtocol::kTcp, 3, "198.51.100.8:80"));
}

TEST(Dialler, IsGrantedAResolverForThatPurposeAlone) {
  const NetworkPlan network = Planned(WithRules({{"a.example", 443, {}, {}}}));
  const auto to = [&](FlowProtocol protocol, std::uint32_t index, const char* endpoint) {
    return WhyNotDialled(network, protocol, true, index, *base::ParseIpEndpoint(endpoint)) == nullptr;
  };
  EXPECT_TRUE(to(FlowProtocol::kUdp, 0, "192.0.2.53:53"));
  EXPECT_TRUE(to(FlowProtocol::kTcp, 0, "192.0.2.53:53")) << "truncated answers are asked for again";
  EXPECT_FALSE(to(FlowProtocol::kUdp, 0, "192.0.2.53:54"));
  EXPECT_FALSE(to(FlowProtocol::kUdp, 0, "192.0.2.54:53"));
  EXPECT_FALSE(to(FlowProtocol::kUdp, 1, "192.0.2.53:53"));
  EXPECT_FALSE(Dialled(network, FlowProtocol::kUdp, 0, "192.0.2.53:53"));
}

TEST(GateConfig, IsDecodedToWhatThePlanSays) {
  spec::CellDocument document = WithRules({{"a.example", 443, {}, {}}, {"10.0.0.0/8", 5000, "udp", {}}});
  document.spec.authority.secret_refs = {"TOKEN"};
  document.spec.run->secret_delivery = spec::SecretDelivery::kRuntimeBroker;
  const NetworkPlan network = Planned(document);
  std::string bytes = EncodeGateConfig(network, {.secret_keys = {"TOKEN"}, .secret_token = "t", .cell_uid_seen = 1001});
  std::vector<std::uint64_t> aligned(bytes.size() / 8 + 1);
  memcpy(aligned.data(), bytes.data(), bytes.size());
  wire::GateConfig config;
  ASSERT_EQ(wire::DecodeGateConfig({reinterpret_cast<const std::uint8_t*>(aligned.data()), bytes.size()}, &config),
            wire::GateConfigFault::kNone);
  EXPECT_EQ(config.header->rules, 2u);
  EXPECT_STREQ(config.rules[0].host, "a.example");
  EXPECT_EQ(config.rules[1].address.prefix, 8);
  EXPECT_EQ(config.header->udp_port[0], 5000);
  EXPECT_STREQ(config.resolvers[0].id, "192.0.2.53");
  EXPECT_EQ(config.header->cell_uid_seen, 1001u);
  EXPECT_STREQ(config.secrets[0].key, "TOKEN");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(config.filter.data), config.filter.size), network.gate_filter);
}

}  // namespace
}  // namespace plan
