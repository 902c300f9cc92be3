// SPDX-License-Identifier: Apache-2.0
// Judges a document by a policy pack: every rule, all violations.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/encoding.h"
#include "spec/host.h"
#include "spec/policy_pack.h"
#include "spec/primitives.h"

namespace spec {
namespace {

using Violations = std::vector<Violation>;

const std::vector<EgressRule>& EgressRulesOf(const CellDocument& document) {
  static const std::vector<EgressRule> kNone;
  return document.spec.authority.egress_rules ? *document.spec.authority.egress_rules : kNone;
}

const RunLimits* LimitsOf(const CellDocument& document) {
  return document.spec.run && document.spec.run->limits ? &*document.spec.run->limits : nullptr;
}

bool Covers(const PolicyScope& scope, const Placement& host) {
  const auto agrees = [](const std::optional<std::string>& wanted, const std::optional<std::string>& has) {
    return !wanted || wanted == has;
  };
  return agrees(scope.pool_id, host.pool_id) && agrees(scope.kubernetes_namespace, host.kubernetes_namespace) &&
         agrees(scope.queue_name, host.queue_name);
}

void JudgeCeilings(const PolicyRules& rules, const CellDocument& document, Violations& out) {
  const std::uint64_t ttl = document.spec.lifetime.ttl_seconds;
  if (rules.max_lifetime_ttl_seconds && ttl > *rules.max_lifetime_ttl_seconds) {
    out.push_back({"maxLifetimeTtlSeconds", "/spec/lifetime/ttlSeconds",
                   fmt::format("found {}; allowed is at most {}", ttl, *rules.max_lifetime_ttl_seconds)});
  }
  const RunLimits* limits = LimitsOf(document);
  if (rules.max_memory_max_bytes) {
    const auto memory = limits != nullptr ? limits->memory_max_bytes : std::nullopt;
    if (!memory || *memory > *rules.max_memory_max_bytes) {
      out.push_back({"maxMemoryMaxBytes", "/spec/run/limits/memoryMaxBytes",
                     fmt::format("found {}; required is a limit of at most {}",
                                 memory ? std::to_string(*memory) : "none", *rules.max_memory_max_bytes)});
    }
  }
  if (rules.max_run_timeout_ms) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t timeout = ttl > kMax / 1000 ? kMax : ttl * 1000;
    if (document.spec.run && document.spec.run->timeout_ms) timeout = std::min(timeout, *document.spec.run->timeout_ms);
    if (timeout > *rules.max_run_timeout_ms) {
      out.push_back({"maxRunTimeoutMs", "/spec/run/timeoutMs",
                     fmt::format("found {} (the shorter of timeout and lifetime); allowed is at most {}", timeout,
                                 *rules.max_run_timeout_ms)});
    }
  }
}

void JudgeEgress(const PolicyRules& rules, const CellDocument& document, Violations& out) {
  const auto& egress = EgressRulesOf(document);
  if (rules.require_egress_declared && egress.empty()) {
    out.push_back({"requireEgressDeclared", "/spec/authority/egressRules", "found no rule; required is at least one"});
  }
  if (rules.forbid_outbound_egress_rules && !egress.empty()) {
    out.push_back({"forbidOutboundEgressRules", "/spec/authority/egressRules",
                   fmt::format("found {} rules; allowed is none", egress.size())});
  }
  if (rules.allowed_egress_hosts.empty()) return;
  for (std::size_t i = 0; i < egress.size(); ++i) {
    const bool allowed = std::any_of(rules.allowed_egress_hosts.begin(), rules.allowed_egress_hosts.end(),
                                     [&](const std::string& p) { return EgressPatternMatches(p, egress[i].host); });
    if (allowed) continue;
    out.push_back({"allowedEgressHosts", fmt::format("/spec/authority/egressRules/{}/host", i),
                   fmt::format("found \"{}\"; allowed is what the pack's allowedEgressHosts match",
                               base::Escape(egress[i].host, 80))});
  }
}

void JudgeRun(const PolicyRules& rules, const CellDocument& document, Violations& out) {
  const auto& run = document.spec.run;
  if (rules.require_runtime_secret_delivery && (!run || run->secret_delivery == SecretDelivery::kEnv)) {
    out.push_back({"requireRuntimeSecretDelivery", "/spec/run/secretDelivery",
                   "found env; required is runtimeBroker or runtimeLeasedBroker"});
  }
  if (!rules.require_resource_limits) return;
  const RunLimits* limits = LimitsOf(document);
  if (limits != nullptr && limits->memory_max_bytes && limits->cpu_max) return;
  out.push_back({"requireResourceLimits", "/spec/run/limits", "required are memoryMaxBytes and cpuMax"});
}

void JudgeDns(const PolicyRules& rules, const CellDocument& document, Violations& out) {
  const auto& egress = EgressRulesOf(document);
  const auto acknowledged = [](const EgressRule& rule) {
    return rule.protocol && EqualIgnoringCase(*rule.protocol, "dns-acknowledged");
  };
  if (rules.flag_dns_egress_without_acknowledgment.value_or(false)) {
    const auto found = std::find_if(egress.begin(), egress.end(), [&](const EgressRule& rule) {
      return (rule.port == 53 || rule.port == 853) && !acknowledged(rule);
    });
    if (found != egress.end()) {
      out.push_back({"flagDnsEgressWithoutAcknowledgment",
                     fmt::format("/spec/authority/egressRules/{}/protocol", found - egress.begin()),
                     fmt::format("found port {}; required is protocol dns-acknowledged", found->port)});
    }
  }
  if (!rules.require_dns_egress_justification.value_or(false)) return;
  for (std::size_t i = 0; i < egress.size(); ++i) {
    const auto& why = egress[i].dns_egress_justification;
    if (egress[i].port != 53 || !acknowledged(egress[i]) || (why && !Trim(*why).empty())) continue;
    out.push_back({"requireDnsEgressJustification",
                   fmt::format("/spec/authority/egressRules/{}/dnsEgressJustification", i),
                   "found none; required is a reason that is not blank"});
  }
}

}  // namespace

