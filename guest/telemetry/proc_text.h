// SPDX-License-Identifier: Apache-2.0
// The few facts that the agent takes from texts of /proc. Total functions: the names of processes are in these texts,
// and the workload chooses them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "outbox.h"

namespace guest {

// What /proc/<n>/stat tells.
struct ProcessStat {
  Comm comm = {};
  char state = 0;
  uint32_t parent = 0, group = 0, session = 0, threads = 0;
  uint32_t flags = 0;
  uint64_t start = 0;  // CLOCK_BOOTTIME in hundredths of a second
  // Changes with each exec, since it is made of the addresses of the program's parts; 0 when the kernel hides them.
  uint64_t image = 0;
  uint32_t exit_code = 0;  // as wait(2) gives it; 0 also when hidden, and before the end
};
inline constexpr uint32_t kForkedNotExecuted = 0x40;  // PF_FORKNOEXEC of `flags`

// False when the text is none such.
bool ParseStat(const char* text, size_t size, ProcessStat* stat);

// The last number of /proc/loadavg: the highest one handed out last in the reader's pid namespace. 0: none.
uint32_t ParseCursor(const char* text, size_t size);
// A decimal number at the start of the text; 0: none, or beyond 32 bits.
uint32_t ParseNumber(const char* text, size_t size);
// "Tgid:" of /proc/<n>/status; 0: none.
uint32_t ParseThreadGroup(const char* text, size_t size);

// Finds "processes <n>" in /proc/stat, which is fed piece by piece.
class ForkCount {
 public:
  void Feed(const char* text, size_t size);
  bool found() const { return state_ == kDone; }
  uint64_t value() const { return value_; }

 private:
  enum : uint8_t { kLineStart, kSkip, kMatch, kDigits, kDone } state_ = kLineStart;
  uint8_t matched_ = 0;
  uint64_t value_ = 0;
};

}  // namespace guest
