// SPDX-License-Identifier: Apache-2.0
// The v1 leaf against the real kernel: needs root and writable v1 controllers, else each test says why it can't run.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "cgroup/leaf.h"
#include "sys/file.h"
#include "sys/host_facts.h"
#include "sys/poll.h"

namespace cgroup {
namespace {

using testing::HasSubstr;

class LeafV1 : public testing::Test {
 protected:
  void SetUp() override {
    facts_ = sys::DetectCgroups("");
    if (facts_.hierarchy != base::CgroupHierarchy::kV1) {
      GTEST_SKIP() << "no cgroup v1 controller can be written here: "
                   << (facts_.why_not.empty() ? "the hierarchy is v2" : facts_.why_not);
    }
  }

  plan::Plan PlanWith(std::vector<plan::CgroupWrite> writes) {
    plan::Plan plan;
    plan.facts.cgroup = facts_;
    static int counter = 0;
    plan.cgroup = {.hierarchy = base::CgroupHierarchy::kV1,
                   .leaf_name = "cellos_test_" + std::to_string(getpid()) + "_" + std::to_string(counter++),
                   .writes = std::move(writes)};
    return plan;
  }

  // A child born in the leaf that runs `body` after `go` is closed; its pid.
  template <class F>
  static pid_t Bear(Leaf& leaf, int& go, F body) {
    int ends[2], moved[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(moved, O_CLOEXEC), 0);
    auto tasks = leaf.OpenTasks();
    EXPECT_TRUE(tasks) << tasks.error().message;
    const pid_t pid = fork();
    if (pid == 0) {
      for (const base::UniqueFd& each : *tasks) {
        if (write(each.get(), "0", 1) != 1) _exit(99);
      }
      if (write(moved[1], "m", 1) != 1) _exit(99);
      close(ends[1]);
      char byte;
      while (read(ends[0], &byte, 1) < 0) {
      }
      _exit(body());
    }
    close(ends[0]);
    close(moved[1]);
    char byte;
    EXPECT_EQ(read(moved[0], &byte, 1), 1) << "the child could not move into the leaf";
    close(moved[0]);
    go = ends[1];
    return pid;
  }

  static int Wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }

  static bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

  base::CgroupFacts facts_;
};

TEST_F(LeafV1, EveryPlannedLimitIsReadBackFromTheKernel) {
  auto leaf = Leaf::Create(PlanWith({{"memory", "memory.limit_in_bytes", "67108864"},
                                     {"memory", "memory.memsw.limit_in_bytes", "67108864"},
                                     {"cpu", "cpu.cfs_period_us", "100000"},
                                     {"cpu", "cpu.cfs_quota_us", "50000"},
                                     {"pids", "pids.max", "12"}}));
  ASSERT_TRUE(leaf) << leaf.error().message;
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  const auto added = leaf->AddWorkload(pid);
  ASSERT_TRUE(added) << added.error().message;
  const auto limits = leaf->ReadLimits();
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->at("memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(limits->at("cpu.cfs_quota_us"), "50000");
  EXPECT_EQ(limits->at("pids.max"), "12");
  close(go);
  Wait(pid);
  EXPECT_TRUE(leaf->Remove(std::chrono::seconds(2)));
}

TEST_F(LeafV1, WhoMovesItselfIsInTheLeafAndTheSupervisorIsNot) {
  const std::string before = sys::ReadFile(AT_FDCWD, "/proc/thread-self/cgroup", 65536).value();
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "5"}}));
  ASSERT_TRUE(leaf) << leaf.error().message;
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  EXPECT_EQ(sys::ReadFile(AT_FDCWD, "/proc/thread-self/cgroup", 65536).value(), before);
  EXPECT_TRUE(leaf->AddWorkload(pid));
  close(go);
  Wait(pid);
}

TEST_F(LeafV1, RefusesAWorkloadThatWasBornElsewhere) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "5"}}));
  ASSERT_TRUE(leaf);
  const auto added = leaf->AddWorkload(getpid());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, base::ErrorKind::kInternal);
}

TEST_F(LeafV1, ALimitTheKernelRefusesIsUnavailableAndNamed) {
  auto leaf = Leaf::Create(PlanWith({{"cpu", "cpu.cfs_quota_us", "7"}}));
  ASSERT_TRUE(leaf);
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  const auto added = leaf->AddWorkload(pid);
  close(go);
  Wait(pid);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(added.error().message, HasSubstr("cpu.cfs_quota_us"));
}

TEST_F(LeafV1, ALimitTheKernelRoundsIsNotTakenForTheOneAsked) {
  auto leaf = Leaf::Create(PlanWith({{"memory", "memory.limit_in_bytes", "67108865"}}));
  ASSERT_TRUE(leaf);
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  const auto added = leaf->AddWorkload(pid);
  close(go);
  Wait(pid);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, base::ErrorKind::kUnavailable);
}

TEST_F(LeafV1, ForkBombStopsAtPidsMax) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "4"}}));
  ASSERT_TRUE(leaf);
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] {
    int born = 0;
    for (int i = 0; i < 32; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        pause();
        _exit(0);
      }
      if (child > 0) ++born;
    }
    // The children die with the group.
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return born;
  });
  ASSERT_EQ(setpgid(pid, pid), 0);
  ASSERT_TRUE(leaf->AddWorkload(pid));
  close(go);
  const int status = Wait(pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_TRUE(leaf->Remove(std::chrono::seconds(2)));
}

