// SPDX-License-Identifier: Apache-2.0
// The real agent beside lives: connects, denials, the watched path, its channel, its beat.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include <fstream>
#include <thread>

#include "agent_fixture.h"
#include "outbox.h"

namespace guest {
namespace {

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

// TM-08. A call that a signal interrupts is notified again by kernels before 5.19, which know no killable wait.
TEST_F(AgentTest, AConnectThatASignalInterruptsIsToldOnce) {
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kNetConnectAttempted);
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    if (!world.killable_wait) return 77;
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    const itimerval often = {{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &often, nullptr);
    sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nowhere/socket"};
    const int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int i = 0; i < kMany; ++i) connect(stream, reinterpret_cast<const sockaddr*>(&nowhere), sizeof nowhere);
    return 0;
  });
  if (outcome.leader_status == 77 << 8) GTEST_SKIP() << "this kernel knows no SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kNetConnectAttempted), kMany + 0u);
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

TEST_F(AgentTest, TheWatchedPathIsToldEvenIfTheLastActOfTheWorkload) {
  char directory[] = "/tmp/agent-watch-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kFsInotifyFired);
  options.watch_path = directory;
  // The agent sees the change and the end of all at once.
  options.outside = [](const WorldView& world) {
    if (syscall(SYS_pidfd_send_signal, world.agent_pidfd, SIGSTOP, nullptr, 0) != 0) return 1;
    usleep(20'000);
    world.Raise();
    while (*world.flag != 2) usleep(1000);
    usleep(20'000);
    return syscall(SYS_pidfd_send_signal, world.agent_pidfd, SIGCONT, nullptr, 0) == 0 ? 0 : 2;
  };
  const auto outcome = RunWorld(options, [&](const WorldView& world) {
    world.AwaitFlag();
    std::ofstream(std::string(directory) + "/made") << "x";
    *world.flag = 2;
    return 0;
  });
  unlink((std::string(directory) + "/made").c_str());
  rmdir(directory);
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.outside, 0);
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

TEST_F(AgentTest, AfterABurstItBeatsAndSendsHeartbeatsAsAnIdleOne) {
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kNetConnectAttempted);
  options.heartbeat_ms = 100;
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    for (int i = 0; i < kMany; ++i) connect(-1, nullptr, 0);
    const std::uint64_t start = world.page->beat;
    while (world.page->beat < start + 12) usleep(1000);
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kNetConnectAttempted), kMany + 0u);
  EXPECT_GE(outcome.Count(ProbeSource::kAgentHeartbeat, "cellos-telemetry"), 2u);
}

TEST_F(AgentTest, CallsOfManyThreadsAreAllAnsweredWhateverSignalsComeMeanwhile) {
  constexpr int kThreads = 8, kCallsEach = 2 * kMany;
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kNetConnectAttempted);
  options.outside = [](const WorldView& world) {
    while (*world.flag == 0) syscall(SYS_pidfd_send_signal, world.agent_pidfd, SIGALRM, nullptr, 0);
    return 0;
  };
  const auto outcome = RunWorld(options, [](const WorldView& world) {
    const auto call = [] {
      for (int i = 0; i < kCallsEach; ++i) connect(-1, nullptr, 0);
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(call);
    for (std::thread& thread : threads) thread.join();
    world.Raise();
    return 0;
  });
  ExpectGoodEnd(outcome);
  EXPECT_EQ(outcome.Count(ProbeSource::kNetConnectAttempted), static_cast<std::size_t>(kThreads) * kCallsEach);
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
    const auto signal = [&](int number) {
      return syscall(SYS_pidfd_send_signal, world.agent_pidfd, number, nullptr, 0);
    };
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
  options.small_channel = true;
  constexpr int kFlood = 2000;
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

TEST_F(AgentTest, AChannelThatWasFullIsUsedAgainAsSoonAsItIsRead) {
  WorldOptions options;
  options.sources = SourceBit(ProbeSource::kNetConnectAttempted);
  options.small_channel = true;
  constexpr std::size_t kFlood = 4 * Outbox::kCapacity, kBurst = Outbox::kCapacity / 4;
  const auto outcome = RunWorld(options, [](const WorldView&) {
    for (std::size_t i = 1; i <= kFlood; ++i) {
      connect(-1, nullptr, 0);
      if (i % kBurst == 0) usleep(20'000);  // for the test to read
    }
    return 0;
  });
  ExpectGoodEnd(outcome);
  // One that never asked again would have told what the channel took at first, and at the end what its queue held.
  EXPECT_GT(outcome.Count(ProbeSource::kNetConnectAttempted), 2u * Outbox::kCapacity);
}

}  // namespace
}  // namespace guest
