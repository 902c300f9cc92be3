// SPDX-License-Identifier: Apache-2.0
// Outer init and the reaper, seen from outside: what they hold, what locks them, and that each ends the cell alone.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>
#include <string>

#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "sys/file.h"
#include "wire/agent_config.h"

namespace sandbox {
namespace {

using std::chrono::milliseconds;
using testing::PlanFor;
using testing::WaitGone;

constexpr std::uint32_t kProcesses = wire::SourceBit(wire::ProbeSource::kProcessSpawned);

std::string NameOf(pid_t pid) {
  std::string name;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)) >> std::ws, name);
  return name;
}

pid_t ReaperOf(pid_t outer) {
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", outer));
  for (pid_t pid = 0; children >> pid;) {
    if (NameOf(pid) == "cellos-reaper") return pid;
  }
  return -1;
}

// "0 timer, 4 socket": numbers and what they are.
std::string Descriptors(pid_t pid) {
  std::set<std::string> open;
  const std::string path = fmt::format("/proc/{}/fd", pid);
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return "unreadable";
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    char target[256] = {};
    (void)!readlink((path + "/" + entry->d_name).c_str(), target, sizeof target - 1);
    std::string_view kind = target;
    for (const std::string_view known : {"socket", "timerfd", "signalfd", "pidfd"}) {
      if (kind.contains(known)) kind = known;
    }
    open.insert(fmt::format("{} {}", entry->d_name, kind));
  }
  closedir(directory);
  return fmt::format("{}", fmt::join(open, ", "));
}

// What `read` gives, once it is `wanted` or has not come to be for long: the reaper locks itself while its child starts.
std::string Settled(const std::string& wanted, const std::function<std::string()>& read) {
  std::string last = read();
  for (int i = 0; i < 500 && last != wanted; ++i, usleep(10'000)) last = read();
  return last;
}

std::string StatusOf(pid_t pid, std::string_view key) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return line.substr(line.find('\t') + 1);
  }
  return "";
}

TEST(Init, IsLockedByAFilterInBothItsLives) {
  const plan::Plan plan = PlanFor({"sleep", "60"});
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_TRUE(cell) << cell.error().message;
  for (const pid_t pid : {cell->outer_pid(), ReaperOf(cell->outer_pid())}) {
    ASSERT_GT(pid, 0);
    EXPECT_EQ(Settled("2", [pid] { return StatusOf(pid, "Seccomp:"); }), "2") << NameOf(pid);
    EXPECT_EQ(StatusOf(pid, "CapEff:"), "0000000000000000") << NameOf(pid);
    EXPECT_EQ(StatusOf(pid, "NoNewPrivs:"), "1") << NameOf(pid);
  }
}

TEST(Init, HoldsNothingButWhatItWatches) {
  if (geteuid() != 0) GTEST_SKIP() << "an ordinary user cannot list the descriptors of a process that is not dumpable";
  for (const bool watched : {false, true}) {
    const plan::Plan plan = watched ? testing::Watched(PlanFor({"sleep", "60"}), kProcesses) : PlanFor({"sleep", "60"});
    const std::string of_outer = watched ? "0 timerfd, 1 timerfd, 4 socket, 5 pidfd, 6 pidfd" : "0 timerfd, 4 socket, 5 pidfd";
    const std::string of_reaper = "3 signalfd, 4 socket";
    const auto outcome = testing::RunCell(plan, {.after_barrier = [&](Cell& cell) {
      const pid_t outer = cell.outer_pid(), reaper = ReaperOf(outer);
      EXPECT_EQ(Settled(of_outer, [outer] { return Descriptors(outer); }), of_outer);
      EXPECT_EQ(Settled(of_reaper, [reaper] { return Descriptors(reaper); }), of_reaper);
      EXPECT_TRUE(cell.Kill(milliseconds(2000)));
    }});
    ASSERT_TRUE(outcome) << outcome.error().message;
  }
}

// A supervisor of its own with a cell; when `stopped` stands still, the other of the two ends the cell with it.
std::string DiesWithItsSupervisor(const std::function<pid_t(pid_t outer)>& stopped) {
  auto pipe = sys::Pipe();
  const pid_t supervisor = fork();
  if (supervisor == 0) {
    const plan::Plan plan = PlanFor({"sleep", "600"});
    auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
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
  const pid_t still = pids[0] > 0 ? stopped(pids[0]) : -1;
  const bool stood = still > 0 && kill(still, SIGSTOP) == 0;
  kill(supervisor, SIGKILL);
  waitpid(supervisor, nullptr, 0);
  const bool gone = WaitGone(pids[1], milliseconds(3000));
  if (pids[0] > 0) kill(pids[0], SIGKILL);
  if (!stood) return "there was nobody to be stopped";
  return gone ? "" : "the workload lives on";
}

TEST(Init, EndsTheCellWithItsSupervisorThoughTheReaperStandsStill) {
  EXPECT_EQ(DiesWithItsSupervisor([](pid_t outer) { return ReaperOf(outer); }), "");
}

TEST(Init, TheReaperEndsTheCellWithItsSupervisorThoughOuterInitStandsStill) {
  EXPECT_EQ(DiesWithItsSupervisor([](pid_t outer) { return outer; }), "");
}

TEST(Init, DoesNotWaitForAWitnessThatHangsAfterTheWorkload) {
  const auto outcome = testing::RunCell(testing::Watched(PlanFor({"sleep", "600"}), kProcesses), {.after_barrier = [](Cell& cell) {
    const pid_t reaper = ReaperOf(cell.outer_pid());
    ASSERT_GT(reaper, 0);
    ASSERT_EQ(kill(cell.agent_pid(), SIGSTOP), 0);
    ASSERT_EQ(kill(reaper, SIGKILL), 0);
    EXPECT_TRUE(WaitGone(cell.outer_pid(), milliseconds(5000)));
  }});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(outcome->Has(CellEventKind::kGone));
}

}  // namespace
}  // namespace sandbox
