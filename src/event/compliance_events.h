// SPDX-License-Identifier: Apache-2.0
// Data of the summaries at the end of a run: compliance and homeostasis (events.md §5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct ComplianceSummary {
  std::uint64_t lifetime_ttl_seconds = 0;
  std::uint64_t egress_rule_count = 0;
  bool resource_limits_present = false;
  std::string secret_delivery_mode = "env";  // env | runtimeBroker | runtimeLeasedBroker; env when there is no run
  std::uint64_t export_target_count = 0;
  std::optional<std::string> policy_pack_id, policy_pack_version, policy_bundle_digest;
  std::optional<Placement> placement;
  std::optional<std::int32_t> command_exit_code;
  std::vector<std::string> subject_urns;  // left out when empty
};
Draft ComplianceSummaryEvent(const CellRef& cell, const ComplianceSummary& summary);

struct EgressRule {
  std::string host;
  std::uint16_t port = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> dns_egress_justification;
};
// Something granted and not used: an egress rule, or the name of a secret.
using Removal = std::variant<EgressRule, std::string>;

struct Homeostasis {
  std::string spec_hash;  // "sha256:…"
  std::uint64_t declared_egress_rules = 0;
  std::optional<std::uint64_t> exercised_egress;  // rules that carried an accepted flow; absent: not known
  std::string why_not_known = "telemetry_pending_L2-04";
  std::uint64_t declared_mount_paths = 0, accessed_mount_paths = 0;
  std::uint64_t declared_secret_count = 0;
  std::vector<Removal> recommended_removals;
};
// The log carries the ratio as its two integers; PublishedForm adds `authorityEfficiency`.
Draft HomeostasisEvent(const CellRef& cell, const Homeostasis& homeostasis);

// exercised / declared within 0…1; 1 when nothing was declared or `exercised` is not known.
double AuthorityEfficiency(std::uint64_t declared, std::optional<std::uint64_t> exercised);

struct HomeostasisViolation {
  std::string cell_id;
  std::uint64_t declared_egress_rules = 0, exercised_egress = 0;
  std::uint64_t overage = 0;  // flows under no rule
  std::string spec_hash;      // "sha256:…"
};
Draft HomeostasisViolationEvent(const HomeostasisViolation& violation);

}  // namespace event
