// SPDX-License-Identifier: Apache-2.0
// Time as a port: the wall clock for people, the boot clock for every deadline (clock_gettime(2)).
#pragma once

#include <chrono>
#include <string>

namespace base {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using BootTime = std::chrono::nanoseconds;  // since boot, CLOCK_BOOTTIME: goes on during suspend, never steps

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Wall() const = 0;
  virtual BootTime Boot() const = 0;
};

// The machine's own clocks; lives for the whole process.
const Clock& SystemClock();

// Twin for tests: shows what it was last told.
class FakeClock : public Clock {
 public:
  WallTime wall{};
  BootTime boot{};
  WallTime Wall() const override { return wall; }
  BootTime Boot() const override { return boot; }
};

// RFC 3339 UTC: "2026-01-02T03:04:05.678Z" and "2026-01-02T03:04:05Z".
std::string FormatMillis(WallTime time);
std::string FormatSeconds(WallTime time);

}  // namespace base
