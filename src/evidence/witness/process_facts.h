// SPDX-License-Identifier: Apache-2.0
// What a log says of a cell's processes: the agent's claims, and what kernel and init told the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "evidence/witness/leaf.h"

namespace evidence {

// How a process ended: "exited" or "signal", and the code or number.
struct EndStatus {
  std::string kind;
  std::uint64_t status = 0;
};

class ProcessFacts {
 public:
  // Processes that are followed at a time; of more, starts and ends are only counted.
  static constexpr std::size_t kFollowed = 65536;
  void Take(const WitnessLeaf& leaf);

  // Claimed. One process_spawned begins a life; another of the same number before its end is a further exec.
  std::uint64_t lives = 0, further_execs = 0, unfollowed = 0;
  Tally spawned, exited;
  Tally exits_without_spawn;
  std::size_t alive() const { return living_.size(); }
  std::optional<event::LeafIndex> oldest_alive() const;
  // The process that was claimed to have started first (the order of claims is not that of starts), and its claimed end.
  std::optional<std::uint64_t> leader_pid;
  std::optional<event::LeafIndex> leader_spawned, leader_status_leaf;
  EndStatus leader_status;

  // Witnessed.
  struct Census {
    event::LeafIndex leaf = 0;
    bool counted = false;  // it has totals, up to the end
    std::uint64_t processes = 0, threads = 0, execs = 0, exits = 0, killed = 0, lost = 0, overruns = 0;
    bool lossless() const { return counted && lost == 0 && overruns == 0; }
  };
  std::optional<Census> census;  // the last
  std::optional<event::LeafIndex> executed, completed;  // init's word of the leader
  EndStatus completed_status;
  struct Usage {
    event::LeafIndex leaf = 0;
    std::uint64_t cpu_usec = 0;
  };
  std::optional<Usage> first_usage, last_usage;  // of host.cgroup

 private:
  void TakeSpawned(event::LeafIndex leaf, std::uint64_t pid, std::uint64_t at_ns);
  void TakeExited(event::LeafIndex leaf, std::uint64_t pid);
  void TakeStatus(const WitnessLeaf& leaf, std::uint64_t pid);
  void TakeCensus(const WitnessLeaf& leaf);
  void TakeCompleted(const WitnessLeaf& leaf);
  void TakeUsage(const WitnessLeaf& leaf);
  std::uint64_t leader_at_ns_ = 0;
  std::unordered_map<std::uint64_t, event::LeafIndex> living_;  // pid -> leaf of its spawn
};

}  // namespace evidence
