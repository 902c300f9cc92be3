// SPDX-License-Identifier: Apache-2.0
// The metrics lines of a VMM: cut from a byte stream, read strictly, their increments summed (telemetry.md §4.2).
// Every byte comes from a process that a guest may have taken over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace probe {

inline constexpr std::size_t kMaxMetricsLine = 1u << 20;

// Lines of a stream that comes in pieces. Holds at most one line of kMaxMetricsLine and the piece added last.
class MetricsLines {
 public:
  void Add(std::string_view bytes);
  // The next line without LF; nullopt until more is added. kLimit in the place of a line that was too long.
  std::optional<base::Result<std::string>> Next();

 private:
  std::string bytes_;
  bool skipping_ = false;  // inside a line that was too long
};

// False for what a line gives as its last value (a maximum, a start-up time), true for what it gives as the increment
// since the line before. `group` is the member of the line, of a device's own group too ("net_eth0"); `member` the last
// name of the path.
bool IsIncrement(std::string_view group, std::string_view member);

// Running sums of the increments of all lines. Memory is bounded: at most kMaxFigures of names of letters, digits, '_',
// '-', at most three deep; sums stop at 2^64-1.
class MetricsTotals {
 public:
  static constexpr std::size_t kMaxFigures = 2048;
  // Adds one line and gives it in JCS form, otherwise unchanged. kInvalid, and nothing is added: no object, nested more
  // than 8 deep, a number that is no 64-bit integer, a member given twice.
  base::Result<std::string> Add(std::string_view line);
  // Nested as in the lines, members sorted.
  std::string ToJson() const;
  // Increments that found no room: their names are none, are those of something else, or kMaxFigures were there before.
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Figure {
    std::uint64_t sum = 0;
    std::map<std::string, Figure, std::less<>> members;  // not empty: no figure but a group
  };
  friend class MetricsAdder;
  static std::string ToJson(const Figure& group);
  Figure root_;
  std::size_t figures_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace probe
