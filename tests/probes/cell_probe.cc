// SPDX-License-Identifier: Apache-2.0
// Attacks a cell from inside, one attempt per command, and prints what the kernel answered. Refuses to run anywhere but
// in a cell: its first argument names the harness's mount, pid and network namespaces, and none may be its own.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <string>

namespace {

std::string NamespaceOf(const char* kind) {
  char text[64] = {};
  const std::string path = std::string("/proc/self/ns/") + kind;
  if (readlink(path.c_str(), text, sizeof text - 1) < 0) return {};
  return text;
}

bool InAnotherWorld(const std::string& harness) {
  for (const char* kind : {"mnt", "pid", "net"}) {
    const std::string own = NamespaceOf(kind);
    if (own.empty() || harness.find(own) != std::string::npos) return false;
  }
  return true;
}

void Print(const char* what, long result) {
  printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
  fflush(stdout);
}

#define ATTEMPT(name, ...) Print(name, syscall(__VA_ARGS__))

// Entry points that no cell has. Arguments are such that a kernel without the filter would not hang or harm.
int ForbiddenCalls() {
  ATTEMPT("io_uring_setup", SYS_io_uring_setup, 1, nullptr);
  ATTEMPT("io_uring_enter", SYS_io_uring_enter, -1, 0, 0, 0, nullptr, 0);
  ATTEMPT("io_uring_register", SYS_io_uring_register, -1, 0, nullptr, 0);
  ATTEMPT("unshare", SYS_unshare, CLONE_NEWUSER);
  ATTEMPT("setns", SYS_setns, -1, 0);
  ATTEMPT("clone_newuser", SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  ATTEMPT("clone_newuser_high", SYS_clone, 0xdead00000000ul | CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  ATTEMPT("clone_parent", SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  ATTEMPT("clone3", SYS_clone3, nullptr, 0);
  ATTEMPT("openat2", SYS_openat2, AT_FDCWD, "/", nullptr, 0);
  ATTEMPT("ptrace", SYS_ptrace, 16 /* ATTACH */, 1, 0, 0);
  ATTEMPT("process_vm_readv", SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0);
  ATTEMPT("pidfd_getfd", SYS_pidfd_getfd, -1, 0, 0);
  ATTEMPT("kcmp", SYS_kcmp, 1, 1, 0, 0, 0);
  ATTEMPT("mount", SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr);
  ATTEMPT("umount2", SYS_umount2, "/usr", 2 /* MNT_DETACH */);
  ATTEMPT("fsopen", SYS_fsopen, "tmpfs", 0);
  ATTEMPT("move_mount", SYS_move_mount, -1, "", -1, "", 0);
  ATTEMPT("open_tree", SYS_open_tree, AT_FDCWD, "/", 1);
  ATTEMPT("mount_setattr", SYS_mount_setattr, AT_FDCWD, "/usr", 0, nullptr, 0);
  ATTEMPT("pivot_root", SYS_pivot_root, ".", ".");
  ATTEMPT("chroot", SYS_chroot, "/tmp");
  ATTEMPT("bpf", SYS_bpf, 0, nullptr, 0);
  ATTEMPT("perf_event_open", SYS_perf_event_open, nullptr, 0, -1, -1, 0);
  ATTEMPT("userfaultfd", SYS_userfaultfd, 1);
  ATTEMPT("add_key", SYS_add_key, "user", "x", "y", 1, -3);
  ATTEMPT("request_key", SYS_request_key, "user", "x", nullptr, -3);
  ATTEMPT("keyctl", SYS_keyctl, 0, -3, 0);
  ATTEMPT("open_by_handle_at", SYS_open_by_handle_at, -1, nullptr, 0);
  ATTEMPT("init_module", SYS_init_module, nullptr, 0, "");
  ATTEMPT("kexec_load", SYS_kexec_load, 0, 0, nullptr, 0);
  ATTEMPT("clock_settime", SYS_clock_settime, CLOCK_REALTIME, nullptr);
  ATTEMPT("syslog", SYS_syslog, 10, nullptr, 0);
  ATTEMPT("personality", SYS_personality, 0x0400000);
#if defined(__x86_64__)
  ATTEMPT("modify_ldt", SYS_modify_ldt, 0, nullptr, 0);
  ATTEMPT("iopl", SYS_iopl, 3);
#endif
  ATTEMPT("prctl_set_mm", SYS_prctl, PR_SET_MM, 1, 0, 0, 0);
  ATTEMPT("prctl_set_tsc", SYS_prctl, PR_SET_TSC, 2, 0, 0, 0);
  ATTEMPT("sched_fifo", SYS_sched_setscheduler, 0, 1, nullptr);
  ATTEMPT("tiocsti", SYS_ioctl, 0, TIOCSTI, "x");
  ATTEMPT("tiocsti_high", SYS_ioctl, 0, 1ul << 32 | TIOCSTI, "x");
  ATTEMPT("chmod_setuid", SYS_fchmodat, AT_FDCWD, "/tmp", 04755);
  ATTEMPT("open_setgid", SYS_openat, AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY, 02755);
  ATTEMPT("mknod_char", SYS_mknodat, AT_FDCWD, "/tmp/dev", S_IFCHR | 0600, 0x101);
  ATTEMPT("mknod_whiteout", SYS_mknodat, AT_FDCWD, "/tmp/white", S_IFCHR, 0);
  ATTEMPT("kill_sigsys", SYS_kill, getpid(), SIGSYS);
  ATTEMPT("core_limit", SYS_prlimit64, 0, RLIMIT_CORE, "0123456789abcdef", nullptr);
  ATTEMPT("unnamed", SYS_memfd_secret, 0);
  const sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program = {1, const_cast<sock_filter*>(&allow)};
  ATTEMPT("listener", SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  ATTEMPT("plain_filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  return 0;
}

int SocketFamilies() {
  for (int family = 0; family <= 50; ++family) {
    const int fd = socket(family, SOCK_DGRAM, 0);
    if (fd >= 0) printf("%d ", family);
    close(fd);
  }
  puts("");
  return 0;
}

int Descriptors() {
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) printf("%d ", fd);
  }
  puts("");
  return 0;
}

int ForeignEntry() {
#if defined(__x86_64__)
  long result;
  asm volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
#endif
  puts("survived");
  return 0;
}

int X32Entry() {
  syscall(0x40000000 | SYS_getpid);
  puts("survived");
  return 0;
}

// Every number of the first 64 at the processes of the cell: nothing may change for the reaper.
int SignalAll() {
  for (int pid = 1; pid <= 4; ++pid) {
    if (pid == getpid()) continue;
    for (const int signal : {SIGKILL, SIGSTOP, SIGTERM, SIGSEGV}) {
      const long result = kill(pid, signal);
      printf("%d/%d %s\n", pid, signal, result < 0 ? strerrorname_np(errno) : "ok");
    }
  }
  fflush(stdout);
  signal(SIGTERM, SIG_IGN);
  kill(-1, SIGTERM);
  puts("alive");
  return 7;
}

// A grandchild that ignores everything and holds a file; the leader leaves at once.
int LeaveOrphan() {
  if (fork() == 0) {
    setsid();
    for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
    for (;;) pause();
  }
  return 5;
}

// The reaper gets a foreign child that exits 0 first, by every way that could make one.
int ForeignChild() {
  if (fork() == 0) {
    if (fork() == 0) _exit(0);
    _exit(0);
  }
  usleep(100000);
  return 3;
}

int ReadOnlyPlaces() {
  for (const char* path : {"/x", "/usr/x", "/etc/x", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
                           "/proc/sys/user/max_user_namespaces", "/dev/x", "/run/x"}) {
    const int fd = open(path, O_WRONLY | (path[1] == 'p' ? 0 : O_CREAT), 0600);
    printf("%s %s\n", path, fd < 0 ? strerrorname_np(errno) : "ok");
  }
  return 0;
}

int Fill(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT, 0600);
  static char block[1 << 20];
  long total = 0;
  for (;;) {
    const long count = write(fd, block, sizeof block);
    if (count < 0) break;
    total += count;
    if (total > (1l << 30)) break;
  }
  printf("%ld %s\n", total, strerrorname_np(errno));
  return 0;
}

int ForkBomb() {
  int made = 0;
  for (; made < 5000; ++made) {
    const pid_t pid = fork();
    if (pid < 0) break;
    while (pid == 0) pause();
  }
  printf("%d %s\n", made, strerrorname_np(errno));
  return 0;
}

struct Command {
  const char* name;
  int (*run)();
};
constexpr Command kCommands[] = {
    {"calls", ForbiddenCalls}, {"families", SocketFamilies}, {"fds", Descriptors},   {"int80", ForeignEntry},
    {"x32", X32Entry},         {"signal-all", SignalAll},    {"orphan", LeaveOrphan}, {"foreign-child", ForeignChild},
    {"read-only", ReadOnlyPlaces}, {"fork-bomb", ForkBomb},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || !InAnotherWorld(argv[1])) {
    fputs("cell_probe runs inside a cell only\n", stderr);
    return 99;
  }
  if (strcmp(argv[2], "fill") == 0 && argc == 4) return Fill(argv[3]);
  for (const Command& command : kCommands) {
    if (strcmp(argv[2], command.name) == 0) return command.run();
  }
  return 98;
}
