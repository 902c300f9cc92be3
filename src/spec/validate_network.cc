// SPDX-License-Identifier: Apache-2.0
// Rules of egress rules, DNS authority and content networks.
#include "spec/host.h"
#include "spec/primitives.h"
#include "spec/protocol.h"
#include "spec/url.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

constexpr std::string_view kIdForm = "1 to 128 of letters, digits, '.', '_' and '-', a letter or digit first, no '..'";
constexpr std::string_view kPatternForm =
    "a name of at least two labels, or *. and a name; labels of letters, digits and '-', not all numeric";

// What would change the meaning of a rule where it is written down: white space, controls, metacharacters, and
// characters that hide or reorder their neighbours.
bool HasUnsafe(std::string_view host) {
  constexpr std::string_view kMeta = ";{}\"'#\\";
  while (!host.empty()) {
    const char32_t c = TakeCodePoint(host);
    if (IsWhiteSpace(c) || IsDeceptive(c) || (c < 0x80 && kMeta.contains(static_cast<char>(c)))) return true;
  }
  return false;
}

bool IsEndpoint(const Resolver& resolver) {
  switch (resolver.protocol) {
    case ResolverProtocol::kDoh:
      return IsDohUrl(resolver.endpoint);
    case ResolverProtocol::kDoq:
      return IsDoqEndpoint(resolver.endpoint);
    default:
      return IsAddressAndPort(resolver.endpoint);
  }
}

Verdict ValidateResolver(const std::vector<Resolver>& resolvers, std::size_t index) {
  const Resolver& resolver = resolvers[index];
  const auto at = [&](std::string_view member) {
    return fmt::format("/spec/authority/dnsAuthority/resolvers/{}/{}", index, member);
  };
  if (!IsPortableId(resolver.resolver_id)) {
    return Refuse("bad_identifier", at("resolverId"), resolver.resolver_id, kIdForm);
  }
  const bool twice = std::any_of(resolvers.begin(), resolvers.begin() + static_cast<std::ptrdiff_t>(index),
                                 [&](const Resolver& other) { return other.resolver_id == resolver.resolver_id; });
  if (twice) return Refuse("duplicate_resolver_id", at("resolverId"), resolver.resolver_id, "each id once");
  if (resolver.endpoint.empty()) return Refuse("empty_resolver_endpoint", at("endpoint"), "", "an endpoint");
  if (!IsEndpoint(resolver)) {
    return Refuse("bad_resolver_endpoint", at("endpoint"), resolver.endpoint,
                  "do53 and dot: ip:port or [v6]:port; doh: https://…; doq: quic://… or host:port");
  }
  if (resolver.trust_kid && !IsPortableId(*resolver.trust_kid)) {
    return Refuse("bad_identifier", at("trustKid"), *resolver.trust_kid, kIdForm);
  }
  return std::nullopt;
}

Verdict ValidateRebinding(const RebindingPolicy& policy) {
  for (std::size_t i = 0; i < policy.response_ip_allowlist.size(); ++i) {
    if (IsRebindEntry(policy.response_ip_allowlist[i])) continue;
    return Refuse("bad_rebind_entry",
                  fmt::format("/spec/authority/dnsAuthority/rebindingPolicy/responseIpAllowlist/{}", i),
                  policy.response_ip_allowlist[i], "hostname:address or hostname:CIDR");
  }
  if (policy.max_novel_ips_per_hostname != 0) return std::nullopt;
  return Refuse("zero_novel_ips", "/spec/authority/dnsAuthority/rebindingPolicy/maxNovelIpsPerHostname",
                "found 0; allowed is at least 1");
}

Verdict ValidateBudget(const DnsBudget& budget) {
  const auto zero = [](std::string_view member) {
    return Refuse("zero_limit", fmt::format("/spec/authority/dnsAuthority/budget/{}", member),
                  "found 0; allowed is at least 1");
  };
  if (budget.names_per_minute == 0u) return zero("namesPerMinute");
  if (budget.label_bytes_per_minute == 0u) return zero("labelBytesPerMinute");
  return std::nullopt;
}

}  // namespace

Verdict ValidateEgressRules(const std::vector<EgressRule>& rules) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const EgressRule& rule = rules[i];
    const auto at = [&](std::string_view member) {
      return fmt::format("/spec/authority/egressRules/{}/{}", i, member);
    };
    if (rule.host.empty()) return Refuse("empty_egress_host", at("host"), "", "a host");
    if (HasUnsafe(rule.host)) {
      return Refuse("bad_egress_host", at("host"), rule.host, "no white space, controls and ; { } \" ' # \\");
    }
    if (rule.port == 0) return Refuse("zero_port", at("port"), "found 0; allowed is 1 to 65535");
    if (rule.protocol && !ParseProtocol(*rule.protocol)) {
      return Refuse("unknown_protocol", at("protocol"), *rule.protocol, "tcp, udp, http, https or dns-acknowledged");
    }
  }
  return std::nullopt;
}

Verdict ValidateDnsAuthority(const DnsAuthority& dns) {
  for (std::size_t i = 0; i < dns.resolvers.size(); ++i) {
    if (auto fault = ValidateResolver(dns.resolvers, i)) return fault;
  }
  for (std::size_t i = 0; i < dns.hostname_allowlist.size(); ++i) {
    if (IsFqdnPattern(dns.hostname_allowlist[i])) continue;
    return Refuse("bad_hostname_pattern", fmt::format("/spec/authority/dnsAuthority/hostnameAllowlist/{}", i),
                  dns.hostname_allowlist[i], kPatternForm);
  }
  if (dns.refresh_policy) {
    const auto [min_ttl, max_stale, strategy] = *dns.refresh_policy;
    if (min_ttl && max_stale && *min_ttl > *max_stale) {
      return Refuse("refresh_ttl_order", "/spec/authority/dnsAuthority/refreshPolicy/minTtlSeconds",
                    fmt::format("found {}; allowed is at most maxStaleSeconds, {}", *min_ttl, *max_stale));
    }
  }
  if (dns.rebinding_policy) {
    if (auto fault = ValidateRebinding(*dns.rebinding_policy)) return fault;
  }
  if (!dns.budget) return std::nullopt;
  return ValidateBudget(*dns.budget);
}

Verdict ValidateCdnAuthority(const CdnAuthority& cdn) {
  for (std::size_t i = 0; i < cdn.providers.size(); ++i) {
    const CdnProvider& provider = cdn.providers[i];
    const auto at = [&](std::string_view member) {
      return fmt::format("/spec/authority/cdnAuthority/providers/{}/{}", i, member);
    };
    if (!IsPortableId(provider.provider_id)) {
      return Refuse("bad_identifier", at("providerId"), provider.provider_id, kIdForm);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (cdn.providers[j].provider_id != provider.provider_id) continue;
      return Refuse("duplicate_provider_id", at("providerId"), provider.provider_id, "each id once");
    }
    if (!IsFqdnPattern(provider.hostname_pattern)) {
      return Refuse("bad_provider_pattern", at("hostnamePattern"), provider.hostname_pattern, kPatternForm);
    }
  }
  return std::nullopt;
}

}  // namespace spec
