// SPDX-License-Identifier: Apache-2.0
// The real agent, real processes: every life is counted to the unit.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <thread>

#include "agent_fixture.h"

namespace guest {
namespace {

TEST_F(AgentTest, EveryExecutedProgramIsToldOnceWithItsName) {
  const auto outcome = RunWorld({}, [](const WorldView&) {
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
  const auto outcome = RunWorld({}, [](const WorldView&) {
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
  const auto outcome = RunWorld({}, [](const WorldView&) {
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
  const auto outcome = RunWorld({}, [](const WorldView&) {
    for (int i = 0; i < kMany; ++i) std::thread([] {}).join();
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), 1u);
}

TEST_F(AgentTest, ThreadsBesideProcessesAreToldApart) {
  const auto outcome = RunWorld({}, [](const WorldView&) {
    for (int i = 0; i < kMany / 2; ++i) {
      std::thread thread([] {});
      const pid_t pid = Fork([] {
        for (;;) pause();
      });
      kill(pid, SIGKILL);
      Wait(pid);
      thread.join();
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), kMany / 2 + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), kMany / 2 + 1u);
}

TEST_F(AgentTest, AFurtherExecOfALifeIsToldAndAFailedOneIsNot) {
  const auto outcome = RunWorld({}, [](const WorldView&) {
    for (int i = 0; i < 100; ++i) {
      Wait(Fork([] {
        Execute("/nowhere/env");  // as a search along PATH does
        Execute("/nowhere/either");
        Execute("/usr/bin/env");
      }));
      Wait(Fork([] {
        execl("/usr/bin/env", "env", "/bin/true", static_cast<char*>(nullptr));
      }));
      Wait(Fork([] {
        execl("/usr/bin/env", "env", "PATH=/nowhere:/neither:/bin", "true", static_cast<char*>(nullptr));
      }));
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), 301u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 501u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned, "env"), 300u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned, "true"), 200u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited, "true"), 200u);
}

TEST_F(AgentTest, AThreadThatExecutesIsItsProcess) {
  const auto outcome = RunWorld({}, [](const WorldView&) {
    for (int i = 0; i < 100; ++i) {
      Wait(Fork([] {
        std::thread([] { Execute("/bin/true"); }).join();
      }));
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 101u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), 101u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited, "true"), 100u);
}

TEST_F(AgentTest, FullDetailKnowsEveryCauseOfDeath) {
  WorldOptions options;
  options.full = true;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    for (int i = 0; i < kMany / 4; ++i) {
      const pid_t pid = Fork([] {
        for (;;) pause();
      });
      kill(pid, i % 2 == 0 ? SIGKILL : SIGTERM);
      Wait(pid);
      Wait(Fork([] { _exit(42); }));
      Wait(Fork([] { syscall(SYS_exit, 43); }));
      Wait(Fork([] { Execute("/bin/false"); }));
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), kMany + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), kMany + 1u);
  std::map<std::uint64_t, int> causes;
  for (const auto& frame : outcome.Of(ProbeSource::kAgentExitStatus)) ++causes[frame.guest_monotonic_ns];
  EXPECT_EQ(causes[42], kMany / 4);
  EXPECT_EQ(causes[1], kMany / 4);
  // Causes of the killed, and of who ends without exit_group, are the kernel's (6.15) to tell.
  const int killed = causes[wire::kExitBySignal | SIGKILL] + causes[wire::kExitBySignal | SIGTERM];
  if (killed + causes[43] < 10) GTEST_SKIP() << "this kernel does not tell how a reaped process ended";
  EXPECT_EQ(killed, kMany / 4);
  EXPECT_EQ(causes[43], kMany / 4);
}

TEST_F(AgentTest, FullDetailTellsOfADeathBeforeAnybodyReaps) {
  constexpr std::uint64_t kUnreapedMs = 500;
  WorldOptions options;
  options.full = true;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    kill(Fork([] {
           for (;;) pause();
         }),
         SIGKILL);
    usleep(kUnreapedMs * 1000);
    return 0;
  });
  ExpectGoodEnd(outcome);
  const auto ends = outcome.Of(ProbeSource::kProcessExited);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_LT(ends[0].guest_monotonic_ns + kUnreapedMs * 1'000'000 / 2, ends[1].guest_monotonic_ns);
}

TEST_F(AgentTest, MoreProcessesThanItHasDescriptorsBlindItNot) {
  WorldOptions options;
  options.full = true;
  options.descriptors = 64;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    pid_t idle[100];
    for (pid_t& pid : idle) pid = Fork([] {
      for (;;) pause();
    });
    for (int i = 0; i < 20; ++i) Wait(Fork([] { Execute("/bin/true"); }));
    for (const pid_t pid : idle) kill(pid, SIGKILL);
    for (const pid_t pid : idle) Wait(pid);
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 121u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), 121u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned, "true"), 20u);
}

