// SPDX-License-Identifier: Apache-2.0
// Processes by pidfd.
#include "sys/process.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sys/poll.h"

namespace sys {
namespace {

base::Result<> Done(long result, const char* name) {
  if (result < 0) return std::unexpected(CallError(result, name));
  return {};
}

}  // namespace

base::Result<Child> Clone3(std::uint64_t flags, int cgroup) {
  int pidfd = -1;
  CloneArguments arguments;
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup >= 0) {
    arguments.flags |= 0x200000000ull;  // CLONE_INTO_CGROUP: not in the headers of every libc
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  const long pid = Raw("clone3", SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return std::unexpected(CallError(pid, "clone3"));
  if (pid == 0) return Child{.pid = 0, .pidfd = base::UniqueFd()};
  return Child{.pid = static_cast<pid_t>(pid), .pidfd = base::UniqueFd(pidfd)};
}

base::Result<base::UniqueFd> PidfdOpen(pid_t pid) {
  const long fd = Raw("pidfd_open", SYS_pidfd_open, pid, 0);
  if (fd < 0) return std::unexpected(CallError(fd, "pidfd_open", std::to_string(pid)));
  return base::UniqueFd(static_cast<int>(fd));
}

base::Result<> PidfdSendSignal(int pidfd, int signal) {
  return Done(Raw("pidfd_send_signal", SYS_pidfd_send_signal, pidfd, signal, nullptr, 0), "pidfd_send_signal");
}

base::Result<> Kill(pid_t pid, int signal) { return Done(Raw("kill", SYS_kill, pid, signal), "kill"); }

base::Result<std::optional<ChildEnd>> WaitId(int pidfd, int options) {
  siginfo_t info = {};
  const long result = Raw("waitid", SYS_waitid, P_PIDFD, pidfd, &info, options, nullptr);
  if (result < 0) return std::unexpected(CallError(result, "waitid"));
  if (info.si_pid == 0) return std::nullopt;
  return ChildEnd{info.si_pid, info.si_code, info.si_status};
}

base::Result<bool> WaitEnd(int pidfd, std::chrono::milliseconds timeout) {
  pollfd wait = {pidfd, POLLIN, 0};
  return TRY(Poll({&wait, 1}, timeout)) > 0;
}

base::Result<> SetNamespace(int fd, int types) { return Done(Raw("setns", SYS_setns, fd, types), "setns"); }

base::Result<long> Prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  const long result = Raw("prctl", SYS_prctl, option, a, b, c, d);
  if (result < 0) return std::unexpected(CallError(result, "prctl", std::to_string(option)));
  return result;
}

base::Result<> ForbidTracing() {
  TRY(Prctl(PR_SET_DUMPABLE, 0));
  return {};
}

}  // namespace sys
