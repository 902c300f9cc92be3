// SPDX-License-Identifier: Apache-2.0
// Data of the events of a refusal.
#include "event/admission_events.h"

#include "event/cell_ref_members.h"

namespace event {

Draft PolicyRejectedEvent(const CellRef& cell, const std::vector<Violation>& violations,
                          std::optional<std::string> pack_id, std::optional<std::string> pack_version) {
  std::vector<std::string> rows;
  for (const Violation& violation : violations) {
    Object row;
    row.AddCut("message", std::string_view(violation.message)).Add("rule", violation.rule);
    rows.push_back(row.Take());
  }
  Object object;
  AddCorrelation(object, cell);
  object.Add("policyPackId", pack_id);
  object.Add("policyPackVersion", pack_version);
  object.Add("specId", cell.spec_id);
  object.Add("violationCount", violations.size());
  object.AddCut("violations", rows);
  return Finish(kPolicyRejected, std::move(object));
}

Draft AuthzRejectedEvent(const CellRef& cell, const AuthzRejected& rejected) {
  Object object;
  AddCorrelation(object, cell);
  object.Add("deniedPolicyPackId", rejected.denied_policy_pack_id);
  object.Add("deniedPoolId", rejected.denied_pool_id);
  object.AddCut("message", std::string_view(rejected.message));
  object.Add("reason", rejected.reason);
  object.Add("specId", cell.spec_id);
  object.Add("subject", TenantOf(cell));
  object.Add("tenantId", TenantOf(cell));
  return Finish(kAuthzRejected, std::move(object));
}

Draft AdmissionRefusedEvent(const AdmissionRefused& refused) {
  std::vector<std::string> rows;
  for (const Violation& violation : refused.violations) {
    Object row;
    row.AddCut("message", std::string_view(violation.message));
    row.AddCut("pointer", std::string_view(violation.pointer));
    row.Add("rule", violation.rule);
    rows.push_back(row.Take());
  }
  Object object;
  object.Add("cellId", refused.cell_id);
  object.Add("reason", refused.reason);
  object.Add("runId", refused.run_id);
  object.Add("specId", refused.spec_id);
  object.Add("violationCount", refused.violations.size());
  object.AddCut("violations", rows);
  return Finish(kAdmissionRefused, std::move(object));
}

}  // namespace event
