// SPDX-License-Identifier: Apache-2.0
#include "plan/seccomp_table.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <map>

#include "plan/bpf_evaluator.h"

namespace plan {
namespace {

constexpr std::uint64_t kHigh = 0xdeadbeef00000000;

std::uint32_t Ask(int number, std::array<std::uint64_t, 6> arguments = {}) {
  static const std::string filter = WorkloadFilter();
  const auto outcome = EvaluateFilter(filter, {.number = static_cast<std::uint32_t>(number),
                                               .architecture = NativeArchitecture(),
                                               .arguments = arguments});
  EXPECT_TRUE(outcome);
  return outcome ? outcome->action : 0;
}

std::uint32_t Errno(int error) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error); }
constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;

TEST(WorkloadFilter, DecidesEveryNumberAsTheTablesSay) {
  std::map<int, std::uint32_t> expected;
  for (const SyscallGroup& group : AllowedGroups()) {
    for (const SyscallName& call : group.calls) EXPECT_TRUE(expected.emplace(call.number, kAllow).second) << call.name;
  }
  for (const SyscallRefusal& refusal : RefusedCalls()) {
    for (const SyscallName& call : refusal.calls) {
      EXPECT_TRUE(expected.emplace(call.number, Errno(refusal.error)).second) << call.name;
    }
  }
  std::map<int, bool> conditional;
  for (const ConditionalSyscall& row : ConditionalCalls()) {
    EXPECT_FALSE(expected.contains(row.call.number)) << row.call.name;
    EXPECT_TRUE(conditional.emplace(row.call.number, true).second) << row.call.name;
  }
  for (int number = 0; number < 1024; ++number) {
    if (conditional.contains(number)) continue;
    const auto found = expected.find(number);
    EXPECT_EQ(Ask(number), found == expected.end() ? Errno(ENOSYS) : found->second) << number;
  }
}

TEST(WorkloadFilter, NamesAreThoseOfTheKernel) {
  const auto check = [](const SyscallName& call) {
    const int known = seccomp_syscall_resolve_name(std::string(call.name).c_str());
    if (known != __NR_SCMP_ERROR) {
      EXPECT_EQ(known, call.number) << call.name;
    }
  };
  for (const SyscallGroup& group : AllowedGroups()) std::ranges::for_each(group.calls, check);
  for (const SyscallRefusal& refusal : RefusedCalls()) std::ranges::for_each(refusal.calls, check);
  for (const ConditionalSyscall& row : ConditionalCalls()) check(row.call);
}

TEST(WorkloadFilter, KillsForeignArchitecturesAndX32) {
  const std::string filter = WorkloadFilter();
  for (const std::uint32_t architecture : {std::uint32_t{AUDIT_ARCH_I386}, std::uint32_t{AUDIT_ARCH_ARM}, 0u}) {
    const auto outcome = EvaluateFilter(filter, {.number = SYS_read, .architecture = architecture});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->action, SECCOMP_RET_KILL_PROCESS) << architecture;
  }
#if defined(__x86_64__)
  for (const std::uint32_t number : {0x40000000u, 0x40000000u | SYS_read, 0x40000200u, 0xffffffffu, 0x80000000u}) {
    EXPECT_EQ(Ask(static_cast<int>(number)), SECCOMP_RET_KILL_PROCESS) << number;
  }
#endif
}

TEST(WorkloadFilter, RefusesNamespacesParentAndForgedExitSignalInClone) {
  EXPECT_EQ(Ask(SYS_clone, {SIGCHLD}), kAllow);
  EXPECT_EQ(Ask(SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD}), kAllow);
  for (const std::uint64_t flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                                   CLONE_NEWPID, CLONE_NEWNET, CLONE_PARENT}) {
    EXPECT_EQ(Ask(SYS_clone, {flag | SIGCHLD}), Errno(EPERM)) << flag;
    EXPECT_EQ(Ask(SYS_clone, {kHigh | flag | SIGCHLD}), Errno(EPERM)) << flag;
  }
  EXPECT_EQ(Ask(SYS_clone, {SIGSYS}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_clone3), Errno(ENOSYS));
  EXPECT_EQ(Ask(SYS_openat2), Errno(ENOSYS));
}

