// SPDX-License-Identifier: Apache-2.0
// The v2 leaf against the real kernel: needs a cgroup v2 hierarchy with memory, cpu and pids that this user may write
// (as in the test machine under QEMU); each test says so where there is none.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cgroup/leaf.h"
#include "sys/file.h"
#include "sys/host_facts.h"
#include "sys/poll.h"
#include "sys/process.h"

namespace cgroup {
namespace {

using testing::HasSubstr;

class LeafV2 : public testing::Test {
 protected:
  void SetUp() override {
    const char* parent = std::getenv("CELLOS_CGROUP_PARENT");
    facts_ = sys::DetectCgroups(parent != nullptr ? parent : "");
    if (facts_.hierarchy != base::CgroupHierarchy::kV2) {
      GTEST_SKIP() << "no cgroup v2 with memory, cpu, pids can be written here: "
                   << (facts_.why_not.empty() ? "the hierarchy is v1" : facts_.why_not);
    }
    for (const char* controller : {"memory", "cpu", "pids"}) {
      if (std::find(facts_.controllers.begin(), facts_.controllers.end(), controller) == facts_.controllers.end()) {
        GTEST_SKIP() << "cgroup v2 here lacks the controller " << controller;
      }
    }
  }

  plan::Plan PlanWith(std::vector<plan::CgroupWrite> writes) {
    plan::Plan plan;
    plan.facts.cgroup = facts_;
    static int counter = 0;
    plan.cgroup = {.hierarchy = base::CgroupHierarchy::kV2,
                   .leaf_name = "cellos_test_" + std::to_string(getpid()) + "_" + std::to_string(counter++),
                   .writes = std::move(writes)};
    return plan;
  }

  // A child born in `guard` that runs `body` after `go` is closed; its pid.
  template <class F>
  static pid_t Bear(Leaf& leaf, int& go, F body) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    auto child = sys::Clone3(0, leaf.guard_directory());
    EXPECT_TRUE(child) << child.error().message;
    if (child->pid == 0) {
      close(ends[1]);
      char byte;
      while (read(ends[0], &byte, 1) < 0) {
      }
      _exit(body());
    }
    close(ends[0]);
    go = ends[1];
    return child->pid;
  }

  static std::string CgroupOf(pid_t pid) {
    return sys::ReadFile(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", 65536).value();
  }

  static int Wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }

  base::CgroupFacts facts_;
};

TEST_F(LeafV2, EveryPlannedLimitIsReadBackFromTheKernel) {
  auto leaf = Leaf::Create(PlanWith({{"memory", "memory.max", "67108864"},
                                     {"memory", "memory.swap.max", "0"},
                                     {"memory", "memory.oom.group", "1"},
                                     {"cpu", "cpu.max", "50000 100000"},
                                     {"pids", "pids.max", "12"}}));
  ASSERT_TRUE(leaf) << leaf.error().message;
  const auto limits = leaf->ReadLimits();
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->at("memory.max"), "67108864");
  EXPECT_EQ(limits->at("memory.swap.max"), "0");
  EXPECT_EQ(limits->at("memory.oom.group"), "1");
  EXPECT_EQ(limits->at("cpu.max"), "50000 100000");
  EXPECT_EQ(limits->at("pids.max"), "12");
  EXPECT_TRUE(leaf->Remove(std::chrono::seconds(2)));
}

TEST_F(LeafV2, TheCellIsBornInGuardAndTheWorkloadMovesToWork) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "12"}}));
  ASSERT_TRUE(leaf) << leaf.error().message;
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  EXPECT_THAT(CgroupOf(pid), HasSubstr("/guard"));
  ASSERT_TRUE(leaf->AddWorkload(pid));
  EXPECT_THAT(CgroupOf(pid), HasSubstr("/work"));
  close(go);
  Wait(pid);
}

