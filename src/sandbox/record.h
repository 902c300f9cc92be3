// SPDX-License-Identifier: Apache-2.0
// From a plan to the sealed record that cellos-init starts from.
#pragma once

#include <chrono>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/plan.h"

namespace sandbox {

// Sealed memory with the encoded wire::InitRecord. kLimit when argv, environment or a filter break its bounds; a plan
// without filters is kInternal.
base::Result<base::UniqueFd> MakeRecord(const plan::Plan& plan, std::chrono::nanoseconds ttl_deadline);

}  // namespace sandbox
