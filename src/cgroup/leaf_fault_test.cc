// SPDX-License-Identifier: Apache-2.0
// A fault at every system call of making and removing a leaf: a clean error, and no directory left.
#include <errno.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cgroup/leaf.h"
#include "sys/fault.h"
#include "sys/host_facts.h"

namespace cgroup {
namespace {

class LeafFault : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    facts_ = sys::DetectCgroups("");
    if (facts_.hierarchy == base::CgroupHierarchy::kNone) {
      GTEST_SKIP() << "no cgroup can be made here: " << facts_.why_not;
    }
  }
  void TearDown() override { sys::fault::Disarm(); }

  plan::Plan PlanOfTest() const {
    plan::Plan plan;
    plan.facts.cgroup = facts_;
    plan.cgroup = {.hierarchy = facts_.hierarchy,
                   .leaf_name = "cellos_fault_" + std::to_string(getpid()),
                   .writes = {{"pids", "pids.max", "12"}}};
    return plan;
  }

  static void ExpectNothingLeft(const plan::Plan& plan, std::uint64_t at) {
    for (const std::string& path : Leaf::PlannedPaths(plan)) {
      EXPECT_NE(access(path.c_str(), F_OK), 0) << path << " is left after a fault at call " << at;
      rmdir(path.c_str());
    }
  }

  base::CgroupFacts facts_;
};

TEST_P(LeafFault, AtAnyCallOfCreateLeavesNothing) {
  const plan::Plan plan = PlanOfTest();
  sys::fault::Arm(0, 0);
  ASSERT_TRUE(Leaf::Create(plan));
  const std::uint64_t calls = sys::fault::Count();
  ASSERT_GT(calls, 5u);
  for (std::uint64_t at = 1; at <= calls; ++at) {
    sys::fault::Arm(at, GetParam());
    {
      const auto leaf = Leaf::Create(plan);
      // The calls that remove the good leaf at the end of this block may be the ones that fail.
      EXPECT_TRUE(leaf || !leaf.error().message.empty());
    }
    sys::fault::Disarm();
    // A removal that failed is tried by the collector from the anchored paths.
    EXPECT_TRUE(RemoveLeftover(Leaf::PlannedPaths(plan), std::chrono::seconds(1)));
    ExpectNothingLeft(plan, at);
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, LeafFault, testing::Values(ENOSPC, EMFILE, ENOMEM, EPERM));

}  // namespace
}  // namespace cgroup
