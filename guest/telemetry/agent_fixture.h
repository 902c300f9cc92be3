// SPDX-License-Identifier: Apache-2.0
// What the tests of the real agent share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "agent_world_fixture.h"

namespace guest {

using wire::ProbeSource;
using wire::SourceBit;

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef CELLOS_SANITIZED
    GTEST_SKIP() << "the agent itself is never built with a sanitizer, and forks of a sanitized leader take too long";
#endif
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

inline int Wait(pid_t pid) {
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

inline void Execute(const char* path) {
  dup2(open("/dev/null", O_WRONLY), 1);
  execl(path, path, static_cast<char*>(nullptr));
}

inline constexpr int kMany = 1000;

}  // namespace guest
