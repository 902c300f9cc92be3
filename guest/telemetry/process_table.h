// SPDX-License-Identifier: Apache-2.0
// The processes that the agent knows, by number. No heap; all zero at the start, so that slots never used cost nothing.
#pragma once

#include <stdint.h>

#include "outbox.h"

namespace guest {

struct Process {
  enum class Phase : uint8_t {
    kFree,
    kOwn,    // init, agent, reaper: never told
    kAlive,
    kEnded,  // told, but its number is still in use
  };
  // What is known of the first exec of this life.
  enum class Exec : uint8_t { kNone, kTried, kDone };

  uint32_t pid = 0;
  int32_t pidfd = 0;  // 0: none
  uint16_t next = 0;  // slot + 1 in its chain, or in the list of free slots
  uint16_t walk = 0;  // the last walk that saw it
  Phase phase = Phase::kFree;
  Exec exec = Exec::kNone;
  bool passed = false;         // the cursor went by its number
  bool spawn_owed = false;     // process.spawned waits for the name
  bool exec_open = false;      // a further exec was tried and not yet seen to succeed
  bool ending = false;         // exit_group was called; `status` is its argument
  bool status_told = false;
  uint8_t checks = 0;          // of an open exec
  Comm comm = {};
  uint32_t comm_tick = 0;      // when `comm` was read
  uint64_t spawn_ns = 0;       // when the owed event happened
  uint64_t touched_ns = 0;     // start or last try of an exec
  uint64_t image = 0;          // before the open exec
  uint64_t status = 0;
};

class ProcessTable {
 public:
  static constexpr uint32_t kCapacity = 8192;

  Process* Find(uint32_t pid);
  // A new slot for a number that is not in the table; null when there is none.
  Process* Insert(uint32_t pid);
  void Remove(Process* process);

  // Every slot ever used lies below; those in use are not kFree.
  uint32_t Top() const { return top_; }
  Process& At(uint32_t slot) { return slots_[slot]; }
  uint32_t SlotOf(const Process& process) const { return static_cast<uint32_t>(&process - slots_); }
  uint32_t Used() const { return used_; }

 private:
  static constexpr uint32_t kBuckets = 16384;
  uint16_t& Bucket(uint32_t pid) { return buckets_[pid % kBuckets]; }

  uint32_t top_ = 0, used_ = 0;
  uint16_t free_ = 0;  // slot + 1
  uint16_t buckets_[kBuckets] = {};
  Process slots_[kCapacity];
};

}  // namespace guest
