// SPDX-License-Identifier: Apache-2.0
// Other processes, limits, clocks and control groups.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

namespace probe {
namespace {

#define ATTEMPT(name, ...)                      \
  {                                             \
    name, +[]() -> long { return __VA_ARGS__; } \
  }

long Limit(int pid, int resource, rlim_t value) {
  const rlimit limit = {value, value};
  return syscall(SYS_prlimit64, pid, resource, &limit, nullptr);
}

long RealTime(int pid, int policy) {
  sched_param parameter = {.sched_priority = policy == SCHED_FIFO || policy == SCHED_RR ? 1 : 0};
  return sched_setscheduler(pid, policy, &parameter);
}

long Deadline() {
  struct {
    unsigned size, policy;
    unsigned long flags;
    int nice;
    unsigned priority;
    unsigned long runtime, deadline, period;
  } attributes = {48, 6, 0, 0, 0, 1000000, 10000000, 10000000};
  return syscall(SYS_sched_setattr, 0, &attributes, 0);
}

long WriteText(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  return fd < 0 ? -1 : write(fd, text, strlen(text));
}

long Queue(int pid, int signal) {
  siginfo_t info = {};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  return syscall(SYS_rt_sigqueueinfo, pid, signal, &info);
}

long ClockSet() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return syscall(SYS_clock_settime, CLOCK_REALTIME, &now);
}

long ClockAdjust() {
  timex nothing = {};
  nothing.modes = 0x0040;  // ADJ_... none that would move the clock: needs the privilege all the same
  return syscall(SYS_adjtimex, &nothing);
}

constexpr Attempt kAttempts[] = {
    // What names the reaper is refused, or succeeds without effect: that it lives is seen by the cell going on.
    ATTEMPT("PR05.kill_outer", kill(100000, 9)),
    ATTEMPT("PR05.sigsys_self", kill(getpid(), SIGSYS)),
    ATTEMPT("PR05.sigsys_queued", Queue(getpid(), SIGSYS)),
    ATTEMPT("PR05.sigsys_thread", syscall(SYS_tgkill, getpid(), getpid(), SIGSYS)),
    ATTEMPT("PR05.sigsys_pidfd",
            syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, getpid(), 0), SIGSYS, nullptr, 0)),
    ATTEMPT("PR05.sigsys_parent_death", syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGSYS, 0, 0, 0)),
    ATTEMPT("PR05.sigsys_exit",
            [] {
              const long child = syscall(SYS_clone, SIGSYS, nullptr, nullptr, nullptr, nullptr);
              if (child == 0) _exit(0);
              signal(SIGSYS, SIG_IGN);
              return child;
            }()),
    ATTEMPT("PR05.twin_kill", kill(SleepingChild(), SIGTERM)),
    ATTEMPT("PR06.limit_reaper", Limit(1, RLIMIT_NOFILE, 3)),
    ATTEMPT("PR06.limit_reaper_time", Limit(1, RLIMIT_CPU, 0)),
    ATTEMPT("PR06.limit_reaper_high",
            syscall(SYS_prlimit64, 1ul << 32 | 1, RLIMIT_NOFILE, "0123456789abcdef", nullptr)),
    ATTEMPT("PR06.limit_outer", Limit(100000, RLIMIT_NOFILE, 3)),
    ATTEMPT("PR06.oom_reaper", WriteText("/proc/1/oom_score_adj", "1000")),
    ATTEMPT("PR06.oom_lower", WriteText("/proc/self/oom_score_adj", "0")),
    ATTEMPT("PR06.nice_lower", setpriority(PRIO_PROCESS, 0, -5)),
    ATTEMPT("PR06.io_real_time", syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 0)),
    ATTEMPT("PR06.fifo_reaper", RealTime(1, SCHED_FIFO)),
    ATTEMPT("PR06.twin_limit_self", Limit(0, RLIMIT_NOFILE, 64)),
    ATTEMPT("PR06.twin_limit_child", Limit(SleepingChild(), RLIMIT_NOFILE, 64)),
    ATTEMPT("PR06.twin_nice", setpriority(PRIO_PROCESS, 0, 5)),
    ATTEMPT("PR07.clone_parent",
            [] {
              const long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
              if (child == 0) _exit(0);
              return child;
            }()),
    ATTEMPT("PR08.dev_tty", OpenOnly("/dev/tty", O_RDWR)),
    ATTEMPT("PR08.truncate_stdout", ftruncate(1, 0)),
    ATTEMPT("PR08.seek_stdout", lseek(1, 0, SEEK_SET)),
    ATTEMPT("PR08.read_stdout",
            [] {
              char byte;
              return read(1, &byte, 1);
            }()),
    ATTEMPT("PR08.twin_reopen", OpenOnly("/proc/self/fd/1", O_WRONLY)),
    ATTEMPT("RS01.mount_cgroup", syscall(SYS_mount, "none", "/tmp", "cgroup2", 0, nullptr)),
    ATTEMPT("RS01.mount_cgroup_v1", syscall(SYS_mount, "none", "/tmp", "cgroup", 0, "memory")),
    ATTEMPT("RS01.release_agent", OpenOnly("/sys/fs/cgroup/release_agent", O_WRONLY)),
    ATTEMPT("RS02.procs", OpenOnly("/sys/fs/cgroup/cgroup.procs", O_WRONLY)),
    ATTEMPT("RS02.clone_into",
            [] {
              unsigned long arguments[11] = {0x200000000ul, 0, 0, 0, SIGCHLD};
              arguments[10] = static_cast<unsigned long>(open("/", O_RDONLY));
              return syscall(SYS_clone3, arguments, sizeof arguments);
            }()),
    ATTEMPT("RS03.fifo", RealTime(0, SCHED_FIFO)),
    ATTEMPT("RS03.round_robin", RealTime(0, SCHED_RR)),
    ATTEMPT("RS03.fifo_high",
            [] {
              const sched_param parameter = {.sched_priority = 1};
              return syscall(SYS_sched_setscheduler, 0, 1ul << 40 | SCHED_FIFO, &parameter);
            }()),
    ATTEMPT("RS03.deadline", Deadline()),
    ATTEMPT("RS03.rtprio_limit", Limit(0, RLIMIT_RTPRIO, 50)),
    ATTEMPT("RS03.lock_1g",
            [] {
              void* memory =
                  mmap(nullptr, 1ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
              return mlock(memory, 1ul << 30);
            }()),
    ATTEMPT("RS03.twin_batch", RealTime(0, SCHED_BATCH)),
    ATTEMPT("RS04.clock_settime", ClockSet()),
    ATTEMPT("RS04.settimeofday",
            [] {
              const timeval when = {0, 0};
              return syscall(SYS_settimeofday, &when, nullptr);
            }()),
    ATTEMPT("RS04.adjtimex", ClockAdjust()),
    ATTEMPT("SE08.core_unlimited", Limit(0, RLIMIT_CORE, RLIM_INFINITY)),
    ATTEMPT("SE08.core_0", Limit(0, RLIMIT_CORE, 0)),
    ATTEMPT("SE08.core_setrlimit",
            [] {
              const rlimit limit = {0, 0};
              return syscall(SYS_setrlimit, RLIMIT_CORE, &limit);
            }()),
    ATTEMPT("SE08.core_child", Limit(SleepingChild(), RLIMIT_CORE, 0)),
    ATTEMPT("SE08.core_resource_high", syscall(SYS_prlimit64, 0, 1ul << 33 | RLIMIT_CORE, "0123456789abcdef", nullptr)),
};

}  // namespace

std::span<const Attempt> ProcessAttempts() { return kAttempts; }

}  // namespace probe
