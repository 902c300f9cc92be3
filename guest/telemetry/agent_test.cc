// SPDX-License-Identifier: Apache-2.0
// The real agent, real processes: what it tells is counted to the unit.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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

void Execute(const char* path) {
  dup2(open("/dev/null", O_WRONLY), 1);
  execl(path, path, static_cast<char*>(nullptr));
}

constexpr int kMany = 1000;

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

TEST_F(AgentTest, EveryConnectAndAddressedSendIsToldAndGoesOn) {
  WorldOptions options;
  options.sources = kProcessSources | SourceBit(ProbeSource::kNetConnectAttempted);
  const auto outcome = RunWorld(options, [](const WorldView&) {
    sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nowhere/socket"};
    const auto* address = reinterpret_cast<const sockaddr*>(&nowhere);
    const int stream = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    int wrong = 0;
    for (int i = 0; i < kMany; ++i) wrong += connect(stream, address, sizeof nowhere) == 0 || errno != ENOENT;
    for (int i = 0; i < 10; ++i) {
      wrong += sendto(datagram, "x", 1, 0, address, sizeof nowhere) >= 0 || errno != ENOENT;
      wrong += send(datagram, "x", 1, 0) >= 0 || errno != ENOTCONN;
    }
    std::thread([&] { connect(stream, address, sizeof nowhere); }).join();
    return wrong;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kNetConnectAttempted), kMany + 11u);
  const std::uint32_t leader = outcome.Of(ProbeSource::kProcessSpawned).at(0).guest_pid;
  for (const auto& frame : outcome.Of(ProbeSource::kNetConnectAttempted)) ASSERT_EQ(frame.guest_pid, leader);
}

TEST_F(AgentTest, ADeniedCallIsRefusedAndTold) {
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kCapabilityDenied);
  const auto outcome = RunWorld(options, [](const WorldView&) {
    int wrong = 0;
    for (int i = 0; i < 100; ++i) {
      wrong += mount("none", "/tmp", "tmpfs", 0, nullptr) == 0 || errno != EPERM;
      wrong += chroot("/") == 0 || errno != EPERM;
    }
    return wrong;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kCapabilityDenied), 200u);
  EXPECT_EQ(outcome.frames.size(), 200u + outcome.Count(ProbeSource::kAgentHeartbeat)) << "only what was declared";
}

TEST_F(AgentTest, TheWatchedPathIsTold) {
  char directory[] = "/tmp/agent-watch-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kFsInotifyFired);
  options.watch_path = directory;
  const auto outcome = RunWorld(options, [&](const WorldView&) {
    std::ofstream(std::string(directory) + "/made") << "x";
    return 0;
  });
  unlink((std::string(directory) + "/made").c_str());
  rmdir(directory);
  ExpectGoodEnd(outcome);
  const auto fired = outcome.Of(ProbeSource::kFsInotifyFired);
  ASSERT_GE(fired.size(), 1u);
  EXPECT_EQ(fired[0].guest_pid, 2u);
  EXPECT_EQ(std::string(fired[0].comm, fired[0].comm_size), "cellos-telemetry");
}

TEST_F(AgentTest, AWatchedPathThatIsNotThereFailsTheStartWithItsErrno) {
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kFsInotifyFired);
  options.watch_path = "/nowhere/at/all";
  const auto outcome = RunWorld(options, [](const WorldView&) { return 0; });
  EXPECT_EQ(outcome.answer, ENOENT);
  EXPECT_EQ(outcome.agent_status, wire::kAgentExitFailed << 8);
  EXPECT_EQ(outcome.leader_status, 90 << 8);
  EXPECT_TRUE(outcome.frames.empty());
}

TEST_F(AgentTest, AnIdleAgentBeatsAndSendsHeartbeats) {
  WorldOptions options;
  options.heartbeat_ms = 100;
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    const std::uint64_t start = world.page->beat;
    while (world.page->beat < start + 12) usleep(1000);
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_GE(outcome.Count(ProbeSource::kAgentHeartbeat, "cellos-telemetry"), 2u);
}

TEST_F(AgentTest, AHostThatDidNotAskIsToldPublishedSourcesAlone) {
  WorldOptions options;
  options.ours = false;
  options.heartbeat_ms = 1;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    for (int i = 0; i < 50; ++i) Wait(Fork([] { _exit(9); }));
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.frames.size(), 102u);
  for (const auto& frame : outcome.frames) EXPECT_LE(frame.source, ProbeSource::kProcessExited);
}

TEST_F(AgentTest, AStoppedAgentBeatsNoMoreAndGoesOnLater) {
  WorldOptions options;
  options.outside = [](const WorldView& world) {
    const auto signal = [&](int number) { return syscall(SYS_pidfd_send_signal, world.agent_pidfd, number, nullptr, 0); };
    if (signal(SIGSTOP) != 0) return 1;
    usleep(50'000);  // whatever it was doing is over
    const std::uint64_t stopped = world.page->beat;
    usleep(3 * wire::kAgentBeatMs * 1000);
    if (world.page->beat != stopped) return 2;
    if (signal(SIGCONT) != 0) return 3;
    while (world.page->beat == stopped) usleep(1000);
    world.Raise();
    return 0;
  };
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    world.AwaitFlag();
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.outside, 0);
}

TEST_F(AgentTest, AChannelThatNobodyReadsLosesEventsByTheUnitAndNeverItsAlignment) {
  WorldOptions options;
  options.read_channel = false;
  constexpr int kFlood = 6000;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    for (int i = 0; i < kFlood; ++i) Wait(Fork([] { _exit(0); }));
    return 0;
  });
  EXPECT_TRUE(outcome.aligned);
  EXPECT_EQ(outcome.agent_status, 0);
  std::uint64_t dropped = 0, told = 0;
  for (const auto& frame : outcome.frames) {
    if (frame.source == ProbeSource::kAgentDropped) {
      EXPECT_GE(frame.guest_monotonic_ns, dropped);
      dropped = frame.guest_monotonic_ns;
    } else {
      told += frame.source != ProbeSource::kAgentHeartbeat;
    }
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(told + dropped, 3u * (kFlood + 1));
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
