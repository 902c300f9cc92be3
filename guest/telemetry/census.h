// SPDX-License-Identifier: Apache-2.0
// The lives of the cell's processes, from what is notified, from the numbers that the kernel hands out, and from walks
// through /proc. Turns them into events; see proc_port.h for where facts come from.
//
// A life is told by one process.spawned, one more for each exec after its first, and one process.exited. A start is
// seen by the cursor whether or not anything of it is notified; a number that nobody has is a thread that is gone if
// the start of one was notified, else a process that is gone, unless fewer tasks than that were started on the machine.
#pragma once

#include <stdint.h>

#include "outbox.h"
#include "passed_numbers.h"
#include "proc_port.h"
#include "process_table.h"

namespace guest {

struct Who {
  uint32_t pid = 0;
  Comm comm = {};
};

class Census {
 public:
  // `sources`: bits of wire::AgentConfig. Without a process.* source only Identify works.
  // Processes that are there now and are PID 1, `self` or a child of PID 1 are never told.
  void Start(uint32_t sources, bool full, bool tells_status, uint32_t self, Outbox* out, uint64_t now);
  bool tracks() const { return tracks_; }

  // Notified calls, by the number of the calling thread, before they are answered.
  void OnExec(uint32_t number, uint64_t now);
  void OnExit(uint32_t number, uint64_t argument, uint64_t now);
  void OnClone(uint64_t flags, uint64_t now);
  void OnWait(uint64_t now);
  // After the answer to the call of OnExit; `delivered` false: a signal was quicker.
  void AfterExit(bool delivered, uint64_t now);
  // The process of a calling thread and its name.
  Who Identify(uint32_t number, uint64_t now);

  void Tick(uint64_t now);
  void Walk(uint64_t now);
  // From proc::Watch.
  void OnPidfd(uint32_t pid, uint32_t slot, uint64_t now);
  // Nobody of the workload lives any more: tells the rest.
  void Finish(uint64_t now);

  // Whether something happened of late, or waits to be settled.
  bool Busy(uint64_t now) const;
  // Whether walks should not wait for their time.
  bool Crowded() const { return table_.Used() > ProcessTable::kCapacity * 3 / 4; }

 private:
  bool Tells(wire::ProbeSource source) const { return (sources_ & (1u << static_cast<unsigned>(source))) != 0; }
  void Tell(wire::ProbeSource source, const Process& process, uint64_t value);
  void TellSpawn(Process* process);
  void TellEnd(Process* process, uint64_t now);
  void TellStatus(Process* process, uint64_t status);
  void TellUnseen(uint32_t number, uint64_t now);

  void Advance(uint64_t now);
  void Pass(uint32_t number, uint64_t now);
  void PassAgain(Process* process, uint64_t now);
  void PassThread(uint32_t number);
  void DecideLimbo(uint64_t now, uint64_t grace_ms);
  void Rebase(uint64_t now);
  int64_t UnseenStarts() const;

  proc::Sight Look(uint32_t number, int* pidfd) const;
  Process* Caller(uint32_t number, uint64_t now);
  Process* Appear(uint32_t number, int pidfd, uint64_t now);
  Process* Resolve(uint32_t number, uint64_t now);
  void Learn(const ProcessStat& stat, Process* process);
  void CloseExec(const ProcessStat& stat, Process* process);
  void Settle(uint64_t now);
  void Sweep(uint64_t now);
  void CheckZombies(uint64_t now);
  void Vanish(Process* process, uint64_t now);
  void Revive(Process* process, uint64_t now);

  Outbox* out_ = nullptr;
  uint32_t sources_ = 0, cursor_ = 0, pid_max_ = 0, tick_ = 0, zombie_slot_ = 0;
  uint32_t thread_credits_ = 0, calling_ = 0, exiting_ = 0;
  uint16_t walk_ = 0;
  bool tracks_ = false, full_ = false, tells_status_ = false, wrapped_ = false, unsettled_ = false;
  bool threads_ = false;             // some thread was to start
  bool exits_alone_ = false;         // the process of `exiting_` has one thread
  bool overflowed_ = false;          // some process is in no slot
  uint64_t credit_ns_ = 0, active_ns_ = 0;
  uint64_t read_ticks_ = 0;          // boot time before the cursor was read last, or a little earlier
  uint64_t tick_ns_ = 0, tick_ticks_ = 0;  // both clocks at the last tick
  uint64_t forks_base_ = 0;          // proc::Forks() at some earlier time; 0: unknown
  int64_t accounted_ = 0;            // starts seen since then
  Limbo limbo_;
  ProcessTable table_;
};

}  // namespace guest
