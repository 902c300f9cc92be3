// SPDX-License-Identifier: Apache-2.0
// Parsing of counters, intervals and outcomes.
#include "evidence/verify/accounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "evidence/verify/jcs_scan.h"

namespace evidence {
namespace {

// A leaf of 64 KiB holds fewer rows than this, and the seal repeats what a leaf says.
constexpr std::size_t kMaxRows = 4096;

constexpr std::string_view kReasonCodes[] = {
    "completed",   "signal_killed", "timeout",           "ttl_exceeded",           "filter_killed",
    "oom",         "revoked",       "gate_failed",       "agent_silenced",         "init_crashed",
    "vmm_crashed", "interrupted",   "evidence_failed",   "start_failed",           "boot_failed",
    "refused",     "cut",           "command_not_found", "command_not_executable",
};

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

base::Result<std::uint64_t> UintMember(std::string_view object, std::string_view name) {
  const auto value = UintOf(FindMember(object, name));
  if (!value) return Bad(fmt::format("{} is missing or no integer", name));
  return *value;
}

base::Result<std::string> TextMember(std::string_view object, std::string_view name) {
  auto value = StringOf(FindMember(object, name));
  if (!value) return Bad(fmt::format("{} is missing or no string", name));
  return *std::move(value);
}

base::Result<std::uint64_t> DecimalStringMember(std::string_view object, std::string_view name) {
  const auto text = PlainStringOf(FindMember(object, name));
  const auto value = text ? UintOf(*text) : std::nullopt;
  if (!value) return Bad(fmt::format("{} of a hole is no decimal string", name));
  return *value;
}

base::Result<std::string> IntegerOrNull(std::string_view object, std::string_view name) {
  const std::string_view value = FindMember(object, name);
  const bool integer = !value.empty() && (value[0] == '-' || (value[0] >= '0' && value[0] <= '9'));
  if (!integer && !IsNull(value)) return Bad(fmt::format("{} of the outcome is neither an integer nor null", name));
  return std::string(value);
}

base::Result<std::string> ObserverMember(std::string_view object) {
  std::string name = TRY(TextMember(object, "source"));
  if (!event::ObserverOf(name)) return Bad(fmt::format("\"{}\" is no observer", base::Escape(name, 40)));
  return name;
}

// Parses every element of a list with `parse`.
template <class Row>
base::Result<std::vector<Row>> ParseList(std::string_view list, std::string_view what,
                                         base::Result<Row> (*parse)(std::string_view)) {
  if (!IsArray(list)) return Bad(fmt::format("{} is missing or no list", what));
  std::vector<Row> rows;
  JsonArray elements(list);
  for (std::string_view element; elements.Next(element);) {
    if (rows.size() == kMaxRows) return Bad(fmt::format("{} has more than {} entries", what, kMaxRows));
    rows.push_back(TRY(parse(element)));
  }
  return rows;
}

base::Result<HoleRow> ParseHole(std::string_view object) {
  HoleRow hole;
  hole.from = TRY(DecimalStringMember(object, "from"));
  hole.to = TRY(DecimalStringMember(object, "to"));
  hole.why = TRY(TextMember(object, "why"));
  if (hole.from > hole.to) return Bad("a hole ends before it begins");
  return hole;
}

base::Result<SourceRow> ParseSource(std::string_view object) {
  SourceRow row{.source = TRY(ObserverMember(object))};
  row.counts = TRY_WITH(row.source, ParseCounts(object));
  return row;
}

base::Result<IntervalRow> ParseInterval(std::string_view object) {
  IntervalRow row{.source = TRY(ObserverMember(object))};
  row.scope = TRY(TextMember(object, "scope"));
  row.from = TRY(UintMember(object, "from"));
  row.to = TRY(UintMember(object, "to"));
  row.holes = TRY(ParseHoles(FindMember(object, "holes")));
  return row;
}

}  // namespace

base::Result<Counts> ParseCounts(std::string_view object) {
  Counts counts;
  counts.issued = TRY(UintMember(object, "issued"));
  counts.delivered = TRY(UintMember(object, "delivered"));
  counts.dropped = TRY(UintMember(object, "dropped"));
  counts.unknown = TRY(UintMember(object, "unknown"));
  using Wide = unsigned __int128;
  if (Wide{counts.delivered} + counts.dropped + counts.unknown != counts.issued) {
    return Bad(fmt::format("unknown should be issued - delivered - dropped: {} - {} - {}, found {}", counts.issued,
                           counts.delivered, counts.dropped, counts.unknown));
  }
  return counts;
}

base::Result<std::vector<HoleRow>> ParseHoles(std::string_view list) { return ParseList(list, "holes", ParseHole); }

base::Result<std::vector<SourceRow>> ParseSources(std::string_view list) {
  return ParseList(list, "sources", ParseSource);
}

base::Result<std::vector<IntervalRow>> ParseCoverage(std::string_view list) {
  return ParseList(list, "coverage", ParseInterval);
}

base::Result<OutcomeRow> ParseOutcome(std::string_view object) {
  OutcomeRow outcome;
  outcome.reason_code = TRY(TextMember(object, "reasonCode"));
  if (std::ranges::find(kReasonCodes, outcome.reason_code) == std::end(kReasonCodes)) {
    return Bad(fmt::format("\"{}\" is no reason code", base::Escape(outcome.reason_code, 40)));
  }
  outcome.exit_code = TRY(IntegerOrNull(object, "exitCode"));
  outcome.signal = TRY(IntegerOrNull(object, "signal"));
  return outcome;
}

}  // namespace evidence
