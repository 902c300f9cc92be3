// SPDX-License-Identifier: Apache-2.0
// A gate's configuration by hand, for tests: rows in, tables out.
#pragma once

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "gate/grants.h"

namespace gate {

struct ConfigFixture {
  wire::GateConfigHeader header{};
  std::vector<wire::GateRule> rules;
  std::vector<wire::GateName> names;
  std::vector<wire::GateResolver> resolvers;
  std::vector<wire::GateResponseRule> responses;
  std::vector<wire::GateAddress> host_addresses;
  std::vector<wire::GateSecret> secrets;

  ConfigFixture() {
    header.network = 1;
    header.limits = {.flows = 4096, .half_open = 512, .tcp_dns_clients = 64, .names_per_minute = 300,
                     .label_bytes_per_minute = 16384, .cache_entries = 1000, .answer_entries = 4096,
                     .peek_ms = 500, .connect_ms = 5000, .idle_ms = 60000, .upstream_ms = 2000,
                     .dns_idle_ms = 30000, .min_ttl_s = 5, .max_ttl_s = 3600, .grace_s = 5,
                     .denials_per_second = 100000, .flow_bytes = 0, .flow_ms = 0};
  }

  template <std::size_t kSize>
  static void Put(char (&to)[kSize], std::string_view text) {
    if (text.size() >= kSize) std::abort();
    std::memcpy(to, text.data(), text.size());
  }
  static wire::GateAddress Address(std::string_view text) {
    const base::IpPrefix prefix =
        text.find('/') != text.npos ? *base::ParseIpPrefix(text) : base::Exactly(*base::ParseIpAddress(text));
    wire::GateAddress address{};
    std::memcpy(address.bytes, prefix.address.bytes.data(), 16);
    address.v6 = prefix.address.v6;
    address.prefix = static_cast<std::uint8_t>(prefix.length);
    return address;
  }

  // Its position is its index in authority.egressRules.
  ConfigFixture& Allow(std::string_view host, std::uint16_t port, wire::FlowProtocol protocol) {
    wire::GateRule rule{};
    rule.index = static_cast<std::uint32_t>(rules.size());
    rule.port = port;
    rule.protocol = protocol;
    Put(rule.host, host);
    const bool cidr = host.find('/') != host.npos;
    if (cidr || base::ParseIpAddress(host)) {
      rule.form = cidr ? wire::HostForm::kCidr : wire::HostForm::kAddress;
      rule.address = Address(host);
    } else {
      rule.form = host.starts_with("*.") ? wire::HostForm::kWildcard : wire::HostForm::kName;
    }
    rules.push_back(rule);
    return *this;
  }
  ConfigFixture& Ask(std::string_view pattern) {
    wire::GateName name{};
    name.index = static_cast<std::uint32_t>(names.size());
    Put(name.pattern, pattern);
    names.push_back(name);
    return *this;
  }
  ConfigFixture& Respond(std::string_view host, std::string_view prefix) {
    wire::GateResponseRule row{};
    Put(row.host, host);
    row.address = Address(prefix);
    responses.push_back(row);
    return *this;
  }
  ConfigFixture& HostAddress(std::string_view address) {
    host_addresses.push_back(Address(address));
    return *this;
  }
  ConfigFixture& Secret(std::string_view key) {
    wire::GateSecret secret{};
    Put(secret.key, key);
    secrets.push_back(secret);
    return *this;
  }

  // What the supervisor would put into the gate's memory; `filter` is raw struct sock_filter[].
  std::string Encode(std::string_view filter) {
    Count();
    header.filter_bytes = static_cast<std::uint32_t>(filter.size());
    std::string bytes(sizeof header, 0);
    const auto add = [&bytes](const auto& rows) {
      bytes.append(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof rows[0]);
    };
    add(rules);
    add(names);
    add(resolvers);
    add(responses);
    add(host_addresses);
    add(secrets);
    bytes.append(filter);
    header.size = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }

  Grants Make() {
    Count();
    wire::GateConfig config;
    config.header = &header;
    config.rules = rules.data();
    config.names = names.data();
    config.resolvers = resolvers.data();
    config.responses = responses.data();
    config.host_addresses = host_addresses.data();
    config.secrets = secrets.data();
    return std::move(*Grants::Create(config));
  }

 private:
  void Count() {
    header.magic = wire::kGateConfigMagic;
    header.rules = static_cast<std::uint32_t>(rules.size());
    header.names = static_cast<std::uint32_t>(names.size());
    header.resolvers = static_cast<std::uint32_t>(resolvers.size());
    header.responses = static_cast<std::uint32_t>(responses.size());
    header.host_addresses = static_cast<std::uint32_t>(host_addresses.size());
    header.secrets = static_cast<std::uint32_t>(secrets.size());
  }
};

}  // namespace gate
