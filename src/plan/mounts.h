// SPDX-License-Identifier: Apache-2.0
// The cell's private root as an ordered list of mounts.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "plan/grants.h"
#include "plan/plan.h"
#include "spec/cell_document.h"

namespace plan {

// Decides the working directory: the document's, else the caller's where a grant holds it, else /workspace with a hint.
// Sets plan.working_directory and the hint; kInvalid when the document names one that would cover the cell's own tree.
base::Result<> PlanWorkingDirectory(const spec::CellDocument& document, const std::vector<PlannedGrant>& grants,
                                    Plan& plan);

// Fills in plan.mounts. Needs plan.working_directory, ids and hostname.
void PlanMounts(const spec::CellDocument& document, const std::vector<PlannedGrant>& grants, Plan& plan);

}  // namespace plan
