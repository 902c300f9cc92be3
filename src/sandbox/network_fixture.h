// SPDX-License-Identifier: Apache-2.0
// For tests: the plan of a cell with a gate, made by hand.
#pragma once

#include <string>

#include "plan/plan.h"

namespace sandbox::testing {

// A plan for `bash -c script` with one TCP and one UDP rule of 203.0.113.9; with `secrets`, also the secret socket.
plan::Plan NetworkPlanFor(const std::string& script, bool secrets);

}  // namespace sandbox::testing
