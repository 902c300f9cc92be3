// SPDX-License-Identifier: Apache-2.0
// Known numbers of starts, ends and attempts to connect, made as fast as they can be, for whoever counts them.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "probe.h"

namespace probe {
namespace {

char* const kTrue[] = {const_cast<char*>("true"), nullptr};

// Waits until the harness has made `path`.
void AwaitFile(const char* path) {
  const timespec pause = {0, 2'000'000};
  while (access(path, F_OK) != 0) nanosleep(&pause, nullptr);
}

void* ExecInThread(void*) {
  execv("/usr/bin/true", kTrue);
  _exit(9);
}

// One life that ends with the end of /usr/bin/true, or with status 3.
int StartOne(const char* how) {
  if (strcmp(how, "vfork") == 0) {
    const int child = vfork();
    if (child == 0) {
      execv("/usr/bin/true", kTrue);
      _exit(9);
    }
    return child;
  }
  const int child = fork();
  if (child != 0) return child;
  if (strcmp(how, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, nullptr, ExecInThread, nullptr);
    for (;;) pause();
  }
  if (strcmp(how, "exec") == 0) {
    execv("/usr/bin/true", kTrue);
    _exit(9);
  }
  if (strcmp(how, "killed") == 0) kill(getpid(), SIGKILL);
  _exit(3);
}

// spawn HOW N [FILE]: N lives, one after the other, once FILE is there. Prints how many there were.
int Spawn(int argc, char** argv) {
  if (argc < 3) return 1;
  if (argc > 3) {
    puts("waiting");
    fflush(stdout);
    AwaitFile(argv[3]);
  }
  int made = 0;
  for (const int wanted = atoi(argv[2]); made < wanted; ++made) {
    const int child = StartOne(argv[1]);
    if (child < 0) break;
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 9) break;
  }
  printf("made %d\n", made);
  return 0;
}

int ChildThat(void (*act)()) {
  const int child = fork();
  if (child == 0) {
    act();
    _exit(9);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// Four lives that execute eight programs in all.
int Ways(int argc, char** argv) {
  if (argc > 2) {  // ways - N: executes itself N times more
    const int left = atoi(argv[2]);
    if (left == 0) return 0;
    char number[8];
    snprintf(number, sizeof number, "%d", left - 1);
    char* own[10] = {};
    int at = 0;
    for (char** word = argv - 4; word < argv + 2; ++word) own[at++] = *word;
    own[at++] = number;
    execve("/proc/self/exe", own, environ);
    return 9;
  }
  static char** arguments = argv;
  int wrong = 0;
  wrong += ChildThat([] {
    const int program = open("/usr/bin/true", O_RDONLY);
    const int memory = memfd_create("program", 0);
    char buffer[1 << 16];
    for (ssize_t count; (count = read(program, buffer, sizeof buffer)) > 0;) {
      if (write(memory, buffer, static_cast<size_t>(count)) != count) _exit(8);
    }
    syscall(SYS_execveat, memory, "", kTrue, nullptr, AT_EMPTY_PATH);
  });
  wrong += ChildThat([] {
    const int script = memfd_create("script", 0);
    if (write(script, "#!/usr/bin/true\n", 16) != 16) _exit(8);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", script);
    execv(path, kTrue);
  });
  wrong += ChildThat([] { execl("/proc/self/exe", "x", "--exit-0", nullptr); });
  wrong += ChildThat([] {
    char* own[10] = {};
    int at = 0;
    for (char** word = arguments - 4; word < arguments + 1; ++word) own[at++] = *word;
    own[at++] = const_cast<char*>("-");
    own[at++] = const_cast<char*>("4");
    execv("/proc/self/exe", own);
  });
  printf("wrong %d\n", wrong);
  return wrong;
}

volatile sig_atomic_t alarms = 0;

// connect N MICROSECONDS: N attempts, each to a socket that is not there, under a timer that interrupts. 0: none.
int Connect(int argc, char** argv) {
  if (argc < 3) return 1;
  struct sigaction action = {};
  action.sa_handler = [](int) { alarms = alarms + 1; };
  sigaction(SIGALRM, &action, nullptr);
  const int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un nowhere = {AF_UNIX, "/nowhere"};
  const long interval = atol(argv[2]) * 1000;
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  timer_t timer;
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  const itimerspec often = {{0, interval}, {0, interval}};
  timer_settime(timer, 0, &often, nullptr);
  int refused = 0, interrupted = 0, other = 0;
  for (int left = atoi(argv[1]); left > 0; --left) {
    connect(socket_, reinterpret_cast<const sockaddr*>(&nowhere), sizeof nowhere);
    (errno == ENOENT ? refused : errno == EINTR ? interrupted : other) += 1;
  }
  timer_delete(timer);
  printf("refused %d\ninterrupted %d\nother %d\nalarms %d\n", refused, interrupted, other, static_cast<int>(alarms));
  return 0;
}

// Idle until the harness has made /attack-rw/go.
int Wait(int, char**) {
  puts("waiting");
  fflush(stdout);
  AwaitFile("/attack-rw/go");
  return 0;
}

// Calls that are notified, by many processes, until somebody ends this.
int Pending(int, char**) {
  for (int i = 0; i < 8; ++i) {
    if (fork() != 0) continue;
    for (;;) {
      syscall(SYS_chroot, "/");
      const int child = fork();
      if (child == 0) _exit(0);
      if (child > 0) waitpid(child, nullptr, 0);
    }
  }
  puts("pending");
  fflush(stdout);
  for (;;) pause();
}

// rewrite GRANTED OTHER PORT N: connects to an address that another thread changes between the two all the time.
sockaddr_in written;
std::atomic<unsigned> addresses[2];
std::atomic<bool> stop{false};

void* Rewriter(void*) {
  auto* place = reinterpret_cast<std::atomic<unsigned>*>(&written.sin_addr.s_addr);
  for (unsigned i = 0; !stop; ++i) place->store(addresses[i & 1], std::memory_order_relaxed);
  return nullptr;
}

int Rewrite(int argc, char** argv) {
  if (argc < 5) return 1;
  for (int i = 0; i < 2; ++i) {
    in_addr address = {};
    inet_pton(AF_INET, argv[1 + i], &address);
    addresses[i] = address.s_addr;
  }
  written.sin_family = AF_INET;
  written.sin_port = htons(static_cast<unsigned short>(atoi(argv[3])));
  written.sin_addr.s_addr = addresses[0];
  pthread_t thread;
  pthread_create(&thread, nullptr, Rewriter, nullptr);
  int attempts = 0;
  for (const int wanted = atoi(argv[4]); attempts < wanted; ++attempts) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) break;
    connect(fd, reinterpret_cast<const sockaddr*>(&written), sizeof written);
    const timespec moment = {0, 1'000'000};
    nanosleep(&moment, nullptr);
    close(fd);
  }
  stop = true;
  pthread_join(thread, nullptr);
  printf("attempts %d\n", attempts);
  return 0;
}

// Lives whose names want to be more than a name.
int Names(int, char**) {
  const char* const names[] = {"a\nb\nc",      "\033[31mred\033[0m", "\342\200\256txt.exe",
                               "<b>&\"quot\\", "\377\376\200bad",    "{\"lane\":\"x\"}"};
  int made = 0;
  for (const char* name : names) {
    const int child = fork();
    if (child == 0) {
      prctl(PR_SET_NAME, name);
      const timespec moment = {0, 50'000'000};
      nanosleep(&moment, nullptr);
      _exit(0);
    }
    made += child > 0 ? 1 : 0;
    waitpid(child, nullptr, 0);
  }
  printf("made %d\n", made);
  return 0;
}

constexpr Command kCommands[] = {
    {"spawn", Spawn},     {"ways", Ways},   {"connect", Connect}, {"pending", Pending},
    {"rewrite", Rewrite}, {"names", Names}, {"wait", Wait},
};

}  // namespace

std::span<const Command> StormCommands() { return kCommands; }

}  // namespace probe
