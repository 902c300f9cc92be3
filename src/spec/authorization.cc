// SPDX-License-Identifier: Apache-2.0
// Reads authorization policies and judges documents by them.
#include "spec/authorization.h"

#include "spec/policy_tables.h"
#include "spec/primitives.h"
#include "spec/reading.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

Verdict ValidateEntries(const std::vector<std::string>& entries, std::string_view member) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!Trim(entries[i]).empty()) continue;
    return Refuse("empty_entry", fmt::format("/spec/{}/{}", member, i), entries[i], "an entry that is not blank");
  }
  return std::nullopt;
}

Verdict Validate(const AuthorizationPolicy& policy) {
  if (policy.api_version != "cellos.io/v1") {
    return Refuse("bad_api_version", "/apiVersion", policy.api_version, "cellos.io/v1");
  }
  if (policy.kind != "AuthorizationPolicy") return Refuse("bad_kind", "/kind", policy.kind, "AuthorizationPolicy");
  if (policy.spec.subjects.empty()) {
    return Refuse("empty_subjects", "/spec/subjects", "found none; required is at least one");
  }
  if (auto fault = ValidateEntries(policy.spec.subjects, "subjects")) return fault;
  if (auto fault = ValidateEntries(policy.spec.allowed_pools, "allowedPools")) return fault;
  if (auto fault = ValidateEntries(policy.spec.allowed_policy_packs, "allowedPolicyPacks")) return fault;
  if (policy.spec.max_cells_per_hour != 0u) return std::nullopt;
  return Refuse("zero_limit", "/spec/maxCellsPerHour", "found 0; allowed is at least 1");
}

std::string Shown(const std::optional<std::string>& value) {
  return value ? fmt::format("\"{}\"", base::Escape(*value, 80)) : "none";
}

// A non-empty list makes the member mandatory.
bool IsIn(const std::vector<std::string>& list, const std::optional<std::string>& value) {
  return value && std::find(list.begin(), list.end(), *value) != list.end();
}

}  // namespace

std::expected<AuthorizationPolicy, DocumentError> DecodeAuthorizationPolicy(std::string_view text) {
  return Read<AuthorizationPolicy>(text);
}

std::expected<AuthorizationPolicy, DocumentError> ParseAuthorizationPolicy(std::string_view text) {
  auto policy = DecodeAuthorizationPolicy(text);
  if (!policy) return policy;
  if (auto fault = Validate(*policy)) return std::unexpected(std::move(*fault));
  return policy;
}

std::optional<AuthorizationRefusal> EvaluateAuthorization(const AuthorizationPolicy& policy,
                                                          const CellDocument& document,
                                                          const AuthorizationContext& context) {
  const AuthorizationSpec& rules = policy.spec;
  const auto tenant = document.spec.correlation ? document.spec.correlation->tenant_id : std::nullopt;
  const auto subject = context.subject ? context.subject : tenant;
  const bool other_tenant = context.subject && tenant && *tenant != *context.subject;
  if (other_tenant || !IsIn(rules.subjects, subject)) {
    return AuthorizationRefusal{"subject_not_authorized", "/spec/correlation/tenantId",
                                other_tenant
                                    ? fmt::format("found tenant {}; the caller is {}", Shown(tenant), Shown(subject))
                                    : fmt::format("found {}; the policy does not list it", Shown(subject))};
  }
  const auto pool = document.spec.placement ? document.spec.placement->pool_id : std::nullopt;
  if (!rules.allowed_pools.empty() && !IsIn(rules.allowed_pools, pool)) {
    return AuthorizationRefusal{
        "pool_not_allowed", "/spec/placement/poolId",
        fmt::format("found {}; allowed is one of {}", Shown(pool), fmt::join(rules.allowed_pools, ", "))};
  }
  const auto pack = document.spec.policy ? document.spec.policy->pack_id : std::nullopt;
  if (!rules.allowed_policy_packs.empty() && !IsIn(rules.allowed_policy_packs, pack)) {
    return AuthorizationRefusal{
        "policy_pack_not_allowed", "/spec/policy/packId",
        fmt::format("found {}; allowed is one of {}", Shown(pack), fmt::join(rules.allowed_policy_packs, ", "))};
  }
  if (rules.max_cells_per_hour && context.starts_in_last_hour >= *rules.max_cells_per_hour) {
    return AuthorizationRefusal{"rate_limit_exceeded", "/spec/correlation/tenantId",
                                fmt::format("found {} starts in the last hour; allowed are {}",
                                            context.starts_in_last_hour, *rules.max_cells_per_hour)};
  }
  return std::nullopt;
}

}  // namespace spec
