// SPDX-License-Identifier: Apache-2.0
// The words that a plan is written in, for people and for plan.json alike.
#pragma once

#include <string_view>

#include "plan/plan.h"

namespace plan {

std::string_view ToString(Mount::Kind kind);
std::string_view ToString(base::CgroupHierarchy hierarchy);
std::string_view ToString(base::FileKind kind);

}  // namespace plan
