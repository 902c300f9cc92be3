// SPDX-License-Identifier: Apache-2.0
// Limits: what is asked, what is written, what ends the start.
#include "plan/limits.h"

#include <sys/resource.h>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/test_fixture.h"

namespace plan {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Writes(const Plan& plan) {
  std::vector<std::string> all;
  for (const CgroupWrite& write : plan.cgroup.writes) all.push_back(write.file + "=" + write.value);
  return all;
}

base::Result<Plan> PlanOf(spec::RunLimits limits, base::CgroupFacts cgroup, Settings settings = test::SettingsOfTest(),
                          bool swap = false) {
  spec::CellDocument document = test::Document();
  document.spec.run->limits = std::move(limits);
  base::HostFacts facts = test::Facts();
  facts.cgroup = std::move(cgroup);
  facts.swap = swap;
  return MakePlan(document, settings, facts);
}

TEST(SafeName, ReplacesEachForeignCodePointOnce) {
  EXPECT_EQ(SafeName("a/b", 64), "a_b");
  EXPECT_EQ(SafeName("\xc3\xa9\xe2\x82\xac", 64), "__");
  EXPECT_EQ(SafeName("", 64), "cell");
  EXPECT_EQ(SafeName(std::string(70, 'x'), 64), std::string(64, 'x'));
  EXPECT_EQ(SafeName("a.b", 64, '-'), "a-b");
}

TEST(PlanLimits, WritesEveryAskedLimitOnVersion2) {
  const auto plan = PlanOf({.memory_max_bytes = 268435456, .cpu_max = spec::CpuMax{50000, 100000}, .pids_max = 64},
                           test::V2());
  ASSERT_TRUE(plan);
  EXPECT_THAT(Writes(*plan), testing::ElementsAre("memory.max=268435456", "memory.swap.max=0", "memory.oom.group=1",
                                                  "cpu.max=50000 100000", "pids.max=64"));
  EXPECT_EQ(plan->cgroup.hierarchy, base::CgroupHierarchy::kV2);
}

TEST(PlanLimits, WritesEveryAskedLimitOnVersion1WithTheCellsOwnProcesses) {
  const auto plan = PlanOf({.memory_max_bytes = 268435456, .cpu_max = spec::CpuMax{50000, {}}, .pids_max = 64},
                           test::V1());
  ASSERT_TRUE(plan);
  EXPECT_THAT(Writes(*plan),
              testing::ElementsAre("memory.limit_in_bytes=268435456", "memory.memsw.limit_in_bytes=268435456",
                                   "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000", "pids.max=66"));
}

TEST(PlanLimits, MemoryIsAWholeNumberOfPages) {
  const auto plan = PlanOf({.memory_max_bytes = 268435456 + 4095}, test::V2());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->cgroup.writes[0].value, "268435456");
}

TEST(PlanLimits, AnAskedLimitThatCantBeEnforcedEndsTheStartWithTheRemedy) {
  for (const bool memory : {true, false}) {
    spec::RunLimits limits;
    memory ? void(limits.memory_max_bytes = 1 << 28) : void(limits.cpu_max = spec::CpuMax{50000, {}});
    const auto plan = PlanOf(limits, test::Facts().cgroup);
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->unavailable, HasSubstr("nothing is delegated"));
    EXPECT_THAT(plan->unavailable, HasSubstr("bestEffort"));
  }
}

TEST(PlanLimits, ABestEffortLimitIsLostInTheOpen) {
  const auto plan = PlanOf({.memory_max_bytes = 1 << 28,
                            .best_effort = std::vector<spec::LimitKind>{spec::LimitKind::kMemory}},
                           test::Facts().cgroup);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->not_enforced.size(), 1u);
  EXPECT_EQ(plan->not_enforced[0].control, "memory");
  EXPECT_THAT(plan->cgroup.writes, IsEmpty());
}

TEST(PlanLimits, BestEffortForOneLimitDoesNotExcuseAnother) {
  const auto plan = PlanOf({.memory_max_bytes = 1 << 28,
                            .best_effort = std::vector<spec::LimitKind>{spec::LimitKind::kCpu}},
                           test::Facts().cgroup);
  ASSERT_TRUE(plan);
  EXPECT_NE(plan->unavailable, "");
  EXPECT_THAT(plan->not_enforced, IsEmpty());
}

TEST(PlanLimits, ADefaultIsNeverAskedFor) {
  const auto plan = PlanOf({}, test::Facts().cgroup);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->cgroup.hierarchy, base::CgroupHierarchy::kNone);
  EXPECT_THAT(plan->not_enforced, IsEmpty());
}

TEST(PlanLimits, ProcessesAreAlwaysLimitedByTheUserNamespace) {
  const auto plan = PlanOf({.pids_max = 10}, test::Facts().cgroup);
  ASSERT_TRUE(plan);
  const auto nproc = std::find_if(plan->rlimits.begin(), plan->rlimits.end(),
                                  [](const Rlimit& limit) { return limit.name == "nproc"; });
  ASSERT_NE(nproc, plan->rlimits.end());
  EXPECT_EQ(nproc->soft, 10 + kOwnProcesses);
  EXPECT_EQ(nproc->hard, 10 + kOwnProcesses);
}

