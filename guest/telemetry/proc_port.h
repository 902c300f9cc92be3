// SPDX-License-Identifier: Apache-2.0
// What the agent asks the kernel about processes, by their numbers in the outer pid namespace. The tests put a made-up
// world in the place of proc_port.cc.
#pragma once

#include <stdint.h>

#include "proc_text.h"

namespace guest::proc {

enum class Sight : uint8_t { kGone, kProcess, kThread };

// Who has this number now. For a process, `pidfd` (when not null) gets a descriptor of it, or 0.
Sight Look(uint32_t number, int* pidfd);
// False: gone. Works for a thread's number as well.
bool ReadStat(uint32_t number, ProcessStat* stat);
// Leaves `comm` alone when it is gone.
void ReadComm(uint32_t number, Comm* comm);
// The process of a thread; 0: gone.
uint32_t ThreadGroup(uint32_t number);

// The number handed out last; 0: unknown.
uint32_t Cursor();
uint32_t PidMax();
// Starts of processes and threads since the machine started, of the whole machine; 0: unknown.
uint64_t Forks();
// CLOCK_BOOTTIME in the units of ProcessStat::start, rounded down.
uint64_t BootTicks();

// All processes, in rising order; 0 at the end.
void StartWalk();
uint32_t NextInWalk();

// Descriptors of processes are watched: the agent's loop hands `slot` and `pid` back when the process has ended, and
// once more when it was reaped, where the kernel says so. False: not watched.
bool Watch(int pidfd, uint32_t pid, uint32_t slot);
// How it ended (see wire::kExitBySignal); false when the kernel can't tell, or not yet.
bool ExitInfo(int pidfd, uint64_t* status);
void Close(int pidfd);
// Whether some process group has this number.
bool IsGroup(uint32_t number);

}  // namespace guest::proc
