// SPDX-License-Identifier: Apache-2.0
// Run ids: what they may be, and how one is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cell {

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}: also a safe file name.
bool IsRunId(std::string_view text);

// "<spec id, at most 96 bytes>-<UTC yyyymmddThhmmss>-<8 hex>". `spec_id` is a portable id.
std::string MakeRunId(std::string_view spec_id, base::WallTime now, std::uint32_t random);

}  // namespace cell
