// SPDX-License-Identifier: Apache-2.0
// Subset and intersection of capabilities.
#include "spec/capability.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "spec/primitives.h"

namespace spec {
namespace {

bool HasRule(std::span<const EgressRule> rules, const EgressRule& wanted) {
  return std::any_of(rules.begin(), rules.end(), [&](const EgressRule& rule) { return SameGrant(rule, wanted); });
}

bool HasSecret(std::span<const std::string> secrets, const std::string& wanted) {
  return std::find(secrets.begin(), secrets.end(), wanted) != secrets.end();
}

CapabilityExcess ExcessOver(const Capability& claimed, std::span<const EgressRule> rules,
                            std::span<const std::string> secrets) {
  CapabilityExcess excess;
  for (const EgressRule& rule : claimed.egress_rules) excess.egress = excess.egress || !HasRule(rules, rule);
  for (const std::string& secret : claimed.secret_refs) excess.secrets = excess.secrets || !HasSecret(secrets, secret);
  return excess;
}

}  // namespace

bool SameGrant(const EgressRule& a, const EgressRule& b) {
  return a.port == b.port && a.protocol == b.protocol && EqualIgnoringCase(a.host, b.host);
}

CapabilityExcess Excess(const Capability& claimed, const Capability& declared) {
  return ExcessOver(claimed, declared.egress_rules, declared.secret_refs);
}

CapabilityExcess Excess(const Capability& claimed, const Authority& declared) {
  std::span<const EgressRule> rules;
  std::span<const std::string> secrets;
  if (declared.egress_rules) rules = *declared.egress_rules;
  if (declared.secret_refs) secrets = *declared.secret_refs;
  return ExcessOver(claimed, rules, secrets);
}

Capability CapabilityOf(const Authority& authority) {
  return {authority.egress_rules.value_or(std::vector<EgressRule>()),
          authority.secret_refs.value_or(std::vector<std::string>())};
}

std::vector<std::string> BeyondLeaf(const CellDocument& document) {
  std::vector<std::string> pointers;
  const CellSpec& spec = document.spec;
  const Authority& authority = spec.authority;
  if (!authority.authority_derivation) return pointers;
  const Capability& leaf = authority.authority_derivation->leaf_capability;
  for (std::size_t i = 0; authority.egress_rules && i < authority.egress_rules->size(); ++i) {
    if (HasRule(leaf.egress_rules, (*authority.egress_rules)[i])) continue;
    pointers.push_back(fmt::format("/spec/authority/egressRules/{}", i));
  }
  const auto judge_secret = [&](const std::optional<std::string>& secret, std::string pointer) {
    if (secret && !HasSecret(leaf.secret_refs, *secret)) pointers.push_back(std::move(pointer));
  };
  for (std::size_t i = 0; authority.secret_refs && i < authority.secret_refs->size(); ++i) {
    judge_secret((*authority.secret_refs)[i], fmt::format("/spec/authority/secretRefs/{}", i));
  }
  if (spec.identity) judge_secret(spec.identity->secret_ref, "/spec/identity/secretRef");
  if (spec.ingress && spec.ingress->git) judge_secret(spec.ingress->git->secret_ref, "/spec/ingress/git/secretRef");
  if (spec.ingress && spec.ingress->oci_image) {
    judge_secret(spec.ingress->oci_image->secret_ref, "/spec/ingress/ociImage/secretRef");
  }
  for (std::size_t i = 0; spec.exports && spec.exports->targets && i < spec.exports->targets->size(); ++i) {
    judge_secret((*spec.exports->targets)[i].secret_ref, fmt::format("/spec/export/targets/{}/secretRef", i));
  }
  return pointers;
}

CellDocument BoundByLeaf(CellDocument document) {
  Authority& authority = document.spec.authority;
  if (!authority.authority_derivation) return document;
  const Capability& leaf = authority.authority_derivation->leaf_capability;
  if (authority.egress_rules) {
    std::erase_if(*authority.egress_rules, [&](const EgressRule& rule) { return !HasRule(leaf.egress_rules, rule); });
  }
  if (authority.secret_refs) {
    std::erase_if(*authority.secret_refs,
                  [&](const std::string& secret) { return !HasSecret(leaf.secret_refs, secret); });
  }
  return document;
}

}  // namespace spec
