// SPDX-License-Identifier: Apache-2.0
// What could name the witness, outer init or the reaper: each way at every number, and the quotas that all processes
// of one user share.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

namespace probe {
namespace {

constexpr int kSignals[] = {SIGKILL, SIGSTOP, SIGTERM, SIGSEGV, SIGIO, SIGXCPU, 0};

long OfProc(int pid, const char* file, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  return OpenOnly(path, flags);
}

long ThroughItsDirectory(int pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", pid);
  const int directory = open(path, O_RDONLY | O_DIRECTORY);
  if (directory < 0) return -1;
  const long result = syscall(SYS_pidfd_send_signal, directory, SIGTERM, nullptr, 0);
  close(directory);
  return result;
}

long ThroughItsDescriptor(int pid) {
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return -1;
  const long result = syscall(SYS_pidfd_send_signal, process, SIGTERM, nullptr, 0);
  close(process);
  return result;
}

int Socket() {
  static const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd;
}

long Queue(int pid) {
  siginfo_t info = {};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  return syscall(SYS_rt_sigqueueinfo, pid, SIGTERM, &info);
}

long QueueToThread(int pid) {
  siginfo_t info = {};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  return syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGTERM, &info);
}

template <typename Result>
long First(Result (*call)(int pid, int signal), int pid) {
  for (const int signal : kSignals) {
    if (call(pid, signal) >= 0) return 0;
    if (errno != ESRCH) return -1;
  }
  errno = ESRCH;
  return -1;
}

long OwnerByKind(int pid, int kind) {
  const f_owner_ex owner = {static_cast<__pid_type>(kind), pid};
  return fcntl(Socket(), F_SETOWN_EX, &owner);
}

long Peek(int pid, int call) {
  char byte = 0;
  const iovec here = {&byte, 1}, there = {&byte, 1};
  return syscall(call, pid, &here, 1ul, &there, 1ul, 0ul);
}

long Limit(int pid, int resource) {
  const rlimit limit = {1, 1};
  return syscall(SYS_prlimit64, pid, resource, &limit, nullptr);
}

long Affinity(int pid) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  return sched_setaffinity(pid, sizeof one, &one);
}

long Batch(int pid) {
  const sched_param parameter = {};
  return sched_setscheduler(pid, SCHED_IDLE, &parameter);
}

long SchedulerAttributes(int pid) {
  struct {
    unsigned size, policy;
    unsigned long flags;
    int nice;
    unsigned priority;
    unsigned long runtime, deadline, period;
  } attributes = {48, SCHED_IDLE, 0, 0, 0, 0, 0, 0};
  return syscall(SYS_sched_setattr, pid, &attributes, 0);
}

long RobustList(int pid) {
  void* head = nullptr;
  size_t size = 0;
  return syscall(SYS_get_robust_list, pid, &head, &size);
}

// A lock in our memory that says the other holds it: the kernel would look the holder up and lend it our priority.
long LockHeldBy(int pid) {
  static int lock;
  lock = pid | static_cast<int>(FUTEX_WAITERS);
  const timespec at_once = {1, 0};
  return syscall(SYS_futex, &lock, FUTEX_LOCK_PI, 0, &at_once, nullptr, 0);
}

long Events(int pid) {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  return syscall(SYS_perf_event_open, &attributes, pid, -1, -1, 0);
}

long Timer(int pid) {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGTERM;
  event._sigev_un._tid = pid;
  timer_t timer;
  return syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
}

long CpuClock(int pid) {
  if (pid >= 1 << 28) {  // no clock has room for it
    errno = EINVAL;
    return -1;
  }
  timespec time = {};
  return syscall(SYS_clock_gettime, static_cast<clockid_t>(~pid << 3 | 2), &time);
}

long Capabilities(int pid) {
  unsigned header[2] = {0x20080522, static_cast<unsigned>(pid)}, data[6] = {};
  return syscall(SYS_capget, header, data);
}

struct Way {
  const char* name;
  long (*run)(int pid);
};

