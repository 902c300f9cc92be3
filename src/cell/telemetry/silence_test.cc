// SPDX-License-Identifier: Apache-2.0
// When a witness counts as silent, and when it does not.
#include "cell/telemetry/silence.h"

#include <gtest/gtest.h>

namespace cell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Silence, BeginsWhenTheWindowHasPassedAndIsToldOnce) {
  Silence silence(seconds(10), seconds(100));
  EXPECT_EQ(silence.due(), seconds(110));
  EXPECT_FALSE(silence.Judge(milliseconds(109'999)));
  EXPECT_EQ(silence.Judge(seconds(110)), milliseconds(10'000));
  EXPECT_TRUE(silence.silent());
  EXPECT_FALSE(silence.Judge(seconds(120)));
  EXPECT_EQ(silence.due(), base::BootTime::max());
}

TEST(Silence, EveryFrameBeginsTheWindowAgain) {
  Silence silence(milliseconds(100), milliseconds(0));
  for (int at = 30; at < 1000; at += 30) {
    EXPECT_FALSE(silence.Heard(milliseconds(at)));
    EXPECT_FALSE(silence.Judge(milliseconds(at + 29)));
  }
  EXPECT_TRUE(silence.Judge(milliseconds(990 + 100)));
}

TEST(Silence, EndsWithAFrameAndMayComeAgain) {
  Silence silence(seconds(10), seconds(0));
  EXPECT_TRUE(silence.Judge(seconds(10)));
  EXPECT_EQ(silence.Heard(seconds(13)), milliseconds(13'000));
  EXPECT_FALSE(silence.silent());
  EXPECT_FALSE(silence.Judge(seconds(22)));
  EXPECT_EQ(silence.Judge(seconds(23)), milliseconds(10'000));
}

TEST(Silence, AJudgeWhoSleptGivesTheWindowOnceMore) {
  Silence silence(seconds(10), seconds(0));
  EXPECT_FALSE(silence.Judge(seconds(3600))) << "the machine was asleep";
  EXPECT_EQ(silence.due(), seconds(3610));
  EXPECT_TRUE(silence.Judge(seconds(3700))) << "and no second time";
}

TEST(Silence, AFrameOfThePastChangesNothing) {
  Silence silence(seconds(10), seconds(5));
  EXPECT_FALSE(silence.Heard(seconds(4)));
  EXPECT_EQ(silence.alive_at(), seconds(5));
}

}  // namespace
}  // namespace cell
