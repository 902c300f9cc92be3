// SPDX-License-Identifier: Apache-2.0
// Data of the events of a refusal (events.md §5, extensions.md §3 admission.v1.refused).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct Violation {
  std::string rule;
  std::string pointer;  // RFC 6901; only in admission.v1.refused
  std::string message;
};

// cell_id and run_id of `cell` are not in it.
Draft PolicyRejectedEvent(const CellRef& cell, const std::vector<Violation>& violations,
                          std::optional<std::string> pack_id, std::optional<std::string> pack_version);

struct AuthzRejected {
  std::string reason;  // subject_not_authorized | pool_not_allowed | policy_pack_not_allowed | rate_limit_exceeded
  std::string message;
  std::optional<std::string> denied_pool_id, denied_policy_pack_id;
};
// `subject` and `tenantId` are the correlation's tenant.
Draft AuthzRejectedEvent(const CellRef& cell, const AuthzRejected& rejected);

// Ours. `reason`: invalid_document | derivation | authz | policy | condition | controls | backend. Ids only when known.
// Violations that do not fit one leaf are left out and counted: `truncated` true, `violationCount` all of them.
struct AdmissionRefused {
  std::string reason;
  std::vector<Violation> violations;
  std::optional<std::string> cell_id, spec_id, run_id;
};
Draft AdmissionRefusedEvent(const AdmissionRefused& refused);

}  // namespace event
