// SPDX-License-Identifier: Apache-2.0
// From a document's authority to the tables of its gate.
#include "plan/network.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/address_class.h"
#include "base/encoding.h"
#include "plan/gate_filter.h"
#include "plan/limits.h"
#include "plan/nft_table.h"
#include "spec/host.h"
#include "spec/protocol.h"
#include "spec/url.h"

namespace plan {
namespace {

constexpr std::size_t kMaxTableId = 32, kMaxSteeredPorts = 4096;
constexpr std::uint16_t kTypeA = 1, kTypeCname = 5, kTypeAaaa = 28, kTypeHttps = 65;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

base::Result<> Refuse(std::string_view pointer, std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("{}: {}", pointer, why));
}

std::uint16_t TypeNumber(spec::QueryType type) {
  switch (type) {
    case spec::QueryType::kA: return kTypeA;
    case spec::QueryType::kAaaa: return kTypeAaaa;
    case spec::QueryType::kCname: return kTypeCname;
    case spec::QueryType::kTxt: return 16;
    case spec::QueryType::kMx: return 15;
    case spec::QueryType::kSrv: return 33;
    case spec::QueryType::kNs: return 2;
    case spec::QueryType::kPtr: return 12;
    case spec::QueryType::kHttps: return kTypeHttps;
    case spec::QueryType::kSvcb: return 64;
  }
  return 0;
}

base::Result<> AddRule(const spec::EgressRule& rule, std::uint32_t index, NetworkPlan& network) {
  const std::string at = fmt::format("authority.egressRules[{}]", index);
  const auto form = spec::ClassifyHost(rule.host);
  if (!form) return Refuse(at + ".host", "is no address, CIDR, name or wildcard");
  if (rule.port == 0) return Refuse(at + ".port", "is 0");
  NetworkRule row;
  row.index = index;
  row.port = rule.port;
  row.host = Lower(rule.host);
  row.form = static_cast<wire::HostForm>(*form);
  if (*form == spec::HostForm::kAddress) row.prefix = base::Exactly(*base::ParseIpAddress(row.host));
  if (*form == spec::HostForm::kCidr) row.prefix = base::ParseIpPrefix(row.host);
  switch (spec::ProtocolOf(rule)) {
    case spec::Protocol::kHttps: row.protocol = wire::FlowProtocol::kHttps; break;
    case spec::Protocol::kHttp: row.protocol = wire::FlowProtocol::kHttp; break;
    case spec::Protocol::kTcp: row.protocol = wire::FlowProtocol::kTcp; break;
    case spec::Protocol::kUdp: row.protocol = wire::FlowProtocol::kUdp; break;
    case spec::Protocol::kDnsAcknowledged:
      row.protocol = wire::FlowProtocol::kTcp;
      network.rules.push_back(row);
      row.protocol = wire::FlowProtocol::kUdp;
      break;
  }
  network.rules.push_back(std::move(row));
  return {};
}
static_assert(static_cast<int>(spec::HostForm::kWildcard) == static_cast<int>(wire::HostForm::kWildcard) &&
              static_cast<int>(spec::HostForm::kCidr) == static_cast<int>(wire::HostForm::kCidr));

base::Result<> AddPorts(NetworkPlan& network) {
  std::set<std::uint16_t> tcp, udp;
  for (const NetworkRule& rule : network.rules) {
    auto& ports = rule.protocol == wire::FlowProtocol::kUdp ? udp : tcp;
    ports.insert(rule.port);
    if (udp.size() > wire::kMaxGateUdpPorts) {
      return Refuse(fmt::format("authority.egressRules[{}].port", rule.index),
                    fmt::format("UDP is granted on more than {} different ports", wire::kMaxGateUdpPorts));
    }
    if (tcp.size() > kMaxSteeredPorts) {
      return Refuse(fmt::format("authority.egressRules[{}].port", rule.index),
                    fmt::format("TCP is granted on more than {} different ports", kMaxSteeredPorts));
    }
  }
  network.tcp_ports.assign(tcp.begin(), tcp.end());
  network.udp_ports.assign(udp.begin(), udp.end());
  return {};
}

base::Result<> AddRules(const spec::Authority& authority, NetworkPlan& network) {
  if (!authority.egress_rules) return {};
  const auto& rules = *authority.egress_rules;
  if (rules.size() > wire::kMaxGateRules / 2) {
    return Refuse("authority.egressRules", fmt::format("{} rules; a gate takes {}", rules.size(), wire::kMaxGateRules / 2));
  }
  for (std::size_t i = 0; i < rules.size(); ++i) TRY(AddRule(rules[i], static_cast<std::uint32_t>(i), network));
  return AddPorts(network);
}

base::Result<> AddNames(const spec::Authority& authority, NetworkPlan& network) {
  if (authority.dns_authority) {
    const auto& names = authority.dns_authority->hostname_allowlist;
    if (names.size() > wire::kMaxGateNames) {
      return Refuse("authority.dnsAuthority.hostnameAllowlist",
                    fmt::format("{} names; a gate takes {}", names.size(), wire::kMaxGateNames));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      network.names.push_back(
          {static_cast<std::uint32_t>(i), wire::NameSource::kHostnameAllowlist, Lower(names[i])});
    }
    for (const spec::QueryType type : authority.dns_authority->allowed_query_types) {
      network.query_types.push_back(TypeNumber(type));
    }
  } else {
    for (const NetworkRule& rule : network.rules) {
      if (!rule.prefix) network.names.push_back({rule.index, wire::NameSource::kEgressRules, rule.host});
    }
  }
  if (network.query_types.empty()) network.query_types = {kTypeA, kTypeAaaa, kTypeCname, kTypeHttps};
  return {};
}

// Endpoint and path of "https://<address>[:port]/path"; names can't be looked up before there is a resolver.
base::Result<> ReadDohUrl(std::string_view url, const std::string& at, NetworkResolver& row) {
  const std::string_view rest = url.substr(sizeof "https://" - 1);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority(rest.substr(0, slash));
  row.path = slash < rest.size() ? rest.substr(slash) : "/";
  auto endpoint = base::ParseIpEndpoint(authority);
  if (!endpoint) endpoint = base::ParseIpEndpoint(authority + ":443");
  if (!endpoint) {
    return Refuse(at, fmt::format("\"{}\" names its host; allowed is an address, since a name can't be looked up before "
                                  "there is a resolver",
                                  base::Escape(url, 80)));
  }
  row.endpoint = *endpoint;
  return {};
}

base::Result<NetworkResolver> ReadResolver(const spec::Resolver& resolver, std::size_t index,
                                           const NetworkSettings& settings) {
  const std::string at = fmt::format("authority.dnsAuthority.resolvers[{}].", index);
  NetworkResolver row;
  row.id = resolver.resolver_id;
  switch (resolver.protocol) {
    case spec::ResolverProtocol::kDo53Udp: row.transport = wire::Transport::kUdp; break;
    case spec::ResolverProtocol::kDo53Tcp: row.transport = wire::Transport::kTcp; break;
    case spec::ResolverProtocol::kDot: row.transport = wire::Transport::kDot; break;
    case spec::ResolverProtocol::kDoh: row.transport = wire::Transport::kDoh; break;
    case spec::ResolverProtocol::kDoq: TRY(Refuse(at + "protocol", "DNS over QUIC is not offered")); break;
  }
  if (row.transport == wire::Transport::kDoh) {
    if (!spec::IsDohUrl(resolver.endpoint)) TRY(Refuse(at + "endpoint", "is no https URL"));
    TRY(ReadDohUrl(resolver.endpoint, at + "endpoint", row));
  } else {
    const auto endpoint = base::ParseIpEndpoint(resolver.endpoint);
    if (!endpoint) TRY(Refuse(at + "endpoint", "is not ip:port or [v6]:port"));
    row.endpoint = *endpoint;
  }
  if (resolver.dnssec && resolver.dnssec->validate) {
    row.dnssec = resolver.dnssec->fail_closed ? wire::DnssecMode::kRequire : wire::DnssecMode::kBestEffort;
    row.trust_anchors_path = !settings.trust_anchors_path.empty() ? settings.trust_anchors_path
                                                                  : resolver.dnssec->trust_anchors_path.value_or("");
  }
  return row;
}

base::Result<> AddResolvers(const spec::Authority& authority, const NetworkSettings& settings,
                            const base::HostFacts& facts, NetworkPlan& network) {
  constexpr std::size_t kMaxId = 127, kMaxPath = 255;
  if (authority.dns_authority) {
    const auto& resolvers = authority.dns_authority->resolvers;
    if (resolvers.size() > wire::kMaxGateResolvers) {
      return Refuse("authority.dnsAuthority.resolvers",
                    fmt::format("{} resolvers; a gate takes {}", resolvers.size(), wire::kMaxGateResolvers));
    }
    for (std::size_t i = 0; i < resolvers.size(); ++i) {
      NetworkResolver row = TRY(ReadResolver(resolvers[i], i, settings));
      if (row.id.size() > kMaxId || row.path.size() > kMaxPath) {
        return Refuse(fmt::format("authority.dnsAuthority.resolvers[{}]", i), "its id or path is too long");
      }
      network.resolvers.push_back(std::move(row));
    }
  }
  if (!network.resolvers.empty() || network.names.empty()) return {};
  for (const std::string& text : facts.resolvers) {
    const auto address = base::ParseIpAddress(text);
    if (!address || network.resolvers.size() == wire::kMaxGateResolvers) continue;
    NetworkResolver row;
    row.id = base::ToString(*address);
    row.endpoint = {*address, 53};
    row.from_host = true;
    network.resolvers.push_back(std::move(row));
  }
  if (!network.resolvers.empty()) return {};
  return Refuse(authority.dns_authority ? "authority.dnsAuthority.resolvers" : "authority.egressRules",
                "names are granted, and neither the document nor /etc/resolv.conf of this machine has a resolver; "
                "name one with --dns-resolver");
}

base::Result<> AddRebinding(const spec::DnsAuthority& dns, NetworkPlan& network) {
  if (!dns.rebinding_policy) return {};
  network.max_novel_ips = std::max<std::uint32_t>(dns.rebinding_policy->max_novel_ips_per_hostname, 1);
  network.reject_on_rebind = dns.rebinding_policy->reject_on_rebind;
  const auto& entries = dns.rebinding_policy->response_ip_allowlist;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::size_t colon = entries[i].find(':');
    const std::string address = colon == std::string::npos ? "" : entries[i].substr(colon + 1);
    auto prefix = base::ParseIpPrefix(address);
    if (const auto exact = base::ParseIpAddress(address); exact) prefix = base::Exactly(*exact);
    if (!prefix) {
      return Refuse(fmt::format("authority.dnsAuthority.rebindingPolicy.responseIpAllowlist[{}]", i),
                    "is not hostname:address or hostname:CIDR");
    }
    network.responses.push_back({Lower(entries[i].substr(0, colon)), *prefix});
  }
  return {};
}