TEST(WorkloadFilter, RefusesSetIdBitsOnlyWhereAModeIsMeant) {
  EXPECT_EQ(Ask(SYS_openat, {0, 0, O_RDONLY, 07777}), kAllow);  // no creation: the mode is whatever was in the register
  EXPECT_EQ(Ask(SYS_openat, {0, 0, O_CREAT | O_WRONLY, 0777}), kAllow);
  EXPECT_EQ(Ask(SYS_openat, {0, 0, O_CREAT | O_WRONLY, 01777}), kAllow);
  EXPECT_EQ(Ask(SYS_openat, {0, 0, O_CREAT | O_WRONLY, 04755}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_openat, {0, 0, kHigh | O_CREAT, kHigh | 02755}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_openat, {0, 0, O_TMPFILE | O_RDWR, 06000}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_openat, {0, 0, O_DIRECTORY, 06000}), kAllow);
  for (const int call : {SYS_mkdirat, SYS_fchmodat, 452, SYS_mknodat}) {
    EXPECT_EQ(Ask(call, {0, 0, 0755}), kAllow) << call;
    EXPECT_EQ(Ask(call, {0, 0, 04755}), Errno(EPERM)) << call;
    EXPECT_EQ(Ask(call, {0, 0, kHigh | 02755}), Errno(EPERM)) << call;
  }
  EXPECT_EQ(Ask(SYS_fchmod, {3, 06755}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_fchmod, {3, 0755}), kAllow);
#if defined(__x86_64__)
  EXPECT_EQ(Ask(SYS_open, {0, O_CREAT, 04000}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_open, {0, O_RDONLY, 04000}), kAllow);
  for (const int call : {SYS_creat, SYS_mkdir, SYS_chmod, SYS_mknod}) {
    EXPECT_EQ(Ask(call, {0, 02000}), Errno(EPERM)) << call;
    EXPECT_EQ(Ask(call, {0, 0644}), kAllow) << call;
  }
#endif
}

TEST(WorkloadFilter, RefusesDevicesAndWhiteouts) {
  EXPECT_EQ(Ask(SYS_mknodat, {0, 0, S_IFIFO | 0600}), kAllow);
  EXPECT_EQ(Ask(SYS_mknodat, {0, 0, S_IFSOCK | 0600}), kAllow);
  EXPECT_EQ(Ask(SYS_mknodat, {0, 0, S_IFCHR | 0600}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_mknodat, {0, 0, S_IFBLK | 0600}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_renameat2, {0, 0, 0, 0, 4}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_renameat2, {0, 0, 0, 0, 2}), kAllow);
}

TEST(WorkloadFilter, OpensOnlyTheFourSocketFamilies) {
  for (std::uint64_t family = 0; family <= 50; ++family) {
    const bool allowed = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_STREAM, 0}), allowed ? kAllow : Errno(EAFNOSUPPORT)) << family;
    EXPECT_EQ(Ask(SYS_socket, {kHigh | family, kHigh | SOCK_STREAM, kHigh}), Ask(SYS_socket, {family, SOCK_STREAM, 0}));
    EXPECT_EQ(Ask(SYS_socketpair, {family, SOCK_STREAM, 0}), family == AF_UNIX ? kAllow : Errno(EAFNOSUPPORT));
  }
  for (const std::uint64_t family : {AF_INET, AF_INET6}) {
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0}), kAllow);
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_STREAM, 6}), kAllow);
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_DGRAM, 17}), kAllow);
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_RAW, 1}), Errno(EPERM));
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_PACKET, 0x300}), Errno(EPERM));
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_DGRAM, 1}), Errno(EPROTONOSUPPORT));    // ping
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_STREAM, 262}), Errno(EPROTONOSUPPORT)); // MPTCP
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_STREAM, 132}), Errno(EPROTONOSUPPORT)); // SCTP
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_SEQPACKET, 0}), Errno(EPROTONOSUPPORT));
    EXPECT_EQ(Ask(SYS_socket, {family, SOCK_DGRAM, 136}), Errno(EPROTONOSUPPORT));  // UDP-Lite
  }
  EXPECT_EQ(Ask(SYS_socket, {AF_NETLINK, SOCK_RAW, 0}), kAllow);
  for (std::uint64_t protocol = 1; protocol < 32; ++protocol) {
    EXPECT_EQ(Ask(SYS_socket, {AF_NETLINK, SOCK_RAW, protocol}), Errno(EPROTONOSUPPORT));
  }
}

TEST(WorkloadFilter, RefusesTerminalInjectionWhateverTheHighHalf) {
  for (const std::uint64_t request : {0x5412u, 0x541cu, 0x5423u, 0x541du}) {
    EXPECT_EQ(Ask(SYS_ioctl, {0, request}), Errno(EPERM));
    EXPECT_EQ(Ask(SYS_ioctl, {0, 1ull << 32 | request}), Errno(EPERM));
  }
  EXPECT_EQ(Ask(SYS_ioctl, {0, 0x5401}), kAllow);
}

TEST(WorkloadFilter, RefusesSigsysFromEverySenderSoThatItMeansTheFilter) {
  for (const int call : {SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_pidfd_send_signal}) {
    EXPECT_EQ(Ask(call, {1, SIGSYS}), Errno(EPERM)) << call;
    EXPECT_EQ(Ask(call, {1, kHigh | SIGSYS}), Errno(EPERM)) << call;
    EXPECT_EQ(Ask(call, {1, SIGTERM}), kAllow) << call;
  }
  for (const int call : {SYS_tgkill, SYS_rt_tgsigqueueinfo}) {
    EXPECT_EQ(Ask(call, {1, 1, SIGSYS}), Errno(EPERM)) << call;
    EXPECT_EQ(Ask(call, {1, 1, SIGTERM}), kAllow) << call;
  }
  EXPECT_EQ(Ask(SYS_fcntl, {0, 10, SIGSYS}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_fcntl, {0, 10, SIGIO}), kAllow);
  EXPECT_EQ(Ask(SYS_prctl, {1, SIGSYS}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_prctl, {1, SIGKILL}), kAllow);
  EXPECT_EQ(Ask(SYS_prctl, {59, 1}), Errno(EPERM));
}

