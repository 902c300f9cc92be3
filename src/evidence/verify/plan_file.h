// SPDX-License-Identifier: Apache-2.0
// What evidence needs of plan.json: that it is the plan of the run, and which sources it requires.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/verify/run_files.h"

namespace evidence {

struct PlanFile {
  bool present = false;
  std::string sha256;                         // hex, of the file
  std::vector<std::string> required_sources;  // as written; of a refused run those of refusal
  std::string backend = "native";             // as written, where it is
};

// plan.json is there if and only if leaf 0 has a digest of it, its bytes have that digest, are canonical, and name the
// required sources once each. kInvalid says what is wrong.
base::Result<PlanFile> ReadPlanFile(const RunFiles& files, const std::optional<std::string>& plan_digest);

}  // namespace evidence
