// SPDX-License-Identifier: Apache-2.0
// How many cells a subject started within the last hour, across supervisors (AuthorizationPolicy maxCellsPerHour).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "cell/state/state_dir.h"

namespace cell {

// Counts under a lock, and notes this start when fewer than `limit` came before it. Returns how many did. A file that
// can't be read or written is an error: a limit that can't be kept refuses the start.
base::Result<std::uint32_t> CountStart(const StateDir& state, std::string_view subject, std::uint32_t limit,
                                       base::WallTime now);

}  // namespace cell