wire::GateLimits Limits(const spec::Authority& authority, const NetworkSettings& settings) {
  wire::GateLimits limits = {};
  limits.flows = 1024;
  limits.half_open = 256;
  limits.tcp_dns_clients = 64;
  limits.names_per_minute = spec::kDefaultNamesPerMinute;
  limits.label_bytes_per_minute = spec::kDefaultLabelBytesPerMinute;
  if (authority.dns_authority && authority.dns_authority->budget) {
    const spec::DnsBudget& budget = *authority.dns_authority->budget;
    limits.names_per_minute = budget.names_per_minute.value_or(limits.names_per_minute);
    limits.label_bytes_per_minute = budget.label_bytes_per_minute.value_or(limits.label_bytes_per_minute);
  }
  limits.cache_entries = 4096;
  limits.answer_entries = 8192;
  limits.peek_ms = 2000;
  limits.connect_ms = 10000;
  limits.idle_ms = 300000;
  limits.upstream_ms = 2000;
  limits.dns_idle_ms = 30000;
  limits.min_ttl_s = 10;
  limits.max_ttl_s = 86400;
  limits.grace_s = 10;
  limits.denials_per_second = 20;
  limits.flow_bytes_out = settings.flow_bytes_out;
  return limits;
}

wire::GateRefresh Refresh(const spec::Authority& authority, const NetworkSettings& settings) {
  constexpr std::uint32_t kDefault = 60, kFloor = 5;
  wire::GateRefresh refresh = {};
  refresh.resolve_egress = settings.resolve_egress;
  refresh.interval_s = kDefault;
  if (!authority.dns_authority || !authority.dns_authority->refresh_policy) return refresh;
  const spec::RefreshPolicy& policy = *authority.dns_authority->refresh_policy;
  refresh.min_ttl_s = policy.min_ttl_seconds.value_or(0);
  refresh.max_stale_s = policy.max_stale_seconds.value_or(0);
  refresh.manual = policy.strategy == spec::RefreshStrategy::kManual;
  refresh.at_start = settings.refresh;
  refresh.continuous = settings.refresh && settings.refresh_continuous;
  const std::uint32_t wished = settings.tick_interval_s != 0 ? settings.tick_interval_s
                                                             : std::min(policy.min_ttl_seconds.value_or(kDefault), kDefault);
  refresh.interval_s = std::max(wished, kFloor);
  return refresh;
}

