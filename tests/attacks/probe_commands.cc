// SPDX-License-Identifier: Apache-2.0
// The attacks that end in more than an errno: bombs, storms, floods, and what a process can see of its own streams.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

namespace probe {
namespace {

long Queue(int pid, int signal) {
  siginfo_t info = {};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  return syscall(SYS_rt_sigqueueinfo, pid, signal, &info);
}

// ---------------------------------------------------------------------------------------------------------

int Families(int, char**) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
    for (int family = 0; family <= 50; ++family) {
      const int fd = socket(family, type, 0);
      if (fd >= 0) printf("%d/%d ", family, type);
      if (fd >= 0) close(fd);
    }
  }
  for (int family = 0; family <= 50; ++family) {
    int pair[2];
    if (socketpair(family, SOCK_STREAM, 0, pair) == 0) printf("pair/%d ", family);
  }
  puts("");
  return 0;
}

int Descriptors(int, char**) {
  for (int fd = 0; fd < 4096; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) printf("%d ", fd);
  }
  puts("");
  return 0;
}

int Foreign(int, char**) {
#if defined(__x86_64__)
  long result;
  asm volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
#endif
  return 0;
}

int X32(int, char**) {
  syscall(0x40000000 | SYS_getpid);
  return 0;
}

// Every way to send a signal, at every number that could be ours or the host's. Prints what answered anything but
// ESRCH, except for itself.
int SignalEverybody(int, char**) {
  const int fatal[] = {SIGKILL, SIGSTOP, SIGTERM, SIGSEGV, SIGABRT};
  for (int pid = 1; pid < 100000; ++pid) {
    if (pid == getpid()) continue;
    for (const int number : fatal) {
      const long results[] = {kill(pid, number), syscall(SYS_tkill, pid, number), syscall(SYS_tgkill, pid, pid, number),
                              Queue(pid, number)};
      for (const long result : results) {
        if ((result == 0 || errno != ESRCH) && pid != 1) printf("pid %d answers %s\n", pid, strerrorname_np(errno));
      }
      if (pid > 8) break;
    }
  }
  const long reaper = syscall(SYS_pidfd_open, 1, 0);
  for (const int number : fatal) syscall(SYS_pidfd_send_signal, reaper, number, nullptr, 0);
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1}) ::signal(signal, SIG_IGN);
  kill(-1, SIGTERM);
  kill(-1, SIGUSR1);
  setpriority(PRIO_PROCESS, 1, 19);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(1, sizeof one, &one);
  fcntl(0, F_SETOWN, 1);
  puts("alive");
  return 7;
}

int ForkBomb(int, char**) {
  int made = 0;
  for (; made < 20000; ++made) {
    const int child = fork();
    if (child < 0) break;
    while (child == 0) {
      if (fork() < 0) pause();
    }
  }
  printf("%d %s\n", made, strerrorname_np(errno));
  return 0;
}

int ThreadBomb(int, char**) {
  int made = 0, error = 0;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  for (; made < 5000; ++made) {
    pthread_t thread;
    error = pthread_create(
        &thread, &attributes,
        [](void*) -> void* {
          for (;;) pause();
        },
        nullptr);
    if (error != 0) break;
  }
  printf("%d %s\n", made, strerrorname_np(error));
  return 0;
}

// Descendants that ignore everything, in sessions of their own, one stopped, one whose parent is stuck in vfork.
int Orphans(int, char**) {
  if (fork() == 0) {
    setsid();
    for (int number = 1; number < 65; ++number) signal(number, SIG_IGN);
    if (fork() == 0)
      for (;;) pause();
    for (;;) pause();
  }
  if (fork() == 0) raise(SIGSTOP);
  if (fork() == 0) {
    if (syscall(SYS_vfork) == 0)
      for (;;) pause();
  }
  usleep(50000);
  return 5;
}