TEST(PlanLimits, SwapThatCantBeLimitedIsNoMemoryLimit) {
  base::CgroupFacts cgroup = test::V1();
  cgroup.limits_swap = false;
  EXPECT_NE(PlanOf({.memory_max_bytes = 1 << 28}, cgroup, test::SettingsOfTest(), true)->unavailable, "");
  EXPECT_EQ(PlanOf({.memory_max_bytes = 1 << 28}, cgroup, test::SettingsOfTest(), false)->unavailable, "");
}

TEST(PlanLimits, TheOperatorsMemoryCeilingBoundsTheDocument) {
  Settings settings = test::SettingsOfTest();
  settings.memory_max_setting = "134217728";
  EXPECT_EQ(PlanOf({.memory_max_bytes = 1 << 28}, test::V2(), settings)->cgroup.writes[0].value, "134217728");
  EXPECT_EQ(PlanOf({}, test::V2(), settings)->cgroup.writes[0].value, "134217728");
  settings.memory_max_setting = "max";
  EXPECT_EQ(PlanOf({.memory_max_bytes = 1 << 28}, test::V2(), settings)->cgroup.writes[0].value, "268435456");
}

TEST(PlanLimits, AMalformedMemoryCeilingIsRefusedNotDropped) {
  for (const char* text : {"junk", "1 2", "-1", "0", "1.5", "99999999999999999999999"}) {
    Settings settings = test::SettingsOfTest();
    settings.memory_max_setting = text;
    const auto plan = PlanOf({}, test::V2(), settings);
    ASSERT_FALSE(plan) << text;
    EXPECT_EQ(plan.error().kind, base::ErrorKind::kInvalid);
  }
}

TEST(PlanLimits, ABadProcessorSettingIsNotWrittenAndIsTold) {
  Settings settings = test::SettingsOfTest();
  settings.cpu_max_setting = "junk";
  const auto plan = PlanOf({}, test::V2(), settings);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->warnings, testing::Contains(HasSubstr("CELLOS_CGROUP_CPU_MAX")));
  for (const CgroupWrite& write : plan->cgroup.writes) EXPECT_NE(write.controller, "cpu");
}

TEST(PlanLimits, AProcessorLimitTheKernelWouldRefuseEndsTheStart) {
  EXPECT_NE(PlanOf({.cpu_max = spec::CpuMax{999, 100000}}, test::V2())->unavailable, "");
  EXPECT_NE(PlanOf({.cpu_max = spec::CpuMax{50000, 999}}, test::V2())->unavailable, "");
  EXPECT_NE(PlanOf({.cpu_max = spec::CpuMax{50000, 1'000'001}}, test::V2())->unavailable, "");
  EXPECT_NE(PlanOf({.cpu_max = spec::CpuMax{~0ull, 100000}}, test::V2())->unavailable, "");
  EXPECT_EQ(PlanOf({.cpu_max = spec::CpuMax{1000, 1000}}, test::V2())->unavailable, "");
}

TEST(PlanLimits, TheLeafsNameIsSafeAndOfThisRun) {
  spec::CellDocument document = test::Document();
  document.spec.id = "a.b";
  base::HostFacts facts = test::Facts();
  facts.cgroup = test::V2();
  const auto one = MakePlan(document, test::SettingsOfTest(), facts);
  Settings other = test::SettingsOfTest();
  other.run_id = "run-2";
  const auto two = MakePlan(document, other, facts);
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(one->cgroup.leaf_name.starts_with("cellos_a_b_"));
  EXPECT_NE(one->cgroup.leaf_name, two->cgroup.leaf_name);
}

TEST(PlanRlimits, CoreIsOneSinceOnlyThatKeepsAPipeHandlerFromRunning) {
  const auto limits = PlanRlimits(10, 2, test::Facts());
  EXPECT_EQ(limits[0].name, "core");
  EXPECT_EQ(limits[0].soft, 1u);
  EXPECT_EQ(limits[0].hard, 1u);
}

TEST(PlanRlimits, StayWithinWhatTheCallerItselfHas) {
  base::HostFacts facts = test::Facts();
  facts.rlimit_hard = {{RLIMIT_NOFILE, 256}};
  for (const Rlimit& limit : PlanRlimits(10, 2, facts)) {
    EXPECT_LE(limit.soft, limit.hard);
    EXPECT_TRUE(limit.name != "nofile" || limit.hard == 256u);
  }
}

TEST(PlanRlimits, NoCoreLimitAtAllIsRefusedWhereAHandlerWouldRun) {
  base::HostFacts facts = test::Facts();
  facts.rlimit_hard = {{RLIMIT_CORE, 0}};
  EXPECT_EQ(MakePlan(test::Document(), test::SettingsOfTest(), facts)->unavailable, "");
  facts.core_pattern_is_pipe = true;
  const auto plan = MakePlan(test::Document(), test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->unavailable, HasSubstr("core"));
}

}  // namespace
}  // namespace plan
