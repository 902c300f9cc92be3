// SPDX-License-Identifier: Apache-2.0
// The second filter of each part, made of its table.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "upstream/system_calls.h"

namespace upstream {

// Allows what CallsOf(part) allows and kills the process at anything else, calls of another architecture too.
std::vector<sock_filter> OwnFilter(Part part);

}  // namespace upstream
