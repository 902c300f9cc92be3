// SPDX-License-Identifier: Apache-2.0
#include "process_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "passed_numbers.h"

namespace guest {
namespace {

std::vector<std::uint32_t> Passed(std::uint32_t last, std::uint32_t now, std::uint32_t end) {
  PassedNumbers passed(last, now, end);
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t number = passed.Next(); number != 0 && numbers.size() < 1000; number = passed.Next()) {
    numbers.push_back(number);
  }
  return numbers;
}

TEST(PassedNumbers, RiseToTheCursor) {
  EXPECT_EQ(Passed(4, 7, 32768), (std::vector<std::uint32_t>{5, 6, 7}));
  EXPECT_EQ(Passed(7, 7, 32768), std::vector<std::uint32_t>{});
}

TEST(PassedNumbers, WrapToTheFirstNumberThatIsNotReserved) {
  EXPECT_EQ(Passed(398, 302, 400), (std::vector<std::uint32_t>{399, 300, 301, 302}));
  EXPECT_EQ(Passed(399, 300, 400), std::vector<std::uint32_t>{300});
}

TEST(PassedNumbers, EndWhateverTheLimitSays) {
  EXPECT_EQ(Passed(500, 302, 400).size(), 3u) << "a limit that was lowered";
  EXPECT_EQ(Passed(500, 302, 0).size(), 3u) << "or is not known";
  EXPECT_EQ(Passed(500, 7, 400), std::vector<std::uint32_t>{7}) << "no kernel does this";
  EXPECT_EQ(Passed(4, 7, 5), (std::vector<std::uint32_t>{5, 6, 7})) << "raised after it was read";
}

TEST(Limbo, ForgetsByNumberAndKeepsOrder) {
  auto limbo = std::make_unique<Limbo>();
  for (std::uint32_t round = 0; round < 3; ++round) {
    for (std::uint32_t i = 1; i <= Limbo::kCapacity; ++i) limbo->Push(i, i * 1'000'000ull);
    EXPECT_TRUE(limbo->Full());
    limbo->Forget(2);
    EXPECT_EQ(limbo->Oldest().number, 1u);
    EXPECT_EQ(limbo->Oldest().since_ms, 1u);
    limbo->Pop();
    EXPECT_EQ(limbo->Oldest().number, 0u);
    while (limbo->Size() != 0) limbo->Pop();
  }
}

TEST(ProcessTable, FindsWhatWasInsertedAndNothingElse) {
  auto table = std::make_unique<ProcessTable>();
  constexpr std::uint32_t kFar = 16384;  // same bucket
  for (const std::uint32_t pid : {5u, 5u + kFar, 5u + 2 * kFar}) ASSERT_NE(table->Insert(pid), nullptr);
  table->Remove(table->Find(5 + kFar));
  EXPECT_EQ(table->Find(5 + kFar), nullptr);
  ASSERT_NE(table->Find(5), nullptr);
  EXPECT_EQ(table->Find(5)->pid, 5u);
  EXPECT_EQ(table->Find(5 + 2 * kFar)->pid, 5 + 2 * kFar);
  EXPECT_EQ(table->Find(6), nullptr);
  EXPECT_EQ(table->Used(), 2u);
}

TEST(ProcessTable, IsBoundedAndReusesTheSlotFreedLast) {
  auto table = std::make_unique<ProcessTable>();
  for (std::uint32_t i = 0; i < ProcessTable::kCapacity; ++i) ASSERT_NE(table->Insert(i + 1), nullptr);
  EXPECT_EQ(table->Insert(100'000), nullptr);
  table->Remove(table->Find(17));
  Process* again = table->Insert(100'000);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(table->SlotOf(*again), 16u);
  EXPECT_EQ(table->Top(), ProcessTable::kCapacity);
}

}  // namespace
}  // namespace guest
