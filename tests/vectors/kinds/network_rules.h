// SPDX-License-Identifier: Apache-2.0
// For the vectors of network observations: rulesets, rules, flow rings, and rounds of rebinding.
#pragma once

#include "vectors/kind.h"

namespace vectors {

Outcome JudgeRulesetJson(const json::Value& record);
Outcome JudgeRuleText(const json::Value& record);
Outcome JudgeFlowRing(const json::Value& record);
Outcome JudgeRebinding(const json::Value& record);

}  // namespace vectors
