// SPDX-License-Identifier: Apache-2.0
// The real agent, real processes: what it tells is counted to the unit.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <thread>

#include "agent_world_fixture.h"

namespace guest {
namespace {

using wire::ProbeSource;
using wire::SourceBit;

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoWorld(); !why.empty()) GTEST_SKIP() << why;
  }
  static void ExpectGoodEnd(const WorldOutcome& outcome, int leader_code = 0) {
    EXPECT_TRUE(outcome.aligned);
    EXPECT_EQ(outcome.answer, wire::kAgentArmed);
    EXPECT_EQ(outcome.leader_status, leader_code << 8);
    EXPECT_EQ(outcome.agent_status, 0);
    EXPECT_EQ(outcome.page.finished, 1u);
    EXPECT_EQ(outcome.page.taken, outcome.page.answered);
    EXPECT_EQ(outcome.Unpaired(), "");
  }
};

int Wait(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

template <class Child>
pid_t Fork(Child child) {
  const pid_t pid = fork();
  if (pid == 0) {
    child();
    _exit(88);
  }
  return pid;
}

void Execute(const char* path) { execl(path, path, static_cast<char*>(nullptr)); }

constexpr int kMany = 1000;

TEST_F(AgentTest, EveryExecutedProgramIsToldOnceWithItsName) {
  const auto outcome = RunWorld({}, [](const LeaderView&) {
    for (int i = 0; i < kMany; ++i) Wait(Fork([] { Execute("/bin/true"); }));
    return 3;
  });
  ExpectGoodEnd(outcome, 3);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), kMany + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), kMany + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned, "true"), kMany + 0u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited, "true"), kMany + 0u);
}

TEST_F(AgentTest, EveryPlainForkIsToldWithItsExitCode) {
  const auto outcome = RunWorld({}, [](const LeaderView&) {
    for (int i = 0; i < kMany; ++i) Wait(Fork([i] { _exit(i % 7); }));
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), kMany + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), kMany + 1u);
  std::map<std::uint64_t, int> codes;
  for (const auto& frame : outcome.Of(ProbeSource::kAgentExitStatus)) ++codes[frame.guest_monotonic_ns];
  ASSERT_EQ(codes.size(), 7u);
  for (const auto& [code, count] : codes) EXPECT_NEAR(count, kMany / 7, 2) << code;
}

TEST_F(AgentTest, ProcessesKilledAtOnceAreCounted) {
  const auto outcome = RunWorld({}, [](const LeaderView&) {
    for (int i = 0; i < kMany; ++i) {
      const pid_t pid = Fork([] {
        for (;;) pause();
      });
      kill(pid, SIGKILL);
      Wait(pid);
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), kMany + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), kMany + 1u);
}

TEST_F(AgentTest, ThreadsAreNoProcesses) {
  const auto outcome = RunWorld({}, [](const LeaderView&) {
    for (int i = 0; i < kMany; ++i) std::thread([] {}).join();
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), 1u);
}

}  // namespace
}  // namespace guest