constexpr Way kWays[] = {
    {"signal.kill",
     [](int pid) {
       return First(
           +[](int p, int s) { return long{kill(p, s)}; }, pid);
     }},
    {"signal.tkill",
     [](int pid) {
       return First(
           +[](int p, int s) { return syscall(SYS_tkill, p, s); }, pid);
     }},
    {"signal.tgkill",
     [](int pid) {
       return First(
           +[](int p, int s) { return syscall(SYS_tgkill, p, p, s); }, pid);
     }},
    {"signal.tgkill_ours",
     [](int pid) {
       return First(
           +[](int p, int s) { return syscall(SYS_tgkill, getpid(), p, s); }, pid);
     }},
    {"signal.group",
     [](int pid) {
       return First(
           +[](int p, int s) { return long{kill(-p, s)}; }, pid);
     }},
    {"signal.queue", Queue},
    {"signal.queue_thread", QueueToThread},
    {"signal.descriptor", ThroughItsDescriptor},
    {"signal.directory", ThroughItsDirectory},
    {"owner.process", [](int pid) { return long{fcntl(Socket(), F_SETOWN, pid)}; }},
    {"owner.group", [](int pid) { return long{fcntl(Socket(), F_SETOWN, -pid)}; }},
    {"owner.thread", [](int pid) { return OwnerByKind(pid, F_OWNER_TID); }},
    {"owner.kind_process", [](int pid) { return OwnerByKind(pid, F_OWNER_PID); }},
    {"owner.kind_group", [](int pid) { return OwnerByKind(pid, F_OWNER_PGRP); }},
    {"owner.fiosetown", [](int pid) { return long{ioctl(Socket(), 0x8901, &pid)}; }},
    {"owner.siocspgrp", [](int pid) { return long{ioctl(Socket(), 0x8902, &pid)}; }},
    {"debug.attach", [](int pid) { return ptrace(PTRACE_ATTACH, pid, 0, 0); }},
    {"debug.seize", [](int pid) { return ptrace(PTRACE_SEIZE, pid, 0, 0); }},
    {"debug.read", [](int pid) { return Peek(pid, SYS_process_vm_readv); }},
    {"debug.write", [](int pid) { return Peek(pid, SYS_process_vm_writev); }},
    {"debug.compare", [](int pid) { return syscall(SYS_kcmp, getpid(), pid, 0, 0, 0); }},
    {"debug.descriptor", [](int pid) { return syscall(SYS_pidfd_open, pid, 0); }},
    {"debug.robust_list", RobustList},
    {"debug.events", Events},
    {"debug.move_pages", [](int pid) { return syscall(SYS_move_pages, pid, 0, nullptr, nullptr, nullptr, 0); }},
    {"debug.migrate_pages", [](int pid) { return syscall(SYS_migrate_pages, pid, 0, nullptr, nullptr); }},
    {"file.memory", [](int pid) { return OfProc(pid, "mem", O_RDWR); }},
    {"file.environment", [](int pid) { return OfProc(pid, "environ", O_RDONLY); }},
    {"file.descriptors", [](int pid) { return OfProc(pid, "fd", O_RDONLY); }},
    {"file.score", [](int pid) { return OfProc(pid, "oom_score_adj", O_WRONLY); }},
    {"file.name", [](int pid) { return OfProc(pid, "comm", O_WRONLY); }},
    {"file.stat", [](int pid) { return OfProc(pid, "stat", O_RDONLY); }},
    {"file.program", [](int pid) { return OfProc(pid, "exe", O_RDONLY); }},
    {"limit.time", [](int pid) { return Limit(pid, RLIMIT_CPU); }},
    {"limit.files", [](int pid) { return Limit(pid, RLIMIT_NOFILE); }},
    {"limit.nice", [](int pid) { return long{setpriority(PRIO_PROCESS, static_cast<id_t>(pid), 19)}; }},
    {"limit.nice_group", [](int pid) { return long{setpriority(PRIO_PGRP, static_cast<id_t>(pid), 19)}; }},
    {"limit.affinity", Affinity},
    {"limit.scheduler", Batch},
    {"limit.attributes", SchedulerAttributes},
    {"limit.io", [](int pid) { return syscall(SYS_ioprio_set, 1, pid, 3 << 13); }},
    {"limit.io_group", [](int pid) { return syscall(SYS_ioprio_set, 2, pid, 3 << 13); }},
    {"other.lock", LockHeldBy},
    {"other.timer", Timer},
    {"other.clock", CpuClock},
    {"other.capabilities", Capabilities},
    {"other.join_group", [](int pid) { return long{setpgid(0, pid)}; }},
    {"other.move_to_group", [](int pid) { return long{setpgid(pid, pid)}; }},
    {"other.group_of", [](int pid) { return long{getpgid(pid)}; }},
    {"other.session_of", [](int pid) { return long{getsid(pid)}; }},
};