TEST_F(LeafV1, MemoryHogIsKilledAndTold) {
  constexpr std::size_t kLimit = 16u << 20;
  auto leaf = Leaf::Create(PlanWith({{"memory", "memory.limit_in_bytes", std::to_string(kLimit)},
                                     {"memory", "memory.memsw.limit_in_bytes", std::to_string(kLimit)}}));
  ASSERT_TRUE(leaf);
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] {
    void* memory = mmap(nullptr, 4 * kLimit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (std::size_t i = 0; i < 4 * kLimit; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
    return 0;
  });
  ASSERT_TRUE(leaf->AddWorkload(pid));
  EXPECT_FALSE(leaf->OomKilled().value());
  close(go);
  const int status = Wait(pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  pollfd event{leaf->oom_fd(), POLLIN, 0};
  EXPECT_EQ(sys::Poll({&event, 1}, std::chrono::seconds(2)).value(), 1);
  EXPECT_TRUE(leaf->OomKilled().value());
  EXPECT_LE(leaf->ReadUsage().value().memory_peak_bytes.value(), kLimit);
}

TEST_F(LeafV1, UsageCountsProcessorTimeOfTheWorkload) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "5"}}));
  ASSERT_TRUE(leaf);
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
  EXPECT_GE(leaf->ReadUsage().value().cpu_usec, 15'000u);
}

TEST_F(LeafV1, RemovalNamesWhatStillLivesThere) {
  auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "5"}}));
  ASSERT_TRUE(leaf);
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  const auto removed = leaf->Remove(std::chrono::milliseconds(20));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind, base::ErrorKind::kDeadline);
  EXPECT_THAT(removed.error().message, HasSubstr(std::to_string(pid)));
  close(go);
  Wait(pid);
  EXPECT_TRUE(leaf->Remove(std::chrono::seconds(2)));
}

TEST_F(LeafV1, NothingIsLeftWhenTheLeafGoesOutOfScope) {
  std::vector<std::string> paths;
  {
    auto leaf = Leaf::Create(PlanWith({{"pids", "pids.max", "5"}}));
    ASSERT_TRUE(leaf);
    paths = leaf->paths();
    ASSERT_FALSE(paths.empty());
    for (const std::string& path : paths) EXPECT_TRUE(Exists(path)) << path;
  }
  for (const std::string& path : paths) EXPECT_FALSE(Exists(path)) << path;
}

TEST_F(LeafV1, PlannedPathsAreThoseMade) {
  const plan::Plan plan = PlanWith({{"pids", "pids.max", "5"}});
  auto leaf = Leaf::Create(plan);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->paths(), Leaf::PlannedPaths(plan));
}

TEST_F(LeafV1, ASecondLeafOfTheSameNameIsRefusedAndLeavesTheFirstAlone) {
  const plan::Plan plan = PlanWith({{"pids", "pids.max", "5"}});
  auto first = Leaf::Create(plan);
  ASSERT_TRUE(first);
  const auto second = Leaf::Create(plan);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::ErrorKind::kExists);
  for (const std::string& path : first->paths()) EXPECT_TRUE(Exists(path)) << path;
}

TEST_F(LeafV1, LeftoverIsRemovedWithTheProcessesInIt) {
  const plan::Plan plan = PlanWith({{"pids", "pids.max", "5"}});
  auto leaf = Leaf::Create(plan);
  ASSERT_TRUE(leaf);
  const std::vector<std::string> paths = leaf->paths();
  int go = -1;
  const pid_t pid = Bear(*leaf, go, [] { return 0; });
  const auto removed = RemoveLeftover(paths, std::chrono::seconds(2));
  const int status = Wait(pid);
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(WIFSIGNALED(status));
  close(go);
  for (const std::string& path : paths) EXPECT_FALSE(Exists(path)) << path;
  EXPECT_TRUE(RemoveLeftover(paths, std::chrono::seconds(1)));
}

TEST(RemoveLeftover, TouchesNothingThatIsNoLeafOfACell) {
  for (const char* path : {"/sys/fs/cgroup", "/tmp/work", "/sys/fs/cgroup/pids/other", "relative/cellos_x",
                           "/sys/fs/cgroup/cellos_x/../y/work", ""}) {
    const auto removed = RemoveLeftover({path}, std::chrono::milliseconds(1));
    ASSERT_FALSE(removed) << path;
    EXPECT_EQ(removed.error().kind, base::ErrorKind::kInvalid);
  }
}

TEST(Leaf, WithoutAHierarchyEveryCallIsANoOp) {
  auto leaf = Leaf::Create(plan::Plan{});
  ASSERT_TRUE(leaf);
  EXPECT_FALSE(leaf->exists());
  EXPECT_EQ(leaf->guard_directory(), -1);
  EXPECT_TRUE(leaf->OpenTasks()->empty());
  EXPECT_TRUE(leaf->AddWorkload(getpid()) && leaf->KillAll());
  EXPECT_TRUE(leaf->ReadLimits()->empty());
  EXPECT_FALSE(leaf->OomKilled().value());
  EXPECT_TRUE(leaf->Remove(std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace cgroup
