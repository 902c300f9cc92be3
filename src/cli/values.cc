// SPDX-License-Identifier: Apache-2.0
// Decimal numbers with a unit, in whole arithmetic: no rounding that depends on a locale or a float.
#include "cli/values.h"

#include <optional>
#include <span>
#include <string>

#include "base/encoding.h"

namespace cli {
namespace {

using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kSizes[] = {{"", 1},          {"B", 1},          {"K", 1ull << 10},   {"KiB", 1ull << 10},
                           {"M", 1ull << 20}, {"MiB", 1ull << 20}, {"G", 1ull << 30},   {"GiB", 1ull << 30},
                           {"T", 1ull << 40}, {"TiB", 1ull << 40}};
constexpr Unit kTimes[] = {{"", 1000},     {"ms", 1},           {"s", 1000},
                           {"m", 60'000},  {"h", 3'600'000},    {"d", 86'400'000}};
constexpr Unit kCpus[] = {{"", 100'000}};
constexpr Unit kPlain[] = {{"", 1}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// digits [ "." digits ] unit, as a whole number of the smallest unit; nullopt when it is no such text or does not fit.
std::optional<std::uint64_t> Parse(std::string_view text, std::span<const Unit> units) {
  Wide value = 0, scale = 1;
  std::size_t i = 0;
  const auto digits = [&](bool fraction) {
    const std::size_t start = i;
    for (; i < text.size() && IsDigit(text[i]); ++i) {
      value = value * 10 + static_cast<unsigned>(text[i] - '0');
      if (fraction) scale *= 10;
      if (i - start > 20) return false;
    }
    return i > start;
  };
  if (!digits(false)) return std::nullopt;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits(true) || scale > 1'000'000'000) return std::nullopt;
  }
  for (const auto& unit : units) {
    if (text.substr(i) != unit.name) continue;
    if (value > ~Wide{0} / unit.factor) return std::nullopt;
    const Wide exact = value * unit.factor;
    if (exact % scale != 0 || exact / scale > ~std::uint64_t{0}) return std::nullopt;
    return static_cast<std::uint64_t>(exact / scale);
  }
  return std::nullopt;
}

base::Result<std::uint64_t> Bounded(std::string_view text, std::span<const Unit> units, std::uint64_t least,
                                    std::uint64_t most, std::string_view allowed) {
  const auto value = Parse(text, units);
  if (value && *value >= least && *value <= most) return *value;
  return base::Fail(base::ErrorKind::kInvalid,
                    "\"" + base::Escape(text) + "\" is not allowed here; allowed is " + std::string(allowed));
}

constexpr std::uint64_t kMostMillis = 100ull * 365 * 86'400'000;

}  // namespace

base::Result<std::uint64_t> ParseBytes(std::string_view text) {
  return Bounded(text, kSizes, 1, ~std::uint64_t{0}, "a size like 1048576, 512M or 1.5G, at least 1");
}

base::Result<std::chrono::milliseconds> ParseTime(std::string_view text) {
  return std::chrono::milliseconds(
      TRY(Bounded(text, kTimes, 1, kMostMillis, "a time like 90 (seconds), 500ms, 90s, 15m, 2h or 30d, more than 0")));
}

base::Result<std::uint64_t> ParseCpuQuota(std::string_view text) {
  return Bounded(text, kCpus, 1000, ~std::uint64_t{0}, "a number of processors like 2 or 0.5, at least 0.01");
}

base::Result<std::uint64_t> ParseCount(std::string_view text) {
  return Bounded(text, kPlain, 1, ~std::uint64_t{0}, "a whole number of at least 1");
}

base::Result<std::chrono::seconds> ParseWholeSeconds(std::string_view text) {
  const auto time = TRY(ParseTime(text));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  if (seconds != time) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "\"" + base::Escape(text) + "\" is not allowed here; allowed are whole seconds");
  }
  return seconds;
}

}  // namespace cli
