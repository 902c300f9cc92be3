// SPDX-License-Identifier: Apache-2.0
// Values that people write: sizes, times, numbers. Each refuses what it does not understand, with what is allowed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace cli {

// "512", "512K", "1.5G", "64MiB": bytes; K, M, G, T are powers of 1024. At least 1.
base::Result<std::uint64_t> ParseBytes(std::string_view text);

// "90" (seconds), "500ms", "90s", "15m", "2h", "30d". At least 1 ms, less than 100 years.
base::Result<std::chrono::milliseconds> ParseTime(std::string_view text);

// "2", "0.5": processors, in microseconds of time per 100 ms. At least 0.01.
base::Result<std::uint64_t> ParseCpuQuota(std::string_view text);

// Plain decimal, at least 1.
base::Result<std::uint64_t> ParseCount(std::string_view text);

// "30d", "3600s" of whole seconds for what can't be finer.
base::Result<std::chrono::seconds> ParseWholeSeconds(std::string_view text);

}  // namespace cli