TEST(WorkloadFilter, FixesTheCoreLimitAndLetsOthersBeRead) {
  EXPECT_EQ(Ask(SYS_setrlimit, {4, 0x7000}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_setrlimit, {7, 0x7000}), kAllow);
  EXPECT_EQ(Ask(SYS_prlimit64, {0, 4, 0x7000, 0}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_prlimit64, {0, 4, 0x700000000000, 0}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_prlimit64, {0, kHigh | 4, 0x7000, 0}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_prlimit64, {0, 4, 0, 0x7000}), kAllow);
  EXPECT_EQ(Ask(SYS_prlimit64, {0, 7, 0x7000, 0}), kAllow);
  EXPECT_EQ(Ask(SYS_prlimit64, {1, 7, 0x7000, 0}), Errno(EPERM)) << "the reaper";
  EXPECT_EQ(Ask(SYS_prlimit64, {kHigh | 1, 7, 0x7000, 0}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_prlimit64, {2, 7, 0x7000, 0}), kAllow);
}

TEST(WorkloadFilter, AllowsOnlySafePersonalitiesAndSchedulers) {
  EXPECT_EQ(Ask(SYS_personality, {0xffffffff}), kAllow);
  EXPECT_EQ(Ask(SYS_personality, {0}), kAllow);
  EXPECT_EQ(Ask(SYS_personality, {0x0400000}), Errno(EPERM));  // READ_IMPLIES_EXEC
  EXPECT_EQ(Ask(SYS_personality, {0x0100000}), Errno(EPERM));  // MMAP_PAGE_ZERO
  for (const std::uint64_t policy : {0, 3, 5}) {
    EXPECT_EQ(Ask(SYS_sched_setscheduler, {0, policy}), kAllow);
    EXPECT_EQ(Ask(SYS_sched_setscheduler, {0, policy | 0x40000000}), kAllow);
  }
  for (const std::uint64_t policy : {1, 2, 6}) EXPECT_EQ(Ask(SYS_sched_setscheduler, {0, policy}), Errno(EPERM));
}

TEST(WorkloadFilter, AllowsPlainFiltersButNoListener) {
  EXPECT_EQ(Ask(SYS_seccomp, {1, 0}), kAllow);
  EXPECT_EQ(Ask(SYS_seccomp, {1, 8}), Errno(EPERM));
  EXPECT_EQ(Ask(SYS_seccomp, {kHigh | 1, kHigh | 8 | 1}), Errno(EPERM));
}

TEST(WorkloadFilter, CostsFewInstructionsPerCall) {
  const std::string filter = WorkloadFilter();
  std::size_t worst = 0;
  for (std::uint32_t number = 0; number < 600; ++number) {
    const auto outcome = EvaluateFilter(filter, {.number = number, .architecture = NativeArchitecture(),
                                                 .arguments = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}});
    ASSERT_TRUE(outcome);
    worst = std::max(worst, outcome->instructions);
  }
  EXPECT_LE(worst, 60u);
  EXPECT_LE(filter.size() / 8, 1024u);
}

TEST(GuardFilter, KillsWhatInitNeverCalls) {
  const std::string filter = GuardFilter();
  for (const int call : {SYS_execve, SYS_openat, SYS_mmap, SYS_clone, SYS_socket, SYS_ptrace}) {
    const auto outcome = EvaluateFilter(
        filter, {.number = static_cast<std::uint32_t>(call), .architecture = NativeArchitecture()});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->action, SECCOMP_RET_KILL_PROCESS) << call;
  }
}

TEST(ExplainSyscall, NamesGroupOrReason) {
  using Verdict = SyscallExplanation::Verdict;
  EXPECT_EQ(ExplainSyscall(SYS_read).group, "files");
  EXPECT_EQ(ExplainSyscall(SYS_mount).verdict, Verdict::kRefused);
  EXPECT_EQ(ExplainSyscall(SYS_mount).name, "mount");
  EXPECT_FALSE(ExplainSyscall(SYS_mount).reason.empty());
  EXPECT_EQ(ExplainSyscall(SYS_socket).verdict, Verdict::kDependsOnArguments);
  EXPECT_EQ(ExplainSyscall(9999).verdict, Verdict::kUnnamed);
  EXPECT_EQ(ExplainSyscall(9999).error, ENOSYS);
}

TEST(EvaluateFilter, RefusesProgramsThatTheKernelWould) {
  EXPECT_FALSE(EvaluateFilter("", {}));
  EXPECT_FALSE(EvaluateFilter("1234567", {}));
  const std::string falls_off(8, '\0');  // BPF_LD|BPF_IMM is not allowed to seccomp
  EXPECT_FALSE(EvaluateFilter(falls_off, {}));
  const std::string jump_out = {0x05, 0, 0, 0, 9, 0, 0, 0};
  EXPECT_FALSE(EvaluateFilter(jump_out, {}));
}

}  // namespace
}  // namespace plan
