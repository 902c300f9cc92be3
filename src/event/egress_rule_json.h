// SPDX-License-Identifier: Apache-2.0
// For the builders of event data only: one egress rule as JSON.
#pragma once

#include <string>

#include "event/compliance_events.h"

namespace event {

std::string EgressRuleJson(const EgressRule& rule, bool with_kind);

}  // namespace event
