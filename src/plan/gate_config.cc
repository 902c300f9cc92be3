// SPDX-License-Identifier: Apache-2.0
// The gate's configuration as the block of memory that it is given.
#include <string.h>

#include <algorithm>
#include <type_traits>

#include "plan/network.h"

namespace plan {
namespace {

template <class T>
void Append(std::string* out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// What is too long is cut; MakeNetworkPlan and the validation of documents let nothing through that is.
template <class Text>
void Copy(const std::string& from, Text& to) {
  memcpy(to, from.data(), std::min(from.size(), sizeof to - 1));
}

wire::GateAddress Address(const base::IpPrefix& prefix) {
  wire::GateAddress address = {};
  memcpy(address.bytes, prefix.address.bytes.data(), sizeof address.bytes);
  address.v6 = prefix.address.v6;
  address.prefix = static_cast<std::uint8_t>(prefix.length);
  return address;
}

void AppendRules(const NetworkPlan& network, std::string* out) {
  for (const NetworkRule& rule : network.rules) {
    wire::GateRule row = {};
    row.index = rule.index;
    row.port = rule.port;
    row.form = rule.form;
    row.protocol = rule.protocol;
    if (rule.prefix) row.address = Address(*rule.prefix);
    Copy(rule.host, row.host);
    Append(out, row);
  }
  for (const NetworkName& name : network.names) {
    wire::GateName row = {};
    row.index = name.index;
    row.source = name.source;
    Copy(name.pattern, row.pattern);
    Append(out, row);
  }
}

void AppendResolvers(const NetworkPlan& network, std::string* out) {
  for (const NetworkResolver& resolver : network.resolvers) {
    wire::GateResolver row = {};
    Copy(resolver.id, row.id);
    row.port = resolver.endpoint.port;
    row.transport = resolver.transport;
    row.dnssec = resolver.dnssec;
    row.via_upstream = resolver.via_upstream();
    row.address = Address(base::Exactly(resolver.endpoint.address));
    Copy(resolver.server_name, row.server_name);
    Copy(resolver.path, row.path);
    Append(out, row);
  }
  for (const ResponseRule& response : network.responses) {
    wire::GateResponseRule row = {};
    Copy(response.host, row.host);
    row.address = Address(response.prefix);
    Append(out, row);
  }
}

wire::GateConfigHeader Header(const NetworkPlan& network, const GateConfigExtras& extras) {
  wire::GateConfigHeader header = {};
  header.magic = wire::kGateConfigMagic;
  header.rules = static_cast<std::uint32_t>(network.rules.size());
  header.names = static_cast<std::uint32_t>(network.names.size());
  header.resolvers = static_cast<std::uint32_t>(network.resolvers.size());
  header.responses = static_cast<std::uint32_t>(network.responses.size());
  header.host_addresses = static_cast<std::uint32_t>(network.host_addresses.size());
  header.secrets = static_cast<std::uint32_t>(extras.secret_keys.size());
  header.filter_bytes = static_cast<std::uint32_t>(network.gate_filter.size());
  header.udp_ports = static_cast<std::uint32_t>(network.udp_ports.size());
  std::ranges::copy(network.udp_ports, header.udp_port);
  const std::size_t types = std::min(network.query_types.size(), std::size(header.query_types));
  std::copy_n(network.query_types.begin(), types, header.query_types);
  header.query_type_count = static_cast<std::uint32_t>(types);
  header.max_novel_ips = network.max_novel_ips;
  header.reject_on_rebind = network.reject_on_rebind;
  header.has_dns_authority = std::ranges::any_of(
      network.names, [](const NetworkName& name) { return name.source == wire::NameSource::kHostnameAllowlist; });
  header.network = network.network;
  header.limits = network.limits;
  header.refresh = network.refresh;
  memcpy(header.secret_token, extras.secret_token.data(),
         std::min(extras.secret_token.size(), sizeof header.secret_token - 1));
  header.cell_uid_seen = extras.cell_uid_seen;
  header.telemetry = extras.telemetry;
  header.telemetry_ours = extras.telemetry != wire::TelemetryMode::kNone;
  header.telemetry_frames_per_second = extras.frames_per_second;
  header.telemetry_bytes_per_second = extras.bytes_per_second;
  return header;
}

}  // namespace

std::string EncodeGateConfig(const NetworkPlan& network, const GateConfigExtras& extras) {
  std::string out;
  Append(&out, Header(network, extras));
  AppendRules(network, &out);
  AppendResolvers(network, &out);
  for (const base::IpAddress& address : network.host_addresses) Append(&out, Address(base::Exactly(address)));
  for (const std::string& key : extras.secret_keys) {
    wire::GateSecret row = {};
    Copy(key, row.key);
    Append(&out, row);
  }
  out += network.gate_filter;
  const auto size = static_cast<std::uint32_t>(out.size());
  memcpy(out.data() + offsetof(wire::GateConfigHeader, size), &size, sizeof size);
  return out;
}

}  // namespace plan
