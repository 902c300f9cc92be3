// SPDX-License-Identifier: Apache-2.0
#include "wire/agent_watch.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

// Ticks until the verdict, at most `most`; 0 without one.
int TicksToHang(AgentWatch& watch, std::uint64_t beat, int most) {
  for (int i = 1; i <= most; ++i) {
    if (watch.Tick(beat)) return i;
  }
  return 0;
}

TEST(AgentWatch, ABeatNowAndThenIsNoHang) {
  AgentWatch watch;
  std::uint64_t beat = 0;
  for (int round = 0; round < 1000; ++round) {
    ASSERT_FALSE(watch.Tick(++beat));
    for (int i = 0; i < 8; ++i) ASSERT_FALSE(watch.Tick(beat));
  }
}

TEST(AgentWatch, NoBeatWithinTheWindowIsAHang) {
  AgentWatch watch;
  ASSERT_FALSE(watch.Tick(7));
  EXPECT_EQ(TicksToHang(watch, 7, 100), static_cast<int>(kAgentHangMs / kWatchTickMs));
}

TEST(AgentWatch, AStartingProgramHasTimeButNotForEver) {
  AgentWatch watch;
  EXPECT_EQ(TicksToHang(watch, 0, 1000), 100);
}

TEST(AgentWatch, ACounterThatWrapsStillBeats) {
  AgentWatch watch;
  ASSERT_FALSE(watch.Tick(~0ull));
  for (int i = 0; i < 8; ++i) ASSERT_FALSE(watch.Tick(~0ull));
  EXPECT_FALSE(watch.Tick(0));
}

}  // namespace
}  // namespace wire
