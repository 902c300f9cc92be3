// SPDX-License-Identifier: Apache-2.0
// The budget of names under a sliding minute.
#include "gate/dns/budget.h"

#include <gtest/gtest.h>

namespace gate::dns {
namespace {

using namespace std::chrono_literals;

TEST(Budget, NamesBeyondTheBudgetAreRefusedAndKnownOnesStillGo) {
  Budget budget(300, 1 << 20);
  int passed = 0;
  for (int i = 0; i < 5000; ++i) passed += budget.Spend("n" + std::to_string(i) + ".w.example", 1s + i * 1ms);
  EXPECT_EQ(passed, 300);
  EXPECT_TRUE(budget.Spend("n0.w.example", 10s));
  EXPECT_FALSE(budget.Spend("fresh.w.example", 10s));
}

TEST(Budget, TheMinuteSlides) {
  Budget budget(2, 1 << 20);
  EXPECT_TRUE(budget.Spend("a.example", 0s));
  EXPECT_TRUE(budget.Spend("b.example", 30s));
  EXPECT_FALSE(budget.Spend("c.example", 59s));
  EXPECT_TRUE(budget.Spend("c.example", 60s)) << "a.example is a minute old";
  EXPECT_FALSE(budget.Spend("d.example", 61s));
}

TEST(Budget, AKnownNameThatIsAskedAgainStaysKnown) {
  Budget budget(1, 1 << 20);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.Spend("a.example", i * 50s));
  EXPECT_FALSE(budget.Spend("b.example", 9 * 50s + 59s));
}

TEST(Budget, LabelBytesAreCountedWithoutDotsAndOncePerName) {
  Budget budget(100, 16);
  EXPECT_TRUE(budget.Spend("aaaa.example", 0s));  // 11
  EXPECT_TRUE(budget.Spend("aaaa.example", 1s));
  EXPECT_FALSE(budget.Spend("bb.exam", 2s));      // 6
  EXPECT_TRUE(budget.Spend("b.exam", 2s));        // 5
}

}  // namespace
}  // namespace gate::dns
