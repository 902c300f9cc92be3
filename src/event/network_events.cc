// SPDX-License-Identifier: Apache-2.0
// Data of the events about scope, policy, enforcement and isolation.
#include "event/network_events.h"

#include <fmt/format.h>

#include "event/cell_ref_members.h"
#include "event/egress_rule_json.h"

namespace event {

Draft NetworkScopeEvent(const CellRef& cell, std::uint64_t egress_rule_count, bool opaque_network) {
  Object object = Begin(cell);
  object.Add("egressRuleCount", egress_rule_count);
  object.Add("hasOpaqueNetworkAuthority", opaque_network);
  return Finish(kNetworkScope, std::move(object));
}

Draft NetworkPolicyEvent(const CellRef& cell, const std::vector<EgressRule>& declared,
                         std::string_view isolation_mode) {
  std::vector<std::string> rules;
  for (const EgressRule& rule : declared) rules.push_back(EgressRuleJson(rule, false));
  Object object = Begin(cell);
  object.AddCut("declaredEgress", rules);
  object.Add("declaredEgressCount", declared.size());
  object.Add("isolationMode", isolation_mode);
  return Finish(kNetworkPolicy, std::move(object));
}

Draft NetworkEnforcementEvent(const CellRef& cell, const NetworkEnforcement& enforcement) {
  Object object = Begin(cell);
  object.Add("commandExitCode", enforcement.command_exit_code);
  object.Add("declaredEgressRuleCount", enforcement.declared_egress_rule_count);
  object.Add("isolationMode", enforcement.isolation_mode);
  object.Add("nftRulesApplied", enforcement.nft_rules_applied);
  object.AddCut("spawnError", enforcement.spawn_error);
  object.Add("supplementaryEgressFilterActive",
             enforcement.nft_rules_applied && enforcement.declared_egress_rule_count > 0);
  return Finish(kNetworkEnforcement, std::move(object));
}

bool HoldsAny(const CapabilitySets& sets) {
  return (sets.effective | sets.permitted | sets.ambient | sets.inheritable) != 0;
}

Draft ContainerSecurityEvent(const CellRef& cell, const std::optional<CapabilitySets>& sets, bool privileged) {
  if (!sets) return Finish(kContainerSecurity, BeginShort(cell));
  const auto hex = [](std::uint64_t set) { return fmt::format("{:016x}", set); };
  return ContainerSecurityEvent(cell,
                                CapabilityTexts{.effective = hex(sets->effective),
                                                .permitted = hex(sets->permitted),
                                                .bounding = hex(sets->bounding),
                                                .ambient = hex(sets->ambient),
                                                .inheritable = hex(sets->inheritable)},
                                privileged);
}

Draft ContainerSecurityEvent(const CellRef& cell, const CapabilityTexts& sets, bool privileged) {
  Object object;
  object.Add("capAmb", sets.ambient);
  object.Add("capBnd", sets.bounding);
  object.Add("capEff", sets.effective);
  object.Add("capInh", sets.inheritable);
  object.Add("capPrm", sets.permitted);
  object.Add("cellId", cell.cell_id);
  object.Add("privileged", privileged);
  object.Add("runId", cell.run_id);
  return Finish(kContainerSecurity, std::move(object));
}

Draft EffectiveControlsEvent(std::string data) {
  return {.type = kEffectiveControls, .source = kSourceSupervisor, .data = std::move(data)};
}

Draft IsolationRelaxedEvent(const CellRef& cell, std::string_view relaxation, std::string_view asked_by,
                            std::string_view why) {
  Object object = BeginShort(cell);
  object.Add("askedBy", asked_by);
  object.Add("relaxation", relaxation);
  object.AddCut("why", why);
  return Finish(kIsolationRelaxed, std::move(object));
}

}  // namespace event
