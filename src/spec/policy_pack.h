// SPDX-License-Identifier: Apache-2.0
// Policy packs: what a deployment demands of every document it runs.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

// Caller identity to the names of secrets it may ask for, sorted by caller.
using SecretRefAllowlist = std::vector<std::pair<std::string, std::vector<std::string>>>;

struct PolicyRules {
  std::optional<std::uint64_t> max_lifetime_ttl_seconds, max_memory_max_bytes, max_run_timeout_ms;
  bool require_egress_declared = false, forbid_outbound_egress_rules = false;
  std::vector<std::string> allowed_egress_hosts;  // empty: no limit
  bool require_runtime_secret_delivery = false, require_resource_limits = false;
  std::optional<bool> flag_dns_egress_without_acknowledgment, require_dns_egress_justification;
  std::optional<SecretRefAllowlist> secret_ref_allowlist;
};

// Hosts the pack is for: every member given must equal the host's. Not validated.
struct PolicyScope {
  std::optional<std::string> pool_id, kubernetes_namespace, queue_name;
};

struct PolicyPackSpec {
  std::string id;
  std::optional<std::string> description, version;
  std::optional<PolicyScope> placement;
  PolicyRules rules;
};

struct PolicyPack {
  std::string api_version, kind;
  PolicyPackSpec spec;
};

// What CELLOS_POLICY_ALLOW_DOWNGRADE decides: packs older than 1.0.0 pass the floor, and nothing else.
enum class PackFloor : std::uint8_t { kEnforced, kLifted };

std::expected<PolicyPack, DocumentError> DecodePolicyPack(std::string_view text);
// The checks of the pack itself, in their order; the first one broken is the error.
std::expected<void, DocumentError> ValidatePolicyPack(const PolicyPack& pack, PackFloor floor = PackFloor::kEnforced);
std::expected<PolicyPack, DocumentError> ParsePolicyPack(std::string_view text, PackFloor floor = PackFloor::kEnforced);
// The version rule alone: bad_version, version_too_old.
std::expected<void, DocumentError> CheckPackVersion(const std::optional<std::string>& version, PackFloor floor);

struct PolicyContext {
  // Of the host, not of the document: a document cannot leave the scope of a pack by naming no placement.
  Placement host_placement;
  std::string caller = "default";  // CELLOS_CALLER_IDENTITY
};

// All violations of the pack's rules, in the order of its members; `rule` is the member's name. Empty when the host is
// outside the pack's scope.
std::vector<Violation> EvaluatePolicy(const PolicyPack& pack, const CellDocument& document,
                                      const PolicyContext& context);

// Of a violation of secretRefAllowlist: caller_unmapped or secret_ref_denied; nullopt when the caller may have every
// secret.
std::optional<std::string_view> JudgeSecretRefs(const PolicyRules& rules, const Authority& authority,
                                                std::string_view caller);

// Where the document claims packId, packVersion or bundleDigest (sha256:… of the pack's bytes), each must be that of
// the loaded pack; `pack` is nullptr when none is loaded, which matches no claim.
std::vector<Violation> JudgePolicyClaim(const CellDocument& document, const PolicyPack* pack,
                                        std::string_view pack_digest);

}  // namespace spec
