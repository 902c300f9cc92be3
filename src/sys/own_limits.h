// SPDX-License-Identifier: Apache-2.0
// This process's own resource limits.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sys {

// Raises the soft limit of `resource` (RLIMIT_…) to `wanted`, or to the hard limit where that is less; one that is higher
// stays. Gives the soft limit as it is then. setrlimit(2)
base::Result<std::uint64_t> RaiseSoftLimit(int resource, std::uint64_t wanted);

}  // namespace sys