TEST_F(AgentTest, WhatItCannotLookAtIsNotTakenForGone) {
  WorldOptions options;
  options.outside = [](const WorldView& world) {
    const rlimit none = {4, 4};
    const int status = prlimit(2, RLIMIT_NOFILE, &none, nullptr);
    world.Raise();
    return status;
  };
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    world.AwaitFlag();
    for (int i = 0; i < 20; ++i) Wait(Fork([] { Execute("/bin/true"); }));
    return 0;
  });
  EXPECT_EQ(outcome.outside, 0);
  ASSERT_TRUE(WIFEXITED(outcome.agent_status));
  EXPECT_EQ(WEXITSTATUS(outcome.agent_status), wire::kAgentExitFailed);
}

TEST_F(AgentTest, UnreapedAndOrphanedProcessesEnd) {
  const auto outcome = RunWorld({}, [](const WorldView&) {
    for (int i = 0; i < 50; ++i) {
      Fork([] { _exit(0); });                       // never waited for
      Fork([] { raise(SIGKILL); });                 // nor is this one
      Wait(Fork([] { Fork([] { _exit(0); }); }));   // an orphan
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 201u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), 201u);
}

// TM-03. A number is used again within a few milliseconds.
TEST_F(AgentTest, AReusedNumberIsAnotherLife) {
  WorldOptions options;
  options.pid_max = 400;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    for (int i = 0; i < kMany; ++i) {
      Wait(Fork([] { _exit(0); }));
      if (i % 10 == 0) Wait(Fork([] { Execute("/bin/true"); }));
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  std::uint32_t highest = 0;
  for (const auto& frame : outcome.frames) highest = std::max(highest, frame.guest_pid);
  if (highest > 400) GTEST_SKIP() << "this kernel has one pid_max for all namespaces";
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), kMany + kMany / 10 + 1u);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessExited), kMany + kMany / 10 + 1u);
}

// A start that a limit refuses uses up a number, too.
TEST_F(AgentTest, StartsThatAPidsLimitRefusesAreNoProcesses) {
  const std::string directory = "/sys/fs/cgroup/pids/cellos-agent-test-" + std::to_string(getpid());
  if (mkdir(directory.c_str(), 0700) != 0) GTEST_SKIP() << directory << ": " << strerror(errno);
  std::ofstream(directory + "/pids.max") << 3;
  const auto outcome = RunWorld({}, [&](const WorldView&) {
    std::ofstream(directory + "/cgroup.procs") << 0 << std::flush;
    int refused = 0;
    for (int round = 0; round < 20; ++round) {
      const pid_t one = Fork([] { pause(); }), other = Fork([] { pause(); });
      for (int i = 0; i < 100; ++i) refused += fork() < 0 && errno == EAGAIN;
      for (const pid_t pid : {one, other}) kill(pid, SIGKILL);
      Wait(one);
      Wait(other);
    }
    return refused == 2000 ? 0 : 1;
  });
  rmdir(directory.c_str());
  ExpectGoodEnd(outcome);
  // Starts elsewhere on the machine are what makes the count inexact, and never too small.
  EXPECT_GE(outcome.Count(ProbeSource::kProcessSpawned), 41u);
  EXPECT_LE(outcome.Count(ProbeSource::kProcessSpawned), 1000u);
  RecordProperty("told", static_cast<int>(outcome.Count(ProbeSource::kProcessSpawned)));
}

TEST_F(AgentTest, TenThousandProcessesLeaveItSmall) {
  WorldOptions options;
  options.outside = [](const WorldView& world) {
    world.AwaitFlag();
    const int fd = openat(world.proc, "2/smaps_rollup", O_RDONLY);
    char text[2048] = {};
    int pss = 0;
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0) {
      const char* line = strstr(text, "\nPss:");
      if (line != nullptr) pss = atoi(line + 5);
    }
    *world.flag = 2;
    return pss;
  };
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    for (int i = 0; i < 10 * kMany; ++i) Wait(Fork([] { _exit(0); }));
    world.Raise();
    while (*world.flag != 2) usleep(1000);
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kProcessSpawned), 10 * kMany + 1u);
  if (outcome.outside == 0) GTEST_SKIP() << "its memory can't be read here";
  EXPECT_LE(outcome.outside, 300);
  RecordProperty("pss_kb", outcome.outside);
  printf("PSS %d KiB\n", outcome.outside);
}

}  // namespace
}  // namespace guest
