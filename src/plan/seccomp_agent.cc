// SPDX-License-Identifier: Apache-2.0
// The filter of the witness: the calls of its loop, with the arguments that it uses.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "plan/seccomp_compile.h"
#include "plan/seccomp_table.h"
#include "wire/agent_config.h"

namespace plan {
namespace {

using Is = ArgumentTest::Is;
using Half = ArgumentTest::Half;

constexpr std::uint32_t kAll = 0xffffffff;

constexpr ArgumentTest Equals(std::uint8_t argument, std::uint32_t value) { return {argument, kAll, Is::kEqual, value}; }
constexpr ArgumentTest HighIsZero(std::uint8_t argument) { return {argument, kAll, Is::kEqual, 0, Half::kHigh}; }

// Files of its own procfs, for reading.
constexpr ArgumentTest kProcFile[] = {Equals(0, wire::kAgentProcFd), Equals(2, O_RDONLY | O_CLOEXEC)};
constexpr ArgumentClause kOpenat[] = {{kProcFile, 0}};

// Never waits for the receiver, and names no address.
constexpr std::uint32_t kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr ArgumentTest kChannel[] = {Equals(0, wire::kAgentChannelFd), Equals(3, kSendFlags), Equals(4, 0), HighIsZero(4)};
constexpr ArgumentTest kHandover[] = {Equals(0, wire::kAgentHandoverFd), Equals(3, kSendFlags), Equals(4, 0), HighIsZero(4)};
constexpr ArgumentClause kSendto[] = {{kChannel, 0}, {kHandover, 0}};

// Receiving and answering notifications, asking a pidfd. Not SECCOMP_IOCTL_NOTIF_ADDFD: nothing is ever put into the
// workload.
constexpr std::uint32_t kPidfdGetInfo = 0xc040ff0b;  // headers of this age don't have it
constexpr ArgumentTest kReceive[] = {Equals(1, static_cast<std::uint32_t>(SECCOMP_IOCTL_NOTIF_RECV))};
constexpr ArgumentTest kAnswer[] = {Equals(1, static_cast<std::uint32_t>(SECCOMP_IOCTL_NOTIF_SEND))};
constexpr ArgumentTest kAskPidfd[] = {Equals(1, kPidfdGetInfo)};
constexpr ArgumentClause kIoctl[] = {{kReceive, 0}, {kAnswer, 0}, {kAskPidfd, 0}};

constexpr ArgumentTest kMonotonic[] = {Equals(0, CLOCK_MONOTONIC)}, kBoottime[] = {Equals(0, CLOCK_BOOTTIME)};
constexpr ArgumentClause kClock[] = {{kMonotonic, 0}, {kBoottime, 0}};
// Signal 0 asks and sends nothing.
constexpr ArgumentTest kNoSignal[] = {Equals(1, 0)};
constexpr ArgumentClause kKill[] = {{kNoSignal, 0}};
constexpr ArgumentTest kNoFlags[] = {Equals(1, 0)};
constexpr ArgumentClause kPidfdOpen[] = {{kNoFlags, 0}};

FilterPolicy AgentPolicy() {
  constexpr int kCalls[] = {SYS_read, SYS_pread64, SYS_close, SYS_getdents64, SYS_lseek, SYS_ppoll, SYS_epoll_pwait,
                            SYS_epoll_ctl, SYS_exit_group, SYS_restart_syscall, SYS_rt_sigreturn};
  FilterPolicy policy;
  policy.otherwise = SECCOMP_RET_KILL_PROCESS;
  for (const int number : kCalls) policy.rules[static_cast<std::uint32_t>(number)] = {SECCOMP_RET_ALLOW};
  const auto when = [&policy](int number, std::span<const ArgumentClause> clauses) {
    policy.rules[static_cast<std::uint32_t>(number)] = {SECCOMP_RET_KILL_PROCESS, clauses};
  };
  when(SYS_openat, kOpenat);
  when(SYS_sendto, kSendto);
  when(SYS_ioctl, kIoctl);
  when(SYS_clock_gettime, kClock);
  when(SYS_kill, kKill);
  when(SYS_pidfd_open, kPidfdOpen);
  return policy;
}

}  // namespace

std::string AgentFilter() {
  static const std::string filter = CompileFilter(AgentPolicy());
  return filter;
}

}  // namespace plan
