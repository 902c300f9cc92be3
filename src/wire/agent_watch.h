// SPDX-License-Identifier: Apache-2.0
// When outer init takes the witness for hung: pure, counted in outer init's own wake-ups.
//
// Counting wake-ups and not time means that what stops or starves both (suspend, a frozen cgroup, a full machine) is no
// sign of a hang, and that starving outer init alone delays the verdict without ever preventing it.
#pragma once

#include <cstdint>

#include "wire/agent_config.h"

namespace wire {

inline constexpr std::uint32_t kWatchTickMs = 100;

class AgentWatch {
 public:
  // One wake-up, at least kWatchTickMs after the one before it; `beat` as the page has it. True once the witness hangs.
  bool Tick(std::uint64_t beat) {
    if (beat != last_) {
      last_ = beat;
      unchanged_ = 0;
      return false;
    }
    return ++unchanged_ >= (last_ == 0 ? kStartTicks : kHangTicks);
  }

 private:
  static constexpr std::uint32_t kHangTicks = kAgentHangMs / kWatchTickMs;
  // A program that is being started has no beat yet; the start has deadlines of its own.
  static constexpr std::uint32_t kStartTicks = 10'000 / kWatchTickMs;

  std::uint64_t last_ = 0;
  std::uint32_t unchanged_ = 0;
};

}  // namespace wire
