// SPDX-License-Identifier: Apache-2.0
// What the native backend needs of a machine, each tried and not guessed.
#pragma once

#include <string>
#include <vector>

#include "cell/state/state_dir.h"

namespace cli {

enum class Health : std::uint8_t {
  kGood,
  kLimited,  // cells run, but something can't be enforced or used here
  kBad,      // no cell can run here
};

struct Finding {
  std::string what;    // "user namespaces"
  Health health;
  std::string detail;  // what was found
  std::string remedy;  // what helps; empty when all is well
};

// Everything in a fixed order; the last one runs a whole cell with its evidence in a temporary directory.
std::vector<Finding> Examine(const std::string& state_path, const std::string& cgroup_parent);

}  // namespace cli
