// SPDX-License-Identifier: Apache-2.0
// Reads policy packs and checks them in themselves.
#include "spec/policy_pack.h"

#include "spec/policy_tables.h"
#include "spec/primitives.h"
#include "spec/reading.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

Verdict ValidateLimit(const std::optional<std::uint64_t>& limit, std::string_view name) {
  if (!limit || *limit != 0) return std::nullopt;
  return Refuse("zero_limit", fmt::format("/spec/rules/{}", name), "found 0; allowed is at least 1");
}

Verdict ValidateRules(const PolicyRules& rules) {
  if (auto fault = ValidateLimit(rules.max_lifetime_ttl_seconds, "maxLifetimeTtlSeconds")) return fault;
  if (auto fault = ValidateLimit(rules.max_memory_max_bytes, "maxMemoryMaxBytes")) return fault;
  if (auto fault = ValidateLimit(rules.max_run_timeout_ms, "maxRunTimeoutMs")) return fault;
  if (rules.require_egress_declared && rules.forbid_outbound_egress_rules) {
    return Refuse("conflicting_rules", "/spec/rules/forbidOutboundEgressRules",
                  "found together with requireEgressDeclared; allowed is one of them");
  }
  for (std::size_t i = 0; i < rules.allowed_egress_hosts.size(); ++i) {
    if (!rules.allowed_egress_hosts[i].empty()) continue;
    return Refuse("empty_pattern", fmt::format("/spec/rules/allowedEgressHosts/{}", i), "", "*, *.x or a host");
  }
  return std::nullopt;
}

Verdict ValidateVersion(const std::optional<std::string>& version, PackFloor floor) {
  constexpr auto kPointer = "/spec/version";
  if (!version) return std::nullopt;
  const auto parsed = ParseSemver(*version);
  if (!parsed) return Refuse("bad_version", kPointer, *version, "MAJOR.MINOR.PATCH without leading zeros");
  if (parsed->major >= 1 || floor == PackFloor::kLifted) return std::nullopt;
  return Refuse("version_too_old", kPointer, *version, "1.0.0 or newer");
}

Verdict Validate(const PolicyPack& pack, PackFloor floor) {
  if (pack.api_version != "cellos.io/v1") {
    return Refuse("bad_api_version", "/apiVersion", pack.api_version, "cellos.io/v1");
  }
  if (pack.kind != "PolicyPack") return Refuse("bad_kind", "/kind", pack.kind, "PolicyPack");
  if (!IsPortableId(pack.spec.id)) return Refuse("bad_identifier", "/spec/id", pack.spec.id, "a portable id");
  if (auto fault = ValidateVersion(pack.spec.version, floor)) return fault;
  return ValidateRules(pack.spec.rules);
}

std::expected<void, DocumentError> ToExpected(Verdict fault) {
  if (fault) return std::unexpected(std::move(*fault));
  return {};
}

}  // namespace

std::expected<PolicyPack, DocumentError> DecodePolicyPack(std::string_view text) { return Read<PolicyPack>(text); }

std::expected<void, DocumentError> CheckPackVersion(const std::optional<std::string>& version, PackFloor floor) {
  return ToExpected(ValidateVersion(version, floor));
}

std::expected<void, DocumentError> ValidatePolicyPack(const PolicyPack& pack, PackFloor floor) {
  return ToExpected(Validate(pack, floor));
}

std::expected<PolicyPack, DocumentError> ParsePolicyPack(std::string_view text, PackFloor floor) {
  auto pack = DecodePolicyPack(text);
  if (!pack) return pack;
  auto valid = ValidatePolicyPack(*pack, floor);
  if (!valid) return std::unexpected(std::move(valid).error());
  return pack;
}

}  // namespace spec