TEST_F(LeafV2, ForkBombStopsAtPidsMaxAndKillEmptiesTheLeaf) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "4"}}));
  ASSERT_TRUE(leaf) << leaf.error().message;
  int report[2];
  ASSERT_EQ(pipe2(report, O_CLOEXEC), 0);
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [&report] {
    unsigned char born = 0;
    for (int i = 0; i < 32; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        while (true) pause();
      }
      if (child > 0) ++born;
    }
    if (write(report[1], &born, 1) != 1) return 1;
    while (true) pause();
    return 0;
  });
  ASSERT_TRUE(leaf->AddWorkload(pid));
  close(go);
  unsigned char born = 0;
  ASSERT_EQ(read(report[0], &born, 1), 1);
  EXPECT_EQ(born, 3);
  EXPECT_TRUE(leaf->KillAll());
  EXPECT_TRUE(WIFSIGNALED(Wait(pid)));
  EXPECT_TRUE(leaf->Remove(std::chrono::seconds(2)));
  close(report[0]);
  close(report[1]);
}

TEST_F(LeafV2, MemoryHogTakesItsWholeGroupWithItAndIsTold) {
  constexpr std::size_t kLimit = 32u << 20;
  std::vector<plan::CgroupWrite> writes = {{"memory", "memory.max", std::to_string(kLimit)},
                                           {"memory", "memory.oom.group", "1"}};
  if (facts_.limits_swap) writes.push_back({"memory", "memory.swap.max", "0"});
  auto leaf = Leaf::Create(PlanWith(writes));
  ASSERT_TRUE(leaf) << leaf.error().message;
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] {
    if (fork() == 0) {
      void* memory = mmap(nullptr, 4 * kLimit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      for (std::size_t i = 0; i < 4 * kLimit; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
      _exit(0);
    }
    while (true) pause();
    return 0;
  });
  ASSERT_TRUE(leaf->AddWorkload(pid));
  EXPECT_FALSE(leaf->OomKilled().value());
  close(go);
  const int status = Wait(pid);  // the parent of the hog, which used nothing itself
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  pollfd event{leaf->oom_fd(), POLLIN, 0};
  EXPECT_EQ(sys::Poll({&event, 1}, std::chrono::seconds(5)).value(), 1);
  EXPECT_TRUE(leaf->OomKilled().value());
}

TEST_F(LeafV2, ALimitTheKernelRefusesIsUnavailableAndNothingIsLeft) {
  const plan::Plan plan = PlanWith({{"cpu", "cpu.max", "7 100000"}});
  const auto leaf = Leaf::Create(plan);
  ASSERT_FALSE(leaf);
  EXPECT_EQ(leaf.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(leaf.error().message, HasSubstr("cpu.max"));
  for (const std::string& path : Leaf::PlannedPaths(plan)) EXPECT_NE(access(path.c_str(), F_OK), 0) << path;
}

TEST_F(LeafV2, UsageCountsProcessorTimeOfTheWorkload) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "5"}}));
  ASSERT_TRUE(leaf) << leaf.error().message;
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] {
    // From here on: what it used before it was in the leaf is not the leaf's.
    const auto used = [] {
      timespec now{};
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
      return now.tv_sec * 1'000'000'000 + now.tv_nsec;
    };
    const auto begin = used();
    while (used() - begin < 20'000'000) {
    }
    return 0;
  });
  ASSERT_TRUE(leaf->AddWorkload(pid));
  close(go);
  Wait(pid);
  EXPECT_GE(leaf->ReadUsage().value().cpu_usec, 10'000u);
}

TEST_F(LeafV2, LeftoverIsRemovedWithTheProcessesInIt) {
  const plan::Plan plan = PlanWith({{"pids", "pids.max", "5"}});
  auto leaf = Leaf::Create(plan);
  ASSERT_TRUE(leaf) << leaf.error().message;
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  ASSERT_TRUE(leaf->AddWorkload(pid));
  const auto removed = RemoveLeftover(leaf->paths(), std::chrono::seconds(5));
  EXPECT_TRUE(WIFSIGNALED(Wait(pid)));
  close(go);
  EXPECT_TRUE(removed) << removed.error().message;
  for (const std::string& path : Leaf::PlannedPaths(plan)) EXPECT_NE(access(path.c_str(), F_OK), 0) << path;
}

}  // namespace
}  // namespace cgroup
