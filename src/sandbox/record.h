// SPDX-License-Identifier: Apache-2.0
// From a plan to the sealed memory that the cell's own programs start from.
#pragma once

#include <chrono>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/plan.h"

namespace sandbox {

// Sealed memory with the encoded wire::InitRecord. kLimit when argv, environment or a filter break its bounds; a plan
// without filters is kInternal.
base::Result<base::UniqueFd> MakeRecord(const plan::Plan& plan, std::chrono::nanoseconds ttl_deadline);

// For the witness: sealed memory with the encoded wire::AgentConfig, and a page of zeros (wire::AgentPage) whose size is
// sealed.
base::Result<base::UniqueFd> MakeAgentConfig(const plan::TelemetryPlan& telemetry);
base::Result<base::UniqueFd> MakeAgentPage();

}  // namespace sandbox