DirectBlocks Blocks(const spec::Authority& authority, const NetworkPlan& network) {
  DirectBlocks blocks;
  if (!authority.dns_authority) return blocks;
  blocks.dns = authority.dns_authority->block_direct_workload_dns;
  blocks.doq = authority.dns_authority->block_udp_doq;
  blocks.http3 = authority.dns_authority->block_udp_http3;
  for (const NetworkResolver& resolver : network.resolvers) {
    if (!resolver.from_host) blocks.resolvers.push_back(resolver.endpoint);
  }
  return blocks;
}

bool UsesSecretSocket(const spec::CellSpec& spec) {
  const bool any = spec.authority.secret_refs && !spec.authority.secret_refs->empty();
  return spec.run && spec.run->secret_delivery != spec::SecretDelivery::kEnv && any;
}

}  // namespace

base::Result<NetworkPlan> MakeNetworkPlan(const spec::CellDocument& document, const NetworkSettings& settings,
                                          const base::HostFacts& facts) {
  const spec::Authority& authority = document.spec.authority;
  NetworkPlan network;
  network.network = authority.dns_authority || (authority.egress_rules && !authority.egress_rules->empty());
  network.secret_socket = UsesSecretSocket(document.spec);
  network.telemetry = document.spec.telemetry.has_value();
  network.gate = network.network || network.secret_socket || network.telemetry;
  if (!network.gate) return network;
  network.limits = Limits(authority, settings);
  if (!network.network) {
    network.gate_filter = GateFilter(static_cast<std::size_t>(wire::CellFd::kFirstUdp));
    return network;
  }
  TRY(AddRules(authority, network));
  TRY(AddNames(authority, network));
  TRY(AddResolvers(authority, settings, facts, network));
  if (authority.dns_authority) TRY(AddRebinding(*authority.dns_authority, network));
  network.refresh = Refresh(authority, settings);
  network.host_addresses = facts.host_addresses;
  network.upstream = std::ranges::any_of(network.resolvers, &NetworkResolver::via_upstream);
  if (network.upstream) network.upstream_filter = UpstreamFilter();
  network.gate_filter =
      GateFilter(static_cast<std::size_t>(wire::CellFd::kFirstUdp) + 2 * network.udp_ports.size());
  network.table = "cellos_" + SafeName(document.spec.id, kMaxTableId);
  network.link_batch = LinkBatch();
  PlanTable(Blocks(authority, network), network);
  return network;
}

