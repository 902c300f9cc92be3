// SPDX-License-Identifier: Apache-2.0
// Observers, losses and clocks, leaf by leaf.
#include "evidence/witness/channel_facts.h"

#include <algorithm>

#include "event/types.h"
#include "spec/telemetry_names.h"

namespace evidence {
namespace {

using event::Observer;

struct Source {
  Claim claim;
  std::string_view name, type;
};
constexpr Source kSources[kClaims] = {
    {Claim::kSpawned, "process.spawned", event::kGuestProcessSpawned},
    {Claim::kExited, "process.exited", event::kGuestProcessExited},
    {Claim::kDenied, "capability.denied", event::kGuestCapabilityDenied},
    {Claim::kInotify, "fs.inotify_fired", event::kGuestFsInotifyFired},
    {Claim::kConnect, "net.connect_attempted", event::kGuestNetConnectAttempted},
};

static_assert(static_cast<int>(Claim::kSpawned) == static_cast<int>(spec::TelemetrySource::kProcessSpawned) &&
              static_cast<int>(Claim::kConnect) == static_cast<int>(spec::TelemetrySource::kNetConnectAttempted));

// Ends that leave the agent its last word; after the others the cell was killed as a whole.
constexpr std::string_view kHeardOut[] = {"completed", "signal_killed", "filter_killed"};

// Who can only see a cell that lives.
bool WatchesLife(Observer observer) {
  switch (observer) {
    case Observer::kSupervisor:
    case Observer::kWitness:
    case Observer::kLog: return false;
    default: return true;
  }
}

}  // namespace

std::optional<Claim> ClaimOf(std::string_view type) {
  for (const Source& source : kSources) {
    if (source.type == type) return source.claim;
  }
  return std::nullopt;
}

std::string_view ToString(Claim claim) { return kSources[static_cast<std::size_t>(claim)].name; }

void ClockPair::Read(event::LeafIndex leaf, std::int64_t distance_ms) {
  const bool first = readings_.count == 0;
  const event::LeafIndex before = readings_.last;
  readings_.Note(leaf);
  // Both are below 2^63 / 10^6, so that their difference can't overflow.
  const std::int64_t by = distance_ms - distance_ms_;
  if (!first && by > -tolerance_ms_ && by < tolerance_ms_) return;
  distance_ms_ = distance_ms;
  if (first) return;
  ++count_;
  if (steps_.size() < kKept) steps_.push_back({before, leaf, by});
}

std::optional<event::LeafIndex> ChannelFacts::Opened(Observer observer) const {
  return opened_[static_cast<std::size_t>(observer)];
}

bool ChannelFacts::GateLossy() const {
  return Lossy(Observer::kGateDns) || Lossy(Observer::kGateFlow) || Lossy(Observer::kGateRecord);
}

bool ChannelFacts::NamesSources() const { return std::ranges::find(declared_, true) != declared_.end(); }

bool ChannelFacts::AgentHeardOut() const {
  return Opened(Observer::kAgent) && !Lossy(Observer::kAgent) && !silences && (!drops || drops->lost() == 0) &&
         std::ranges::find(kHeardOut, end_reason) != std::end(kHeardOut);
}

void ChannelFacts::TakeCoverage(const WitnessLeaf& leaf) {
  const auto observer = event::ObserverOf(leaf.Text("observer"));
  if (!observer) return;
  opened_[static_cast<std::size_t>(*observer)] = leaf.index;
  if (*observer != Observer::kAgent) return;
  // As the document wrote them. Both lists of sources have the registry's order.
  JsonArray covers(leaf.Data("covers"));
  for (std::string_view each; covers.Next(each);) {
    const auto source = spec::FindTelemetrySource(PlainStringOf(each).value_or(std::string_view()));
    if (source) declared_[static_cast<std::size_t>(*source)] = true;
  }
}

void ChannelFacts::TakeClaim(const WitnessLeaf& leaf) {
  all_claims.Note(leaf.index);
  const auto claim = ClaimOf(leaf.type);
  if (!claim) return;
  claimed_[static_cast<std::size_t>(*claim)].Note(leaf.index);
  if (NamesSources() && !Declared(*claim)) undeclared.Note(leaf.index);
  const auto monotonic = UintOf(FindMember(leaf.Data("guest"), "guestMonotonicNs"));
  if (monotonic) {
    guest.Read(leaf.index, static_cast<std::int64_t>(leaf.boot_ns / 1'000'000) -
                               static_cast<std::int64_t>(*monotonic / 1'000'000));
  }
}

void ChannelFacts::TakeSupervisor(const WitnessLeaf& leaf) {
  if (leaf.wall_ms) wall.Read(leaf.index, *leaf.wall_ms - static_cast<std::int64_t>(leaf.boot_ns / 1'000'000));
  if (leaf.type == event::kCoverageOpened) return TakeCoverage(leaf);
  if (leaf.type == event::kEffectiveControls) controls = leaf.index;
  if (leaf.type == event::kStarted) started = leaf.index;
  if (leaf.type == event::kDestroyed) destroyed = leaf.index;
  if (leaf.type == event::kGateFailed) gate_failures.Note(leaf.index);
  if (leaf.type == event::kGuestAgentReturned) returns.Note(leaf.index);
  if (leaf.type == event::kGuestAgentSilenced) {
    silences.Note(leaf.index);
    longest_silence_ms = std::max(longest_silence_ms, leaf.Number("elapsedMs"));
  }
  if (leaf.type != event::kGuestTelemetryDropped) return;
  drops = {.leaf = leaf.index,
           .by_agent = leaf.Number("droppedByAgent"),
           .read = leaf.Number("read"),
           .accepted = leaf.Number("accepted"),
           .heartbeats = leaf.Number("heartbeats"),
           .over_rate = leaf.Number("overRate"),
           .claims = all_claims.count};
  JsonObject refused(leaf.Data("refused"));
  for (JsonMember each; refused.Next(each);) drops->refused = AddUp(drops->refused, UintOf(each.value).value_or(0));
}

void ChannelFacts::Take(const WitnessLeaf& leaf) {
  if (leaf.type == event::kCommandCompleted) {
    completed = leaf.index;
    end_reason = leaf.Text("reason");
  }
  if (destroyed && WatchesLife(leaf.observer)) {
    if (!after_destroyed) after_destroyed_observer = event::ToString(leaf.observer);
    after_destroyed.Note(leaf.index);
  }
  if (!leaf.Data("sampleError").empty()) {
    if (!failed_readings) failed_reading = event::ToString(leaf.observer);
    failed_readings.Note(leaf.index);
  }
  if (leaf.observer == Observer::kAgent) TakeClaim(leaf);
  if (leaf.observer == Observer::kSupervisor) TakeSupervisor(leaf);
}

}  // namespace evidence
