// SPDX-License-Identifier: Apache-2.0
// Counters, intervals and outcome as they stand in coverage_closed, closing and the seal (evidence.md §5, §6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/draft.h"

namespace evidence {

// All parsers take spans that JcsScanner accepted; further members are allowed. kInvalid says what is wrong.

struct Counts {
  std::uint64_t issued = 0, delivered = 0, dropped = 0, unknown = 0;
  bool operator==(const Counts&) const = default;
  bool lossless() const { return dropped == 0 && unknown == 0; }
};
// unknown = issued - delivered - dropped, exactly.
base::Result<Counts> ParseCounts(std::string_view object);

struct HoleRow {
  std::uint64_t from = 0, to = 0;  // boottimens
  std::string why;
  bool operator==(const HoleRow&) const = default;
};
base::Result<std::vector<HoleRow>> ParseHoles(std::string_view list);

struct SourceRow {
  std::string source;
  Counts counts;
  bool operator==(const SourceRow&) const = default;
};
// Every source is a listed observer.
base::Result<std::vector<SourceRow>> ParseSources(std::string_view list);

struct IntervalRow {
  std::string source, scope;
  std::uint64_t from = 0, to = 0;  // leaves of coverage_opened and coverage_closed
  std::vector<HoleRow> holes;
  bool operator==(const IntervalRow&) const = default;
};
base::Result<std::vector<IntervalRow>> ParseCoverage(std::string_view list);

// Exit code and signal as their text: an integer or null.
struct OutcomeRow {
  std::string reason_code, exit_code, signal;
  bool operator==(const OutcomeRow&) const = default;
};
base::Result<OutcomeRow> ParseOutcome(std::string_view object);

// How an interval ran in the log.
struct Interval {
  event::Observer observer{};
  std::string scope;
  std::uint64_t opened = 0, opened_boot = 0;  // leaf and boottimens
  std::optional<std::uint64_t> closed;        // leaf
  std::vector<HoleRow> holes;
  Counts counts;
};

}  // namespace evidence
