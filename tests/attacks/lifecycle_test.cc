// SPDX-License-Identifier: Apache-2.0
// Rows LC of the threats: crash, clean-up, second comers; and that the inventory after each run can fail.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "harness.h"

namespace attacks {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class Lifecycle : public Attack {
 protected:
  pid_t Find(const std::string& name) const {
    for (const pid_t pid : Descendants()) {
      if (Read("/proc/" + std::to_string(pid) + "/comm") == name + "\n") return pid;
    }
    return -1;
  }
};

TEST_P(Lifecycle, TheInventorySeesALivingCell) {
  const How how = {.options = {"--pids", "64"}};
  const Started started = Start({"/bin/sh", "-c", "echo up; exec sleep 30"}, how);
  ASSERT_TRUE(WaitForOutput("up"));
  const std::string run = Runs().at(0);
  const std::string held = LeftOvers(started.id, Read(run + "/events.jsonl"), milliseconds(0));
  EXPECT_NE(held.find("processes"), std::string::npos) << held;
  EXPECT_NE(held.find("a live entry"), std::string::npos) << held;
  if (GetParam() == As::kSelf && getuid() == 0) {
    EXPECT_NE(held.find("control groups"), std::string::npos) << held;
    EXPECT_NE(held.find("slot"), std::string::npos) << held;
  }
  kill(started.pid, SIGTERM);
  EXPECT_EQ(Wait(started, how).status, 128 + SIGTERM);
}

// At moments spread over start, run and stop.
TEST_P(Lifecycle, LC01_AKilledSupervisorLeavesNothing) {
  Run({"/bin/true"});  // makes the state directory, without which gc has nothing to look at
  for (const int after : {2, 8, 15, 25, 40, 60, 90, 140}) {
    const Started started = Start({"/bin/sh", "-c", "(sleep 30 &) ; sleep 0.05"});
    std::this_thread::sleep_for(milliseconds(after));
    kill(started.pid, SIGKILL);
    int status = 0;
    waitpid(started.pid, &status, 0);
    for (int i = 0; i < 2500 && !Descendants().empty(); ++i) {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      std::this_thread::sleep_for(milliseconds(2));
    }
    EXPECT_TRUE(Descendants().empty()) << "killed after " << after << " ms";
    EXPECT_EQ(Cellos({"gc"}).status, 0);
    EXPECT_EQ(LeftOvers(started.id, ""), "") << "killed after " << after << " ms";
  }
  for (const std::string& run : Runs()) {
    const Finished verified = Cellos({"verify", fs::path(run).filename()});
    EXPECT_TRUE(verified.status == 0 || verified.status == 3) << verified.out;
    EXPECT_EQ(verified.out.find("FAILED"), std::string::npos);
  }
}

TEST_P(Lifecycle, LC03_TheNextCellSeesNothingOfTheLast) {
  Shell(
      "echo x > /tmp/mark; echo x > /dev/shm/mark; echo x > /workspace/mark; "
      "python3 -c 'import ctypes;c=ctypes.CDLL(None);print(c.shmget(4711,4096,0o1600))' 2>/dev/null; exit 0");
  const Finished next = Shell("ls -A /tmp /dev/shm /workspace | grep -c mark; tail -n +2 /proc/sysvipc/shm | wc -l");
  EXPECT_EQ(next.out, "0\n0\n");
}

TEST_P(Lifecycle, LC04_ACrashOfInitOrReaperEndsTheCell) {
  for (const char* name : {"cellos-init", "cellos-reaper"}) {
    const Started started = Start({"/bin/sh", "-c", "echo up; exec sleep 30"});
    ASSERT_TRUE(WaitForOutput("up"));
    const pid_t victim = Find(name);
    ASSERT_GT(victim, 0) << name;
    kill(victim, SIGKILL);
    const Finished run = Wait(started, {.verify = false});
    // What init did not live to tell is missing, and said to be.
    EXPECT_EQ(Cellos({"verify", fs::path(run.directory).filename()}).status, 3);
    EXPECT_EQ(run.Reason(), "init_crashed") << name << run.json;
    EXPECT_EQ(run.status, 137) << name;
    EXPECT_LT(run.took.count(), 15000) << name;
    EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"init_crashed\""}));
  }
}

TEST_P(Lifecycle, LC05_AStateDirectoryThatCannotBeWrittenStopsTheStart) {
  Write("file", "x");
  const Finished file = Run({"/bin/true"}, {.options = {"--state-dir", top() + "/file"}, .verify = false});
  EXPECT_EQ(file.status, 125) << file.err;
  const Finished proc = Run({"/bin/true"}, {.options = {"--state-dir", "/proc/self/fd"}, .verify = false});
  EXPECT_EQ(proc.status, 125) << proc.err;
  EXPECT_FALSE(file.Logged("started"));
}

TEST_P(Lifecycle, LC06_AStoppedWorkloadDoesNotHoldTheEndBack) {
  const Finished run = Shell("kill -STOP $$", {.options = {"--ttl", "2"}});
  EXPECT_EQ(run.Reason(), "ttl_exceeded");
  EXPECT_LT(run.took.count(), 8000);
}

TEST_P(Lifecycle, ASecondSupervisorCannotTakeALivingRun) {
  const How how = {.environment = {"CELLOS_RUN_ID=the-same-run"}};
  const Started first = Start({"/bin/sh", "-c", "echo up; exec sleep 30"}, how);
  ASSERT_TRUE(WaitForOutput("up"));
  const Finished second = Cellos({"run", "--", "/bin/true"}, how);
  EXPECT_EQ(second.status, 125) << second.err;
  kill(first.pid, SIGTERM);
  int status = 0;
  waitpid(first.pid, &status, 0);
  EXPECT_EQ(Cellos({"verify", "the-same-run"}).status, 0);
  EXPECT_EQ(Cellos({"run", "--", "/bin/true"}, how).status, 125) << "nor one that ended";
}

ATTACK_AS_EVERYBODY(Lifecycle);

}  // namespace
}  // namespace attacks
