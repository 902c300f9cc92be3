// SPDX-License-Identifier: Apache-2.0
// Processes, leaf by leaf.
#include "evidence/witness/process_facts.h"

#include <algorithm>

#include "event/types.h"

namespace evidence {

using event::Observer;

void ProcessFacts::TakeSpawned(event::LeafIndex leaf, std::uint64_t pid, std::uint64_t at_ns) {
  spawned.Note(leaf);
  if (!leader_pid || at_ns < leader_at_ns_) {
    leader_pid = pid;
    leader_at_ns_ = at_ns;
    leader_spawned = leaf;
    leader_status_leaf.reset();
  }
  if (living_.contains(pid)) {
    ++further_execs;
    return;
  }
  ++lives;
  if (living_.size() < kFollowed) {
    living_.emplace(pid, leaf);
  } else {
    ++unfollowed;
  }
}

void ProcessFacts::TakeExited(event::LeafIndex leaf, std::uint64_t pid) {
  exited.Note(leaf);
  if (living_.erase(pid) != 0) return;
  if (unfollowed > 0) {
    --unfollowed;
  } else {
    exits_without_spawn.Note(leaf);
  }
}

void ProcessFacts::TakeStatus(const WitnessLeaf& leaf, std::uint64_t pid) {
  if (pid != leader_pid) return;
  const std::string_view cause = leaf.Data("cause");
  leader_status_leaf = leaf.index;
  leader_status = {std::string(PlainStringOf(FindMember(cause, "kind")).value_or(std::string_view())),
                   NumberIn(cause, "status")};
}

void ProcessFacts::TakeCensus(const WitnessLeaf& leaf) {
  const std::string_view totals = leaf.Data("totals");
  census = {.leaf = leaf.index,
            .counted = !totals.empty() && totals != "{}" && leaf.Data("unavailable").empty(),
            .processes = NumberIn(totals, "processes"),
            .threads = NumberIn(totals, "threads"),
            .execs = NumberIn(totals, "execs"),
            .exits = NumberIn(totals, "exits"),
            .killed = NumberIn(totals, "killed"),
            .lost = leaf.Number("lost"),
            .overruns = leaf.Number("overruns")};
}

void ProcessFacts::TakeCompleted(const WitnessLeaf& leaf) {
  completed = leaf.index;
  const auto signal = UintOf(leaf.Data("signal"));
  const auto code = UintOf(leaf.Data("exitCode"));
  if (signal) completed_status = {"signal", *signal};
  if (!signal && code) completed_status = {"exited", *code};
}

void ProcessFacts::TakeUsage(const WitnessLeaf& leaf) {
  const std::string_view output = leaf.Data("output");
  const std::string_view v2 = FindMember(output, "cpu_stat"), v1 = FindMember(output, "cpuacct_usage");
  const auto usec = IsObject(v2) ? UintOf(FindMember(v2, "usage_usec")) : std::nullopt;
  const auto nsec = IsObject(v1) ? UintOf(FindMember(v1, "usage")) : std::nullopt;
  if (!usec && !nsec) return;
  const Usage usage{leaf.index, usec ? *usec : *nsec / 1000};
  if (!first_usage) first_usage = usage;
  last_usage = usage;
}

void ProcessFacts::Take(const WitnessLeaf& leaf) {
  if (leaf.observer == Observer::kAgent) {
    const auto pid = UintOf(FindMember(leaf.Data("guest"), "guestPid"));
    if (!pid) return;
    if (leaf.type == event::kGuestProcessSpawned) {
      return TakeSpawned(leaf.index, *pid, NumberIn(leaf.Data("guest"), "guestMonotonicNs"));
    }
    if (leaf.type == event::kGuestProcessExited) return TakeExited(leaf.index, *pid);
    if (leaf.type == event::kGuestProcessExitStatus) return TakeStatus(leaf, *pid);
    return;
  }
  if (leaf.type == event::kProcessCensus) TakeCensus(leaf);
  if (leaf.type == event::kProcessSpawned && leaf.observer == Observer::kInit) executed = leaf.index;
  if (leaf.type == event::kCommandCompleted && leaf.observer == Observer::kInit) TakeCompleted(leaf);
  if (leaf.type == event::kHostCgroup) TakeUsage(leaf);
}

std::optional<event::LeafIndex> ProcessFacts::oldest_alive() const {
  std::optional<event::LeafIndex> oldest;
  for (const auto& [pid, leaf] : living_) {
    if (!oldest || leaf < *oldest) oldest = leaf;
  }
  return oldest;
}

}  // namespace evidence
