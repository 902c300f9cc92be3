// SPDX-License-Identifier: Apache-2.0
// The keep-alive window of a witness (telemetry.md §3.5). Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace cell {

class Silence {
 public:
  // The start counts as a frame.
  Silence(std::chrono::milliseconds window, base::BootTime start) : window_(window), alive_(start) {}

  // A frame came at `at`. How long there had been none, when that was a silence which is over now.
  std::optional<std::chrono::milliseconds> Heard(base::BootTime at);
  // How long there has been none, when that is a silence which begins with this call: elapsed >= window, always. A judge
  // who comes late himself (a machine that slept, a supervisor that was stopped) gives the witness its window again, once.
  std::optional<std::chrono::milliseconds> Judge(base::BootTime now);

  bool silent() const { return silent_; }
  base::BootTime alive_at() const { return alive_; }
  // When to Judge next.
  base::BootTime due() const { return silent_ ? base::BootTime::max() : alive_ + window_; }

 private:
  std::chrono::milliseconds window_;
  base::BootTime alive_;  // when there was a frame last
  bool silent_ = false, excused_ = false;
};

}  // namespace cell