const char* WhyNotDialled(const NetworkPlan& network, wire::FlowProtocol protocol, bool for_resolver,
                          std::uint32_t index, const base::IpEndpoint& to) {
  const bool udp = protocol == wire::FlowProtocol::kUdp;
  if (for_resolver) {
    if (index >= network.resolvers.size()) return "no such resolver";
    const NetworkResolver& resolver = network.resolvers[index];
    if (resolver.endpoint != to) return "not the resolver's address and port";
    // A truncated answer over UDP is asked for again over TCP.
    if (udp && resolver.transport != wire::Transport::kUdp) return "not the resolver's protocol";
    return nullptr;
  }
  const bool own = std::ranges::find(network.host_addresses, to.address) != network.host_addresses.end();
  const char* why = "no such rule";
  for (const NetworkRule& rule : network.rules) {
    if (rule.index != index) continue;
    if ((rule.protocol == wire::FlowProtocol::kUdp) != udp) {
      why = "not the rule's protocol";
    } else if (rule.port != to.port) {
      why = "not the rule's port";
    } else if (rule.prefix) {
      const bool exact = *rule.prefix == base::Exactly(to.address);
      if (base::Opens(*rule.prefix, to.address) && (exact || !own)) return nullptr;
      why = own ? "an address of this host" : "not opened by the rule's address";
    } else if (own) {
      why = "an address of this host";
    } else if (base::ClassOf(to.address) != base::AddressClass::kPublic) {
      why = "an address that no name opens";
    } else {
      return nullptr;
    }
  }
  return why;
}

}  // namespace plan
