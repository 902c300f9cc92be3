// SPDX-License-Identifier: Apache-2.0
// The rules of one leaf.
#include "evidence/verify/log_checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "event/types.h"
#include "evidence/verify/text_forms.h"

namespace evidence {
namespace {

constexpr std::string_view kFamily = "dev.cellos.events.cell.evidence_log.";
constexpr std::size_t kFirstContradictions = 20;
constexpr std::size_t kSequenceDigits = 20;

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

bool IsSequenceOf(std::string_view text, std::uint64_t index) {
  if (text.size() != kSequenceDigits) return false;
  for (std::size_t i = kSequenceDigits; i-- > 0; index /= 10) {
    if (text[i] != static_cast<char>('0' + index % 10)) return false;
  }
  return index == 0;
}

std::optional<event::Lane> LaneOfName(std::string_view name) {
  for (const event::Lane lane : {event::Lane::kWitnessed, event::Lane::kClaimed, event::Lane::kDerived}) {
    if (event::ToString(lane) == name) return lane;
  }
  return std::nullopt;
}

}  // namespace

// The attributes that every event has; empty when missing or no plain string.
struct LogChecker::Envelope {
  std::string_view specversion, id, source, type, time, sequence, lane, observer, boottimens;
};

base::Result<> LogChecker::ReadEnvelope(Envelope& envelope) const {
  const struct {
    std::string_view name;
    std::string_view& slot;
  } slots[] = {{"boottimens", envelope.boottimens},
               {"id", envelope.id},
               {"lane", envelope.lane},
               {"observer", envelope.observer},
               {"sequence", envelope.sequence},
               {"source", envelope.source},
               {"specversion", envelope.specversion},
               {"time", envelope.time},
               {"type", envelope.type}};
  // Members and slots are both sorted.
  const auto* slot = std::begin(slots);
  for (const JsonMember& member : leaf_.members()) {
    if (IsNull(member.value))
      return Bad(fmt::format("{} is null; what has no value is left out", base::Escape(member.name, 40)));
    while (slot != std::end(slots) && slot->name < member.name) ++slot;
    if (slot == std::end(slots) || slot->name != member.name) continue;
    slot->slot = PlainStringOf(member.value).value_or(std::string_view());
  }
  for (const auto& each : slots) {
    if (each.slot.empty()) return Bad(fmt::format("{} is missing or no string", each.name));
  }
  return {};
}

base::Result<> LogChecker::CheckEnvelope(std::uint64_t index, const Envelope& envelope, LeafFacts& facts) {
  if (envelope.specversion != "1.0")
    return Bad(fmt::format("specversion should be 1.0, found {}", base::Escape(envelope.specversion, 20)));
  if (!IsSequenceOf(envelope.sequence, index)) {
    return Bad(fmt::format("sequence should be {:020}, found {}", index, base::Escape(envelope.sequence, 40)));
  }
  const auto observer = event::ObserverOf(envelope.observer);
  if (!observer) return Bad(fmt::format("\"{}\" is no observer", base::Escape(envelope.observer, 40)));
  const auto lane = LaneOfName(envelope.lane);
  if (!lane || *lane != event::LaneOf(*observer)) {
    return Bad(fmt::format("lane of {} should be {}, found {}", envelope.observer,
                           event::ToString(event::LaneOf(*observer)), base::Escape(envelope.lane, 20)));
  }
  const auto boot = UintOf(envelope.boottimens);
  if (!boot) return Bad("boottimens is no decimal string");
  std::uint64_t& last = last_boot_[static_cast<std::size_t>(*observer)];
  if (*boot < last)
    return Bad(fmt::format("boottimens of {} runs backwards: {} after {}", envelope.observer, *boot, last));
  last = boot_ = *boot;
  if (!EndsInUuid4(envelope.id)) return Bad("id does not end in a random UUID (version 4)");
  if (!IsMillisTime(envelope.time)) return Bad("time is not RFC 3339 with milliseconds and Z");
  facts = {.type = envelope.type, .time = envelope.time, .observer = *observer, .lane = *lane};
  return {};
}

base::Result<> LogChecker::CheckClaim(LeafFacts& facts) const {
  if (facts.type.starts_with(kFamily)) return Bad("a claimed event has a type of the evidence family");
  for (const JsonMember& member : leaf_.data()) {
    if (member.name == "verdict" || member.name == "decision" || member.name == "grant") {
      return Bad(fmt::format("a claimed event carries data.{}", member.name));
    }
  }
  facts.frame_sha256 = PlainStringOf(leaf_.FindData("frameSha256")).value_or(std::string_view());
  if (!IsHexDigest(facts.frame_sha256)) return Bad("a claimed event has no data.frameSha256 of 64 hex digits");
  return {};
}

base::Result<> LogChecker::CheckCites(std::uint64_t index) const {
  JsonArray cites(leaf_.FindData("cites"));
  std::size_t count = 0;
  for (std::string_view cite; cites.Next(cite); ++count) {
    const auto leaf = UintOf(cite);
    if (!leaf || *leaf >= index)
      return Bad(fmt::format("a derived event cites {}, which is no earlier leaf", base::Escape(cite, 40)));
  }
  if (count == 0) return Bad("a derived event cites nothing");
  return {};
}

Interval* LogChecker::FindInterval(event::Observer observer) {
  const auto found = std::ranges::find(summary_.coverage, observer, &Interval::observer);
  return found == summary_.coverage.end() ? nullptr : &*found;
}

base::Result<> LogChecker::OnCoverageOpened(std::uint64_t index) {
  const auto name = PlainStringOf(leaf_.FindData("observer"));
  const auto observer = name ? event::ObserverOf(*name) : std::nullopt;
  auto scope = StringOf(leaf_.FindData("scope"));
  if (!observer || !scope || !IsArray(leaf_.FindData("covers"))) {
    return Bad("coverage_opened lacks a listed observer, a scope or what it covers");
  }
  JsonArray covers(leaf_.FindData("covers"));
  for (std::string_view each; covers.Next(each);) {
    if (!IsString(each)) return Bad("coverage_opened covers something that is no string");
  }
  if (FindInterval(*observer) != nullptr) return Bad(fmt::format("{} opens a second scope", *name));
  summary_.coverage.push_back(
      {.observer = *observer, .scope = *std::move(scope), .opened = index, .opened_boot = boot_});
  return {};
}

base::Result<> LogChecker::OnCoverageClosed(std::uint64_t index) {
  const auto name = PlainStringOf(leaf_.FindData("observer"));
  const auto observer = name ? event::ObserverOf(*name) : std::nullopt;
  Interval* const interval = observer ? FindInterval(*observer) : nullptr;
  if (interval == nullptr || interval->closed) return Bad("coverage_closed of an observer whose interval is not open");
  if (StringOf(leaf_.FindData("scope")) != interval->scope || UintOf(leaf_.FindData("opened")) != interval->opened) {
    return Bad(fmt::format("coverage_closed of {} should name scope \"{}\" and leaf {}", *name,
                           base::Escape(interval->scope), interval->opened));
  }
  interval->holes = TRY_WITH("coverage_closed", ParseHoles(leaf_.FindData("holes")));
  for (const HoleRow& hole : interval->holes) {
    if (hole.from < interval->opened_boot || hole.to > boot_) {
      return Bad(fmt::format("a hole of {} from {} to {} lies outside its interval, {} to {}", *name, hole.from,
                             hole.to, interval->opened_boot, boot_));
    }
  }
  interval->counts = TRY_WITH("coverage_closed", ParseCounts(leaf_.FindData("counters")));
  interval->closed = index;
  return {};
}

base::Result<> LogChecker::OnFinding(std::uint64_t index, const LeafFacts& facts) {
  if (facts.lane != event::Lane::kDerived) return Bad("a finding is not derived");
  if (const Interval* witness = FindInterval(facts.observer); witness != nullptr && witness->closed) {
    return Bad("a finding stands behind the coverage_closed of its observer");
  }
  const auto verdict = PlainStringOf(leaf_.FindData("verdict"));
  if (!IsString(leaf_.FindData("rule")) || !IsString(leaf_.FindData("text")))
    return Bad("a finding lacks rule or text");
  if (verdict == "agree") {
    ++summary_.agree;
  } else if (verdict == "gap") {
    ++summary_.gap;
  } else if (verdict == "contradiction") {
    ++summary_.contradiction;
    summary_.contradictions.Update(std::string_view(fmt::format("{},", index)));
    if (summary_.first_contradictions.size() < kFirstContradictions) summary_.first_contradictions.push_back(index);
  } else {
    return Bad("the verdict of a finding is neither agree, gap nor contradiction");
  }
  return {};
}

base::Result<> LogChecker::OnClosing() {
  for (const Interval& interval : summary_.coverage) {
    if (!interval.closed)
      return Bad(fmt::format("the interval of {} is not closed before closing", event::ToString(interval.observer)));
  }
  ClosingLeaf closing;
  closing.outcome = TRY_WITH("closing", ParseOutcome(leaf_.FindData("outcome")));
  closing.sources = TRY_WITH("closing", ParseSources(leaf_.FindData("sources")));
  closing.coverage = TRY_WITH("closing", ParseCoverage(leaf_.FindData("coverage")));
  summary_.closing = std::move(closing);
  return {};
}

void LogChecker::OnControls() {
  summary_.has_controls = true;
  const std::string_view cgroup = leaf_.FindData("cgroup");
  summary_.has_cgroup_leaf |= IsObject(cgroup) && cgroup != "{}";
}

base::Result<> LogChecker::CheckFamily(std::uint64_t index, const LeafFacts& facts) {
  if (!leaf_.data_is_object()) return Bad("an event of the evidence family has no data");
  if (const std::string_view run = leaf_.FindData("runId"); !run.empty() && PlainStringOf(run) != run_id_) {
    return Bad(fmt::format("data.runId should be {}", run_id_));
  }
  if (facts.type == event::kCoverageOpened) return OnCoverageOpened(index);
  if (facts.type == event::kCoverageClosed) return OnCoverageClosed(index);
  if (facts.type == event::kFinding) return OnFinding(index, facts);
  if (facts.type == event::kClosing) return OnClosing();
  return {};
}

base::Result<LeafFacts> LogChecker::Check(std::uint64_t index, std::string_view line) {
  if (summary_.closing) return Bad("it stands behind closing, which is the last leaf");
  if (!leaf_.Scan(line)) return Bad("it is not the canonical JSON of one object of at most 32 levels");
  Envelope envelope;
  TRY(ReadEnvelope(envelope));
  LeafFacts facts;
  TRY(CheckEnvelope(index, envelope, facts));
  if ((facts.type == event::kLogOpened) != (index == 0)) return Bad("opened is leaf 0, and only leaf 0");
  if (index == 0 && facts.observer != event::Observer::kSupervisor)
    return Bad("the observer of leaf 0 is not supervisor");
  if (facts.lane == event::Lane::kClaimed) TRY(CheckClaim(facts));
  if (facts.lane == event::Lane::kDerived) TRY(CheckCites(index));
  if (facts.type.starts_with(kFamily)) TRY(CheckFamily(index, facts));
  if (facts.type == event::kEffectiveControls && facts.lane == event::Lane::kWitnessed) OnControls();
  if (index == 0) summary_.first_time = facts.time;
  summary_.last_time = facts.time;
  return facts;
}

}  // namespace evidence
