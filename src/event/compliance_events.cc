// SPDX-License-Identifier: Apache-2.0
// Data of the summaries at the end of a run.
#include "event/compliance_events.h"

#include <algorithm>

#include "event/cell_ref_members.h"
#include "event/egress_rule_json.h"

namespace event {

Draft ComplianceSummaryEvent(const CellRef& cell, const ComplianceSummary& summary) {
  Object object = Begin(cell);
  object.Add("commandExitCode", summary.command_exit_code);
  object.Add("egressRuleCount", summary.egress_rule_count);
  object.Add("exportTargetCount", summary.export_target_count);
  object.Add("lifetimeTtlSeconds", summary.lifetime_ttl_seconds);
  AddPlacement(object, summary.placement);
  object.Add("policyBundleDigest", summary.policy_bundle_digest);
  object.Add("policyPackId", summary.policy_pack_id);
  object.Add("policyPackVersion", summary.policy_pack_version);
  object.Add("resourceLimitsPresent", summary.resource_limits_present);
  object.Add("secretDeliveryMode", summary.secret_delivery_mode);
  std::vector<std::string> subjects;
  for (const std::string& subject : summary.subject_urns) subjects.push_back(Quoted(subject));
  if (!subjects.empty()) object.AddCut("subjectUrns", subjects);
  return Finish(kComplianceSummary, std::move(object));
}

std::string EgressRuleJson(const EgressRule& rule, bool with_kind) {
  Object object;
  object.Add("dnsEgressJustification", rule.dns_egress_justification);
  object.Add("host", rule.host);
  if (with_kind) object.Add("kind", "egressRule");
  object.Add("port", rule.port);
  object.AddOrNull("protocol", rule.protocol);
  return object.Take();
}

namespace {

std::string RemovalJson(const Removal& removal) {
  if (const auto* rule = std::get_if<EgressRule>(&removal)) return EgressRuleJson(*rule, true);
  Object object;
  object.Add("kind", "secretRef").Add("name", std::get<std::string>(removal));
  return object.Take();
}

}  // namespace

Draft HomeostasisEvent(const CellRef& cell, const Homeostasis& homeostasis) {
  std::vector<std::string> removals;
  for (const Removal& removal : homeostasis.recommended_removals) removals.push_back(RemovalJson(removal));
  Object object = Begin(cell);
  object.Add("accessedMountPaths", homeostasis.accessed_mount_paths);
  object.Add("declaredEgressRules", homeostasis.declared_egress_rules);
  object.Add("declaredMountPaths", homeostasis.declared_mount_paths);
  object.Add("declaredSecretCount", homeostasis.declared_secret_count);
  object.AddOrNull("exercisedEgressConnections", homeostasis.exercised_egress);
  if (!homeostasis.exercised_egress) object.Add("exercisedEgressReason", homeostasis.why_not_known);
  object.AddCut("recommendedRemovals", removals);
  object.Add("specHash", homeostasis.spec_hash);
  return Finish(kHomeostasis, std::move(object));
}

double AuthorityEfficiency(std::uint64_t declared, std::optional<std::uint64_t> exercised) {
  if (declared == 0 || !exercised) return 1.0;
  return std::min(1.0, static_cast<double>(*exercised) / static_cast<double>(declared));
}

Draft HomeostasisViolationEvent(const HomeostasisViolation& violation) {
  Object object;
  object.Add("cellId", violation.cell_id);
  object.Add("declaredEgressRuleCount", violation.declared_egress_rules);
  object.Add("exercisedEgressConnections", violation.exercised_egress);
  object.Add("overage", violation.overage);
  object.Add("severity", "critical");
  object.Add("specHash", violation.spec_hash);
  return Finish(kHomeostasisViolation, std::move(object));
}

}  // namespace event
