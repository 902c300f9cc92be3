// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include <set>

#include "plan/bpf_evaluator.h"
#include "plan/seccomp_table.h"
#include "wire/agent_config.h"

namespace plan {
namespace {

using Arguments = std::array<std::uint64_t, 6>;
using wire::ProbeSource;

constexpr std::uint64_t kHigh = 1ull << 32;
constexpr std::uint32_t kTold = SECCOMP_RET_USER_NOTIF, kAllow = SECCOMP_RET_ALLOW, kDie = SECCOMP_RET_KILL_PROCESS;
constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;

NotifyPlan Declares(std::initializer_list<ProbeSource> sources, bool full = false) {
  NotifyPlan notify{.full = full};
  for (const ProbeSource source : sources) notify.sources |= wire::SourceBit(source);
  return notify;
}
NotifyPlan Everything(bool full) { return {.sources = (1u << wire::kPublishedProbeSources) - 1, .full = full}; }

std::uint32_t Ask(const std::string& filter, int number, Arguments arguments = {}) {
  const auto outcome = EvaluateFilter(filter, {.number = static_cast<std::uint32_t>(number),
                                               .architecture = NativeArchitecture(),
                                               .arguments = arguments});
  EXPECT_TRUE(outcome);
  return outcome ? outcome->action : 0;
}

// Argument lists that reach every clause of the tables: each call is asked with all of them.
std::vector<Arguments> Probes() {
  std::vector<Arguments> probes = {{}};
  constexpr std::uint64_t kValues[] = {1, 2, 3, 10, 16, 31, 0x2000, CLONE_THREAD, CLONE_NEWUSER, CLONE_PARENT, 0x5412,
                                       kHigh, kHigh | 1, ~0ull};
  constexpr std::uint64_t kOthers[] = {1, 3, 04000, kHigh};
  for (const std::uint64_t value : kValues) {
    for (std::size_t a = 0; a < 6; ++a) {
      Arguments one = {};
      one[a] = value;
      probes.push_back(one);
      for (const std::uint64_t other : kOthers) {
        for (std::size_t b = 0; b < 3; ++b) {
          if (b == a) continue;
          Arguments two = one;
          two[b] = other;
          probes.push_back(two);
        }
      }
    }
  }
  constexpr std::uint64_t kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};
  constexpr std::uint64_t kProtocols[] = {0, 1, 6, 17, 255};
  for (const std::uint64_t family : kFamilies) {
    for (std::uint64_t type = 0; type < 16; ++type) {
      for (const std::uint64_t protocol : kProtocols) probes.push_back({family, type | SOCK_CLOEXEC, protocol});
    }
  }
  return probes;
}

// What the filters with and without a witness say differently, by number.
std::set<int> Differences(const NotifyPlan& notify) {
  static const std::string silent = WorkloadFilter();
  static const std::vector<Arguments> probes = Probes();
  const std::string told = WorkloadFilter(notify);
  std::set<int> numbers;
  for (int number = 0; number < 512; ++number) {
    for (const Arguments& arguments : probes) {
      const std::uint32_t before = Ask(silent, number, arguments), now = Ask(told, number, arguments);
      if (before == now) continue;
      numbers.insert(number);
      EXPECT_EQ(now, kTold) << number;
      EXPECT_TRUE(before == kAllow || before == kRefused) << number << " was " << before;
    }
  }
  return numbers;
}

std::set<int> Numbers(const NotifyPlan& notify) {
  std::set<int> numbers;
  for (const NotifiedCall& call : NotifiedCalls(notify)) numbers.insert(call.call.number);
  return numbers;
}

TEST(Notified, NothingWithoutAWitness) {
  EXPECT_EQ(WorkloadFilter(NotifyPlan{}), WorkloadFilter());
  EXPECT_EQ(WorkloadFilter(NotifyPlan{.full = true}), WorkloadFilter());
  EXPECT_EQ(WorkloadFilter(Declares({ProbeSource::kFsInotifyFired})), WorkloadFilter());
  const std::string silent = WorkloadFilter(), guard = GuardFilter(), agent = AgentFilter();
  for (int number = 0; number < 512; ++number) {
    for (const std::string* filter : {&silent, &guard, &agent}) {
      for (const Arguments& arguments : {Arguments{}, Arguments{~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}}) {
        ASSERT_NE(Ask(*filter, number, arguments), kTold) << number;
      }
    }
  }
}

TEST(Notified, EachSourceChangesItsOwnCallsOnly) {
  const std::set<int> process = {SYS_execve, SYS_execveat, SYS_exit_group, SYS_clone};
  EXPECT_EQ(Differences(Declares({ProbeSource::kProcessSpawned})), process);
  EXPECT_EQ(Differences(Declares({ProbeSource::kProcessExited})), process);
  std::set<int> full = process;
  full.insert({SYS_wait4, SYS_waitid});
#if defined(__x86_64__)
  full.insert({SYS_fork, SYS_vfork});
#endif
  EXPECT_EQ(Differences(Declares({ProbeSource::kProcessExited}, true)), full);
  EXPECT_EQ(Differences(Declares({ProbeSource::kNetConnectAttempted}, true)), (std::set<int>{SYS_connect, SYS_sendto}));
  const NotifyPlan capability = Declares({ProbeSource::kCapabilityDenied});
  EXPECT_EQ(Differences(capability), Numbers(capability));
  EXPECT_EQ(Differences(Everything(true)), Numbers(Everything(true)));
}

TEST(Notified, ThreadsAreToldFromProcessesByTheirFlag) {
  const std::string starts = WorkloadFilter(Declares({ProbeSource::kProcessSpawned}));
  const std::string full = WorkloadFilter(Declares({ProbeSource::kProcessSpawned}, true));
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  EXPECT_EQ(Ask(starts, SYS_clone, {kThread}), kTold);
  EXPECT_EQ(Ask(starts, SYS_clone, {kThread | kHigh}), kTold);
  EXPECT_EQ(Ask(starts, SYS_clone, {SIGCHLD}), kAllow);
  EXPECT_EQ(Ask(full, SYS_clone, {SIGCHLD}), kTold);
  EXPECT_EQ(Ask(full, SYS_clone, {kThread}), kTold);
  for (const std::string* filter : {&starts, &full}) {
    EXPECT_EQ(Ask(*filter, SYS_clone, {kThread | CLONE_NEWNS}), kRefused);
    EXPECT_EQ(Ask(*filter, SYS_clone, {CLONE_PARENT | SIGCHLD}), kRefused);
    EXPECT_EQ(Ask(*filter, SYS_clone, {SIGSYS}), kRefused);
    EXPECT_EQ(Ask(*filter, SYS_clone3, {}), SECCOMP_RET_ERRNO | ENOSYS);
  }
#if defined(__x86_64__)
  EXPECT_EQ(Ask(starts, SYS_fork), kAllow);
  EXPECT_EQ(Ask(full, SYS_fork), kTold);
  EXPECT_EQ(Ask(full, SYS_vfork), kTold);
#endif
}

TEST(Notified, DatagramsWithAnAddressInEitherHalf) {
  const std::string filter = WorkloadFilter(Declares({ProbeSource::kNetConnectAttempted}));
  EXPECT_EQ(Ask(filter, SYS_connect, {3}), kTold);
  EXPECT_EQ(Ask(filter, SYS_sendto, {3, 1, 1, 0, 0, 16}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_sendto, {3, 1, 1, 0, 1, 16}), kTold);
  EXPECT_EQ(Ask(filter, SYS_sendto, {3, 1, 1, 0, kHigh, 16}), kTold);
  EXPECT_EQ(Ask(filter, SYS_sendmsg, {3, 1}), kAllow);
}

// The names say what is told; the filter's answer to every one of them would be EPERM without a witness.
TEST(Notified, WhatIsToldAndRefusedWasRefusedBefore) {
  const std::string silent = WorkloadFilter(), told = WorkloadFilter(Declares({ProbeSource::kCapabilityDenied}));
  const auto check = [&](int number, Arguments arguments, bool is_told) {
    EXPECT_EQ(Ask(silent, number, arguments), kRefused) << number;
    EXPECT_EQ(Ask(told, number, arguments), is_told ? kTold : kRefused) << number;
  };
  for (const NotifiedCall& call : NotifiedCalls(Declares({ProbeSource::kCapabilityDenied}))) {
    EXPECT_EQ(call.answer, NotifiedCall::Answer::kRefuse) << call.call.name;
    if (call.clauses.empty()) check(call.call.number, {}, true);
  }
  check(SYS_clock_settime, {CLOCK_REALTIME}, true);
  check(SYS_clock_settime, {CLOCK_TAI}, false);
  check(SYS_clock_settime, {static_cast<std::uint32_t>(~3 << 3 | 3)}, false);  // the clock of a descriptor
  check(SYS_socket, {AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1}, true);
  check(SYS_socket, {AF_INET6 | kHigh, SOCK_RAW, 58}, true);
  check(SYS_socket, {AF_INET, SOCK_PACKET}, false);
  EXPECT_EQ(Ask(told, SYS_socket, {AF_PACKET, SOCK_RAW, 3}), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  EXPECT_EQ(Ask(told, SYS_socket, {AF_INET, SOCK_STREAM}), kAllow);
#if defined(__x86_64__)
  check(SYS_iopl, {0}, false);
  check(SYS_iopl, {3}, true);
  check(SYS_ioperm, {0x60, 1, 0}, false);
  check(SYS_ioperm, {0x60, 1, 1}, true);
#endif
  // Only the filter forbids these; the kernel would let some of them through.
  for (const int number : {SYS_ptrace, SYS_unshare, SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_userfaultfd,
                           SYS_io_uring_setup, SYS_open_by_handle_at, SYS_quotactl, SYS_open_tree, SYS_fanotify_init,
                           SYS_adjtimex, SYS_syslog, SYS_process_vm_readv, SYS_pidfd_getfd}) {
    check(number, {}, false);
  }
}

TEST(Notified, NamesSayWhichCalls) {
  EXPECT_THAT(NotifiedNames(Declares({ProbeSource::kProcessSpawned, ProbeSource::kNetConnectAttempted})),
              ::testing::UnorderedElementsAre("connect", "sendto with an address", "clone of a thread", "execve",
                                              "exit_group", "execveat"));
  EXPECT_TRUE(NotifiedNames(NotifyPlan{}).empty());
}

TEST(AgentFilter, LetsTheWitnessDoItsWorkAndNothingElse) {
  const std::string filter = AgentFilter();
  constexpr std::uint64_t kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  EXPECT_EQ(Ask(filter, SYS_sendto, {4, 1, 1, kFlags, 0, 0}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_sendto, {6, 1, 1, kFlags, 0, 0}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_sendto, {7, 1, 1, kFlags, 0, 0}), kDie);
  EXPECT_EQ(Ask(filter, SYS_sendto, {4, 1, 1, MSG_NOSIGNAL, 0, 0}), kDie);
  EXPECT_EQ(Ask(filter, SYS_sendto, {4, 1, 1, kFlags, 1, 16}), kDie);
  EXPECT_EQ(Ask(filter, SYS_sendto, {4, 1, 1, kFlags, kHigh, 16}), kDie);
  EXPECT_EQ(Ask(filter, SYS_openat, {5, 1, O_RDONLY | O_CLOEXEC}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_openat, {5, 1, O_WRONLY | O_CLOEXEC}), kDie);
  EXPECT_EQ(Ask(filter, SYS_openat, {static_cast<std::uint64_t>(AT_FDCWD), 1, O_RDONLY | O_CLOEXEC}), kDie);
  EXPECT_EQ(Ask(filter, SYS_ioctl, {8, SECCOMP_IOCTL_NOTIF_RECV}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_ioctl, {8, SECCOMP_IOCTL_NOTIF_SEND}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_ioctl, {8, SECCOMP_IOCTL_NOTIF_ADDFD}), kDie);
  EXPECT_EQ(Ask(filter, SYS_kill, {static_cast<std::uint64_t>(-7), 0}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_kill, {1, 9}), kDie);
  EXPECT_EQ(Ask(filter, SYS_pidfd_open, {7, 0}), kAllow);
  EXPECT_EQ(Ask(filter, SYS_clock_gettime, {CLOCK_MONOTONIC}), kAllow);
  for (const int number : {SYS_execve, SYS_clone, SYS_mmap, SYS_mprotect, SYS_socket, SYS_connect, SYS_ptrace,
                           SYS_process_vm_readv, SYS_pidfd_getfd, SYS_pidfd_send_signal, SYS_write, SYS_sendmsg,
                           SYS_recvmsg, SYS_prctl, SYS_seccomp, SYS_prlimit64}) {
    EXPECT_EQ(Ask(filter, number), kDie) << number;
  }
}

}  // namespace
}  // namespace plan
