// SPDX-License-Identifier: Apache-2.0
// Times as signed documents write them (RFC 3339).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace spec {

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

// Date, 'T', time, optional fraction, 'Z' or an offset; letters in either case. A leap second counts as the second
// before. nullopt for anything else and for years outside 1678 to 2261.
std::optional<Time> ParseTime(std::string_view text);

}  // namespace spec
