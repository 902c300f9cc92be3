// SPDX-License-Identifier: Apache-2.0
// Seizes, stops, reads, lets go.
#include "sandbox/filter_readback.h"

#include <errno.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/call.h"

namespace sandbox {
namespace {

constexpr long kGetFilter = 0x420c;  // PTRACE_SECCOMP_GET_FILTER; glibc has it as an enumerator in newer versions only

long Trace(long request, pid_t pid, long address, const void* data) {
  return sys::Raw("ptrace", SYS_ptrace, request, pid, address, data);
}

// A call that failed for want of a resource may do better the next time; a traced process that is left behind can't.
constexpr int kAttempts = 3;

template <class Call>
long Insist(Call call) {
  long result = 0;
  for (int i = 0; i < kAttempts; ++i) {
    result = call();
    if (result >= 0) break;
  }
  return result;
}

long Wait(pid_t pid, int& status) {
  return Insist([&] { return sys::Raw("wait4", SYS_wait4, pid, &status, __WALL, nullptr); });
}

// A tracee that can't be let go would stay ours: dead or alive, its pid namespace couldn't end without us.
void KillTracee(pid_t pid) {
  int status = 0;
  (void)Insist([&] { return sys::Raw("kill", SYS_kill, pid, SIGKILL); });
  while (Wait(pid, status) == pid && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
}

base::Result<std::string> ReadStopped(pid_t pid) {
  // Without a buffer: the count of instructions.
  const long count = Trace(kGetFilter, pid, 0, nullptr);
  if (count < 0) return std::unexpected(sys::CallError(count, "ptrace", "PTRACE_SECCOMP_GET_FILTER"));
  std::string filter(static_cast<std::size_t>(count) * sizeof(sock_filter), '\0');
  const long copied = Trace(kGetFilter, pid, 0, filter.data());
  if (copied < 0) return std::unexpected(sys::CallError(copied, "ptrace", "PTRACE_SECCOMP_GET_FILTER"));
  return filter;
}

}  // namespace

base::Result<std::string> ReadNewestFilter(pid_t pid) {
  if (geteuid() != 0) {
    return base::Fail(base::ErrorKind::kDenied,
                      "the kernel shows a process's filter to root only; told is the digest of what was installed");
  }
  const long seized = Trace(PTRACE_SEIZE, pid, 0, nullptr);
  if (seized < 0) return std::unexpected(sys::CallError(seized, "ptrace", "PTRACE_SEIZE"));
  base::Result<std::string> filter = base::Fail(base::ErrorKind::kInternal, "the workload could not be stopped");
  const long stopped = Insist([&] { return Trace(PTRACE_INTERRUPT, pid, 0, nullptr); });
  if (stopped >= 0) {
    int status = 0;
    if (Wait(pid, status) == pid && WIFSTOPPED(status)) filter = ReadStopped(pid);
  }
  const long detached = Insist([&] { return Trace(PTRACE_DETACH, pid, 0, nullptr); });
  if (detached < 0) {
    KillTracee(pid);
    if (filter) return std::unexpected(sys::CallError(detached, "ptrace", "PTRACE_DETACH"));
  }
  return filter;
}

}  // namespace sandbox
