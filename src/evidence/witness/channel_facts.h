// SPDX-License-Identifier: Apache-2.0
// What a log says of its observers: who watched, what of it was lost, and what its clocks did.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evidence/witness/leaf.h"

namespace evidence {

// The five sources that an agent may claim (telemetry.md §1.3), in this order everywhere here.
enum class Claim : std::uint8_t { kSpawned, kExited, kDenied, kInotify, kConnect };
inline constexpr std::size_t kClaims = 5;

// A place where two clocks drifted apart: `before` is the leaf of the last reading that fitted.
struct ClockStep {
  event::LeafIndex before = 0, after = 0;
  std::int64_t by_ms = 0;
};
// Follows the distance of two clocks. Bounded: the first steps are kept, all are counted.
class ClockPair {
 public:
  static constexpr std::size_t kKept = 16;
  explicit ClockPair(std::int64_t tolerance_ms) : tolerance_ms_(tolerance_ms) {}
  void Read(event::LeafIndex leaf, std::int64_t distance_ms);
  const Tally& readings() const { return readings_; }
  const std::vector<ClockStep>& steps() const { return steps_; }
  std::uint64_t step_count() const { return count_; }

 private:
  std::int64_t tolerance_ms_;
  Tally readings_;
  std::int64_t distance_ms_ = 0;
  std::vector<ClockStep> steps_;
  std::uint64_t count_ = 0;
};

class ChannelFacts {
 public:
  void Take(const WitnessLeaf& leaf);
  // The observer lost something, or did not see all of its interval, as its coverage_closed says or will say.
  void NoteLossy(event::Observer observer) { lossy_[static_cast<std::size_t>(observer)] = true; }
  bool Lossy(event::Observer observer) const { return lossy_[static_cast<std::size_t>(observer)]; }
  bool GateLossy() const;

  // Leaf of the observer's coverage_opened.
  std::optional<event::LeafIndex> Opened(event::Observer observer) const;
  // The agent's coverage names this source.
  bool Declared(Claim claim) const { return declared_[static_cast<std::size_t>(claim)]; }
  bool NamesSources() const;
  // Nothing that the agent had to say of the run was lost, as far as the log tells: it watched, was never silent,
  // nothing was dropped, and the cell ended in a way that lets it say its last word.
  bool AgentHeardOut() const;

  const Tally& Claimed(Claim claim) const { return claimed_[static_cast<std::size_t>(claim)]; }

  struct Drops {
    event::LeafIndex leaf = 0;
    std::uint64_t by_agent = 0, read = 0, accepted = 0, heartbeats = 0, over_rate = 0, refused = 0;
    std::uint64_t lost() const { return AddUp(AddUp(by_agent, over_rate), refused); }
    std::uint64_t claims = 0;  // in the log before it
    bool closes() const { return read == AddUp(AddUp(accepted, heartbeats), AddUp(over_rate, refused)); }
  };
  std::optional<Drops> drops;  // the last telemetry_dropped
  Tally all_claims;            // every leaf of the agent
  Tally undeclared;            // those of a source that its coverage does not name
  Tally silences, returns;
  std::uint64_t longest_silence_ms = 0;
  Tally gate_failures, failed_readings;
  std::string failed_reading;  // observer of the first
  std::optional<event::LeafIndex> started, controls, completed, destroyed;
  std::string end_reason;      // of `completed`
  Tally after_destroyed;       // what an observer of a living cell told after it was gone
  std::string after_destroyed_observer;
  ClockPair wall{1000};        // CLOCK_REALTIME against CLOCK_BOOTTIME, as the supervisor read them
  ClockPair guest{2000};       // what frames say against the moment of their receipt

 private:
  void TakeCoverage(const WitnessLeaf& leaf);
  void TakeClaim(const WitnessLeaf& leaf);
  void TakeSupervisor(const WitnessLeaf& leaf);
  std::array<std::optional<event::LeafIndex>, event::kObserverCount> opened_;
  std::array<bool, event::kObserverCount> lossy_{};
  std::array<bool, kClaims> declared_{};
  std::array<Tally, kClaims> claimed_;
};

// The source that a type of the claimed lane stands for.
std::optional<Claim> ClaimOf(std::string_view type);
// "process.spawned" and so on.
std::string_view ToString(Claim claim);

}  // namespace evidence
