// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launch.h"

#include <gtest/gtest.h>

#include "sandbox/cell_fixture.h"

namespace sandbox {
namespace {

using testing::PlanFor;
using testing::RunCell;

TEST(Launch, RunsTrue) {
  const auto outcome = RunCell(PlanFor({"true"}));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->End().exit_code, 0);
  ASSERT_EQ(outcome->events.size(), 3u);
  EXPECT_EQ(outcome->events[0].kind, CellEventKind::kExecuted);
  EXPECT_EQ(outcome->events[1].kind, CellEventKind::kWorkloadEnded);
  EXPECT_EQ(outcome->events[2].kind, CellEventKind::kGone);
}

}  // namespace
}  // namespace sandbox
