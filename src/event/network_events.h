// SPDX-License-Identifier: Apache-2.0
// Data of the events about scope, policy and enforcement (events.md §6.1) and of our isolation events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/compliance_events.h"
#include "event/draft.h"

namespace event {

// `opaque_network` : authority.network is present.
Draft NetworkScopeEvent(const CellRef& cell, std::uint64_t egress_rule_count, bool opaque_network);

Draft NetworkPolicyEvent(const CellRef& cell, const std::vector<EgressRule>& declared,
                         std::string_view isolation_mode = "clone_newnet");

struct NetworkEnforcement {
  bool nft_rules_applied = false;
  std::uint64_t declared_egress_rule_count = 0;
  std::int32_t command_exit_code = -1;
  std::optional<std::string> spawn_error;
  std::string isolation_mode = "clone_newnet";
};
Draft NetworkEnforcementEvent(const CellRef& cell, const NetworkEnforcement& enforcement);

// The five capability sets of the workload's /proc/<pid>/status after exec.
struct CapabilitySets {
  std::uint64_t effective = 0, permitted = 0, bounding = 0, ambient = 0, inheritable = 0;
};
// What makes a process privileged, were it in the initial user namespace: any capability it holds or can hand on (a
// bounding set alone gives none). In a user namespace of its own it is not.
bool HoldsAny(const CapabilitySets& sets);
// Without `sets` the event has neither them nor `privileged`.
Draft ContainerSecurityEvent(const CellRef& cell, const std::optional<CapabilitySets>& sets, bool privileged);

// The sets as texts of 16 hex digits, kept as they are.
struct CapabilityTexts {
  std::string effective, permitted, bounding, ambient, inheritable;
};
Draft ContainerSecurityEvent(const CellRef& cell, const CapabilityTexts& sets, bool privileged);

// Ours. `data` is what sandbox::EffectiveControls::ToJson gives: the whole data object in JCS form.
Draft EffectiveControlsEvent(std::string data);

// Ours. asked_by: document | policy | commandLine.
Draft IsolationRelaxedEvent(const CellRef& cell, std::string_view relaxation, std::string_view asked_by,
                            std::string_view why);

}  // namespace event