std::optional<std::string_view> JudgeSecretRefs(const PolicyRules& rules, const Authority& authority,
                                                std::string_view caller) {
  if (!rules.secret_ref_allowlist) return std::nullopt;
  const auto& allowlist = *rules.secret_ref_allowlist;
  const auto entry =
      std::find_if(allowlist.begin(), allowlist.end(), [&](const auto& pair) { return pair.first == caller; });
  if (entry == allowlist.end()) return "caller_unmapped";
  if (!authority.secret_refs) return std::nullopt;
  for (const std::string& ref : *authority.secret_refs) {
    if (std::find(entry->second.begin(), entry->second.end(), ref) == entry->second.end()) return "secret_ref_denied";
  }
  return std::nullopt;
}

std::vector<Violation> EvaluatePolicy(const PolicyPack& pack, const CellDocument& document,
                                      const PolicyContext& context) {
  Violations violations;
  if (pack.spec.placement && !Covers(*pack.spec.placement, context.host_placement)) return violations;
  const PolicyRules& rules = pack.spec.rules;
  JudgeCeilings(rules, document, violations);
  JudgeEgress(rules, document, violations);
  JudgeRun(rules, document, violations);
  JudgeDns(rules, document, violations);
  if (const auto reason = JudgeSecretRefs(rules, document.spec.authority, context.caller)) {
    violations.push_back({"secretRefAllowlist", "/spec/authority/secretRefs",
                          fmt::format("{}: found secrets that the pack does not allow to the caller \"{}\"", *reason,
                                      base::Escape(context.caller, 80))});
  }
  return violations;
}

std::vector<Violation> JudgePolicyClaim(const CellDocument& document, const PolicyPack* pack,
                                        std::string_view pack_digest) {
  Violations violations;
  if (!document.spec.policy) return violations;
  const auto judge = [&](std::string_view member, const std::optional<std::string>& claim, std::string_view loaded) {
    if (!claim || (pack != nullptr && *claim == loaded)) return;
    violations.push_back(
        {"policyClaim", fmt::format("/spec/policy/{}", member),
         fmt::format("found \"{}\"; the loaded pack has {}", base::Escape(*claim, 80),
                     pack == nullptr ? "nothing: none is loaded" : fmt::format("\"{}\"", base::Escape(loaded, 80)))});
  };
  const PolicyClaim& claim = *document.spec.policy;
  judge("packId", claim.pack_id, pack != nullptr ? pack->spec.id : "");
  judge("packVersion", claim.pack_version, pack != nullptr ? pack->spec.version.value_or("") : "");
  judge("bundleDigest", claim.bundle_digest, pack_digest);
  return violations;
}

}  // namespace spec
