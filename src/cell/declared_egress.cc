// SPDX-License-Identifier: Apache-2.0
// Rows of the document as events.
#include "cell/declared_egress.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "crypto/random.h"
#include "event/trust_events.h"
#include "spec/document.h"

namespace cell {
namespace {

// One decision event per row; a document with thousands of rules is told of by its first rows, the log has the document.
constexpr std::size_t kMostRows = 256;

class Declarer {
 public:
  Declarer(const spec::CellSpec& spec, const Settings& settings, Recorder& recorder)
      : settings_(settings), recorder_(recorder), digest_(spec::CanonicalSpecHash(spec)) {}

  base::Result<> Tell(std::string_view action, const std::string& host, std::string_view reason, std::string rule) {
    event::L7EgressDecision decision{.decision_id = crypto::NewUuid(),
                                     .action = std::string(action),
                                     .sni_host = host,
                                     .policy_digest = digest_,
                                     .reason_code = std::string(reason),
                                     .rule_ref = std::move(rule),
                                     .trust = {settings_.trust_keyset_id, settings_.l7_kid}};
    TRY(recorder_.Emit(event::L7EgressDecisionEvent(recorder_.cell(), decision)));
    return {};
  }

 private:
  const Settings& settings_;
  Recorder& recorder_;
  std::string digest_;
};

// Port 53 of a host that is no declared Do53 resolver.
bool IsForeignDns(const spec::EgressRule& rule, const spec::DnsAuthority& dns) {
  if (rule.port != 53) return false;
  return std::ranges::none_of(dns.resolvers, [&](const spec::Resolver& resolver) {
    const bool do53 = resolver.protocol == spec::ResolverProtocol::kDo53Udp ||
                      resolver.protocol == spec::ResolverProtocol::kDo53Tcp;
    return do53 && (resolver.endpoint == rule.host + ":53" || resolver.endpoint == "[" + rule.host + "]:53");
  });
}

}  // namespace

std::vector<event::EgressRule> DeclaredEgress(const spec::CellSpec& spec) {
  std::vector<event::EgressRule> declared;
  if (!spec.authority.egress_rules) return declared;
  for (const spec::EgressRule& rule : *spec.authority.egress_rules) {
    declared.push_back({rule.host, rule.port, rule.protocol, rule.dns_egress_justification});
  }
  return declared;
}

base::Result<> TellDeclaredEgress(const spec::CellSpec& spec, const Settings& settings, Recorder& recorder) {
  Declarer declarer(spec, settings, recorder);
  static const std::vector<spec::EgressRule> kNone;
  const auto& rules = spec.authority.egress_rules ? *spec.authority.egress_rules : kNone;
  const auto& dns = spec.authority.dns_authority;
  for (std::size_t i = 0; settings.trust_plane_events && i < std::min(rules.size(), kMostRows); ++i) {
    TRY(declarer.Tell("allow", rules[i].host, "egress_declared_allowlist", fmt::format("authority.egressRules[{}]", i)));
  }
  if (!settings.l7_gate_observability || !dns) return {};
  for (std::size_t i = 0; i < std::min(dns->hostname_allowlist.size(), kMostRows); ++i) {
    TRY(declarer.Tell("allow", dns->hostname_allowlist[i], "hostname_allowlist_evaluated",
                      fmt::format("authority.dnsAuthority.hostnameAllowlist[{}]", i)));
  }
  for (std::size_t i = 0; dns->block_direct_workload_dns && i < std::min(rules.size(), kMostRows); ++i) {
    if (!IsForeignDns(rules[i], *dns)) continue;
    TRY(declarer.Tell("deny", rules[i].host, "workload_direct_dns_blocked", fmt::format("authority.egressRules[{}]", i)));
  }
  return {};
}

}  // namespace cell
