// SPDX-License-Identifier: Apache-2.0
// Processes by pidfd: clone3, wait, signals, and the handful of process attributes the rest of the code needs.
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

// linux/sched.h can't be included beside sched.h of glibc; this is its struct clone_args (CLONE_ARGS_SIZE_VER2).
struct CloneArguments {
  std::uint64_t flags = 0, pidfd = 0, child_tid = 0, parent_tid = 0, exit_signal = 0, stack = 0, stack_size = 0, tls = 0;
  std::uint64_t set_tid = 0, set_tid_size = 0, cgroup = 0;
};

namespace sys {

struct Child {
  pid_t pid = -1;        // 0 in the child
  base::UniqueFd pidfd;  // in the parent
};
// clone3(2) with CLONE_PIDFD and SIGCHLD and no shared memory; returns twice like fork(2). `cgroup` is the open
// directory of a v2 cgroup for CLONE_INTO_CGROUP, or -1. The child must use only Raw calls until it execs.
base::Result<Child> Clone3(std::uint64_t flags, int cgroup = -1);

base::Result<base::UniqueFd> PidfdOpen(pid_t pid);
base::Result<> PidfdSendSignal(int pidfd, int signal);
base::Result<> Kill(pid_t pid, int signal);

// How a process ended.
struct ChildEnd {
  pid_t pid = 0;
  int code = 0;    // CLD_EXITED, CLD_KILLED, CLD_DUMPED
  int status = 0;  // exit code or signal
};
// waitid(2) for a child by its pidfd; `options` WEXITED and maybe WNOHANG, WNOWAIT. nullopt: WNOHANG and still alive.
base::Result<std::optional<ChildEnd>> WaitId(int pidfd, int options);
// True once the process of `pidfd` (child or not) has ended, waiting at most `timeout`.
base::Result<bool> WaitEnd(int pidfd, std::chrono::milliseconds timeout);

// setns(2): `fd` a namespace file or a pidfd, `types` CLONE_NEW….
base::Result<> SetNamespace(int fd, int types);
// prctl(2).
base::Result<long> Prctl(int option, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0, unsigned long d = 0);
// PR_SET_DUMPABLE 0: other processes of the same user can't read or trace us.
base::Result<> ForbidTracing();

}  // namespace sys
