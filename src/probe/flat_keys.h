// SPDX-License-Identifier: Apache-2.0
// Parser of the kernel's flat-keyed files: memory.events, cpu.stat, pids.events, memory.oom_control (cgroup-v2.rst).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace probe {

inline constexpr std::size_t kMaxFlatKeysBytes = 64u << 10;

using FlatKeys = std::map<std::string, std::uint64_t>;

// Lines of a key and an unsigned decimal, split at white space; further words are ignored, blank lines skipped, the last
// of two equal keys wins, a leading '+' passes. kInvalid "flat-kv line N: …" for anything else, and for more than
// kMaxFlatKeysBytes.
base::Result<FlatKeys> ParseFlatKeys(std::string_view text);

// The keys as a JSON object in JCS form.
std::string ToJson(const FlatKeys& keys);

}  // namespace probe
