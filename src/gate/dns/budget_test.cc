// SPDX-License-Identifier: Apache-2.0
// The budget of names under a sliding minute.
#include "gate/dns/budget.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

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

// Against the plainest account: a list of names with the moment each was asked last.
TEST(Budget, DecidesAsAPlainListOfNamesWould) {
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    const std::uint32_t most = 1 + random() % 200, bytes = 100 + random() % 2000;
    Budget budget(most, bytes);
    std::map<std::string, base::BootTime> known;
    base::BootTime now = 1s;
    for (int asked = 0; asked < 3000; ++asked) {
      now += std::chrono::milliseconds(random() % 400);
      const std::string name = "n" + std::to_string(random() % 300) + ".w.example";
      std::erase_if(known, [&](const auto& row) { return row.second + 60s <= now; });
      std::size_t in_use = 0;
      for (const auto& [other, last] : known) in_use += other.size() - 2;
      const bool may = known.contains(name) || (known.size() < most && in_use + name.size() - 2 <= bytes);
      if (may) known[name] = now;
      ASSERT_EQ(budget.Spend(name, now), may) << "round " << round << ", query " << asked;
    }
  }
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