// Prints, for each way, every answer that any number gave. The only processes here are the reaper, 1, and this one, so
// every other number is nobody's, unless the cell's own processes or the host's could be named by it.
int EveryNumber(int argc, char** argv) {
  int numbers[600], count = 0;
  for (int pid = getpid() + 1; pid < 512; ++pid) numbers[count++] = pid;
  for (int i = 1; i < argc && count < 600; ++i) numbers[count++] = atoi(argv[i]);
  for (const Way& way : kWays) {
    bool seen[256] = {};
    for (int i = 0; i < count; ++i) {
      errno = 0;
      const long result = way.run(numbers[i]);
      seen[result >= 0 ? 0 : errno & 255] = true;
    }
    printf("%s ", way.name);
    for (int error = 0, first = 1; error < 256; ++error) {
      if (!seen[error]) continue;
      printf("%s%s", first != 0 ? "" : ",", error == 0 ? "allowed" : strerrorname_np(error));
      first = 0;
    }
    puts("");
  }
  return 0;
}

// Every way at the reaper: what is allowed may reach no more than the cell.
int AtTheReaper(int, char**) {
  for (int signal = 1; signal < 65; ++signal) {
    kill(1, signal);
    syscall(SYS_tgkill, 1, 1, signal);
  }
  for (const Way& way : kWays) {
    if (strncmp(way.name, "other.", 6) == 0) continue;
    errno = 0;
    const long result = way.run(1);
    printf("%s %s\n", way.name, result >= 0 ? "allowed" : strerrorname_np(errno));
  }
  setpriority(PRIO_USER, 0, 19);
  syscall(SYS_ioprio_set, 3, getuid(), 3 << 13);
  // As owner of a socket that is told of input.
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  fcntl(pair[0], F_SETOWN, 1);
  fcntl(pair[0], F_SETSIG, SIGKILL);
  fcntl(pair[0], F_SETFL, O_ASYNC);
  if (write(pair[1], "x", 1) != 1) return 1;
  printf("reaper lives\n");
  return 0;
}

// What names many at once, then idle until the harness has made /attack-rw/go.
int Everybody(int, char**) {
  for (int signal = 1; signal < 65; ++signal) ::signal(signal, SIG_IGN);
  for (int signal = 1; signal < 65; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP || (signal >= 32 && signal < SIGRTMIN)) continue;  // not to be ignored
    kill(-1, signal);
    kill(0, signal);
  }
  setpriority(PRIO_USER, 0, 19);
  setpriority(PRIO_USER, getuid(), 19);
  syscall(SYS_ioprio_set, 3, getuid(), 3 << 13);
  ::signal(SIGCHLD, SIG_DFL);
  puts("told");
  fflush(stdout);
  const timespec pause = {0, 2'000'000};
  while (access("/attack-rw/go", F_OK) != 0) nanosleep(&pause, nullptr);
  return 0;
}

// Everything that is counted by user is used up and held; then N programs are run.
int UseUp(int argc, char** argv) {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int instances = 0;
  while (instances < 4000 && inotify_init1(IN_CLOEXEC) >= 0) ++instances;
  printf("inotify %d %s\n", instances, strerrorname_np(errno));
  int pipes = 0, pages[2];
  while (pipes < 200 && pipe(pages) == 0 && fcntl(pages[1], F_SETPIPE_SZ, 1 << 20) >= 0) ++pipes;
  printf("pipes %d %s\n", pipes, strerrorname_np(errno));
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  siginfo_t info = {};
  info.si_code = SI_QUEUE;
  int signals = 0;
  while (signals < 1000000 && syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, &info) == 0) ++signals;
  printf("signals %d %s\n", signals, strerrorname_np(errno));
  int timers = 0;
  timer_t timer;
  while (timers < 1000000 && timer_create(CLOCK_MONOTONIC, nullptr, &timer) == 0) ++timers;
  printf("timers %d %s\n", timers, strerrorname_np(errno));
  int polls = 0, watches = 0;
  for (int poll; polls < 64 && (poll = epoll_create1(EPOLL_CLOEXEC)) >= 0; ++polls) {
    epoll_event event = {};
    for (int fd = 0; fd < 4096; ++fd) watches += epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0 ? 1 : 0;
  }
  printf("watches %d\n", watches);
  fflush(stdout);
  int made = 0;
  for (int left = argc > 1 ? atoi(argv[1]) : 0; left > 0; --left) {
    const int child = fork();
    if (child == 0) {
      execl("/usr/bin/true", "true", nullptr);
      _exit(9);
    }
    int status = 0;
    made += child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 1 : 0;
  }
  printf("made %d\n", made);
  return 0;
}

constexpr Command kCommands[] = {
    {"every-number", EveryNumber},
    {"at-the-reaper", AtTheReaper},
    {"everybody-and-wait", Everybody},
    {"use-up", UseUp},
};

}  // namespace

std::span<const Command> GuardCommands() { return kCommands; }

}  // namespace probe
