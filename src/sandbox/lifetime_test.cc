// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sandbox {
namespace {

using std::chrono::milliseconds;
using testing::PlanFor;
using testing::WaitGone;

// A supervisor in a process of its own, so that it can be stopped and killed: launches a cell whose workload ignores
// everything, tells its pids, and waits.
struct Supervisor {
  pid_t pid = -1, outer = 0, workload = 0;

  explicit Supervisor(milliseconds ttl = milliseconds(0)) {
    auto pipe = sys::Pipe();
    pid = fork();
    if (pid == 0) {
      const plan::Plan plan = PlanFor({"sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"});
      LaunchOptions options = testing::OptionsFor(plan, {});
      if (ttl.count() > 0) options.ttl_deadline = base::SystemClock().Boot() + ttl;
      auto cell = Cell::Launch(std::move(options));
      pid_t pids[2] = {};
      if (cell && cell->OpenBarrier({})) {
        pids[0] = cell->outer_pid();
        pids[1] = cell->workload_pid();
      }
      (void)sys::WriteAll(pipe->write.get(), {reinterpret_cast<const char*>(pids), sizeof pids});
      for (;;) pause();
    }
    pid_t pids[2] = {};
    (void)sys::ReadFull(pipe->read.get(), {reinterpret_cast<char*>(pids), sizeof pids});
    outer = pids[0];
    workload = pids[1];
  }
  ~Supervisor() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  Supervisor(const Supervisor&) = delete;
};

TEST(Lifetime, TheCellDiesWithItsSupervisor) {
  Supervisor supervisor;
  ASSERT_GT(supervisor.outer, 0);
  ASSERT_FALSE(WaitGone(supervisor.workload, milliseconds(50)));
  kill(supervisor.pid, SIGKILL);
  EXPECT_TRUE(WaitGone(supervisor.workload, milliseconds(2000)));
  EXPECT_TRUE(WaitGone(supervisor.outer, milliseconds(2000)));
}

TEST(Lifetime, TheCellDiesAtItsTimeToLiveThoughTheSupervisorIsStopped) {
  Supervisor supervisor(milliseconds(600));
  ASSERT_GT(supervisor.outer, 0);
  kill(supervisor.pid, SIGSTOP);
  ASSERT_FALSE(WaitGone(supervisor.workload, milliseconds(50)));
  EXPECT_TRUE(WaitGone(supervisor.workload, milliseconds(2000)));
  EXPECT_TRUE(WaitGone(supervisor.outer, milliseconds(2000)));
}

TEST(Lifetime, TimeToLiveIsToldAndNotBeforeItsTime) {
  const auto start = base::SystemClock().Boot();
  const auto outcome = testing::RunCell(PlanFor({"sleep", "60"}), {.ttl_deadline = start + milliseconds(400)});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(outcome->Has(CellEventKind::kTtlExpired));
  EXPECT_TRUE(outcome->Has(CellEventKind::kGone));
  EXPECT_GE(base::SystemClock().Boot() - start, milliseconds(400));
}

TEST(Lifetime, TimeToLiveCountsBeforeTheBarrierToo) {
  const plan::Plan plan = PlanFor({"true"});
  LaunchOptions options = testing::OptionsFor(plan, {});
  options.ttl_deadline = base::SystemClock().Boot() + milliseconds(200);
  auto cell = Cell::Launch(std::move(options));
  ASSERT_TRUE(cell) << cell.error().message;
  EXPECT_TRUE(WaitGone(cell->workload_pid(), milliseconds(2000)));
}

TEST(Lifetime, ADeadReaperEndsTheCell) {
  // From outside: nobody inside can touch it.
  const plan::Plan plan = PlanFor({"sleep", "60"});
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_TRUE(cell) << cell.error().message;
  ASSERT_TRUE(cell->OpenBarrier({}));
  const std::string children = fmt::format("/proc/{0}/task/{0}/children", cell->outer_pid());
  const pid_t reaper = std::stoi(sys::ReadFile(AT_FDCWD, children, 100).value_or("0"));
  ASSERT_GT(reaper, 0);
  kill(reaper, SIGKILL);
  EXPECT_TRUE(WaitGone(cell->workload_pid(), milliseconds(2000)));
  EXPECT_TRUE(WaitGone(cell->outer_pid(), milliseconds(2000)));
}

TEST(Lifetime, KillEndsEverythingAndIsIdempotent) {
  const plan::Plan plan = PlanFor({"sh", "-c", "sleep 100 & sleep 100 & setsid sleep 100 & wait"});
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_TRUE(cell) << cell.error().message;
  ASSERT_TRUE(cell->OpenBarrier({}));
  usleep(200000);
  EXPECT_TRUE(cell->Kill(milliseconds(2000)));
  EXPECT_EQ(kill(cell->workload_pid(), 0), -1);
  EXPECT_TRUE(cell->Kill(milliseconds(2000)));
  bool gone = false;
  while (const auto event = cell->ReadEvent().value_or(std::nullopt)) gone = event->kind == CellEventKind::kGone;
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace sandbox