// Threads that never wait, timers that never stop; the cell's time has to end them.
int Storm(int, char**) {
  for (int i = 0; i < 200; ++i) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_create(
        &thread, &attributes,
        [](void*) -> void* {
          for (;;) sched_yield();
        },
        nullptr);
  }
  for (int number = 1; number < 32; ++number) signal(number, SIG_IGN);
  for (int i = 0; i < 1000; ++i) {
    timer_t timer;
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    const itimerspec often = {{0, 100000}, {0, 100000}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) break;
    timer_settime(timer, 0, &often, nullptr);
  }
  for (;;) sched_yield();
}

int Fill(int argc, char** argv) {
  static char block[1 << 20];
  const int fd = open(argc > 1 ? argv[1] : "/tmp/fill", O_WRONLY | O_CREAT, 0600);
  long total = 0, count = 0;
  while (total < 4l << 30 && (count = write(fd, block, sizeof block)) > 0) total += count;
  printf("%ld %s\n", total, strerrorname_np(errno));
  return 0;
}

int FillNames(int argc, char** argv) {
  int made = 0;
  for (; made < 2000000; ++made) {
    char path[64];
    snprintf(path, sizeof path, "%s/%d", argc > 1 ? argv[1] : "/tmp", made);
    if (OpenOnly(path, O_WRONLY | O_CREAT) < 0) break;
  }
  printf("%d %s\n", made, strerrorname_np(errno));
  return 0;
}

// Anonymous memory, touched, until something ends it.
int Eat(int, char**) {
  for (;;) {
    void* memory = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) memset(memory, 1, 1 << 20);
  }
}

// A tree too deep for any path, names as long as they may be, directories that nobody may enter; busy at the end.
int DeepTree(int argc, char** argv) {
  if (chdir(argc > 1 ? argv[1] : "/tmp") != 0) return 1;
  char name[256];
  memset(name, 'd', 255);
  name[255] = 0;
  int depth = 0;
  for (; depth < 10000; ++depth) {
    if (mkdir(name, 0700) != 0 || chdir(name) != 0) break;
    if (depth % 10 == 0) OpenOnly("file", O_WRONLY | O_CREAT, 0);
  }
  mkdir("closed", 0);
  printf("%d\n", depth);
  return 0;
}

// One file exchanged with a link to the outside for as long as the cell lives; `read` sees one or the other.
int ExchangeForever(int argc, char** argv) {
  if (argc < 3) return 1;
  for (;;) syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], 2 /* RENAME_EXCHANGE */);
}

int Flood(int argc, char** argv) {
  static char block[1 << 16];
  memset(block, 'x', sizeof block);
  for (;;) {
    if (write(argc > 1 ? atoi(argv[1]) : 2, block, sizeof block) < 0) return 1;
  }
}

int Limits(int, char**) {
  rlimit core = {};
  getrlimit(RLIMIT_CORE, &core);
  printf("core %lu %lu\n", core.rlim_cur, core.rlim_max);
  fflush(stdout);
  if (fork() == 0) abort();
  int status = 0;
  wait(&status);
  printf("dumped %d\n", WCOREDUMP(status) ? 1 : 0);
  return 0;
}

int Stdio(int, char**) {
  fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
  fcntl(2, F_SETFL, fcntl(2, F_GETFL) | O_NONBLOCK);
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
  struct stat streams[3];
  for (int fd = 0; fd < 3; ++fd) fstat(fd, &streams[fd]);
  printf("%s\n",
         S_ISFIFO(streams[0].st_mode) && S_ISFIFO(streams[1].st_mode) && S_ISFIFO(streams[2].st_mode) ? "pipes" : "?");
  return 0;
}

constexpr Command kCommands[] = {
    {"families", Families},
    {"descriptors", Descriptors},
    {"int80", Foreign},
    {"x32", X32},
    {"signals", SignalEverybody},
    {"fork-bomb", ForkBomb},
    {"thread-bomb", ThreadBomb},
    {"orphans", Orphans},
    {"storm", Storm},
    {"fill", Fill},
    {"fill-names", FillNames},
    {"eat", Eat},
    {"deep-tree", DeepTree},
    {"exchange", ExchangeForever},
    {"flood", Flood},
    {"limits", Limits},
    {"stdio", Stdio},
};

}  // namespace

std::span<const Command> Commands() { return kCommands; }

}  // namespace probe
