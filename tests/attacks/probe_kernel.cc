// SPDX-License-Identifier: Apache-2.0
// Ways into the kernel that a cell does not have, each with arguments that the kernel itself would take.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

namespace probe {
namespace {

constexpr unsigned long kHigh = 0xdead'0000'0000ul;

long Clone(unsigned long flags) {
  const long child = syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) _exit(0);
  return child;
}

long Socket(unsigned long family, unsigned long type, unsigned long protocol) {
  return syscall(SYS_socket, family, type, protocol);
}

// The other end of a terminal of ours where there are any; else standard input.
long Ioctl(unsigned long request, const void* argument) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  return syscall(SYS_ioctl, terminal < 0 ? 0 : terminal, request, argument);
}

long Filter(unsigned flags) {
  static sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

long Foreign() {
#if defined(__x86_64__)
  long result;
  asm volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
#endif
  return 0;
}

long ReadChildMemory() {
  char here[8], there[8] = "secret";
  const int child = SleepingChild();
  const iovec local = {here, sizeof here}, remote = {there, sizeof there};
  return syscall(SYS_process_vm_readv, child, &local, 1ul, &remote, 1ul, 0ul);
}

long StealDescriptor() {
  const long pidfd = syscall(SYS_pidfd_open, SleepingChild(), 0);
  return pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 0, 0);
}

long ExecuteMemory() {
  const int self = open("/proc/self/exe", O_RDONLY), copy = memfd_create("x", MFD_CLOEXEC);
  if (self < 0 || copy < 0) return -1;
  static char block[1 << 16];
  for (long count; (count = read(self, block, sizeof block)) > 0;) {
    if (write(copy, block, count) != count) return -1;
  }
  char* const arguments[] = {const_cast<char*>("x"), const_cast<char*>("--exit-0"), nullptr};
  char* const environment[] = {nullptr};
  return syscall(SYS_execveat, copy, "", arguments, environment, AT_EMPTY_PATH);
}

long ExecuteScript() {
  const int script = open("/tmp/script", O_WRONLY | O_CREAT | O_TRUNC, 0700);
  if (script < 0 || write(script, "#!/bin/sh\nexit 0\n", 17) != 17) return -1;
  close(script);
  return execl("/tmp/script", "/tmp/script", nullptr);
}

long BindPort(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<unsigned short>(port));
  return bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

long ReadOwnKeyring() {
  const long keyring = syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 0);
  return keyring;
}

#define TRY(name, ...)                          \
  {                                             \
    name, +[]() -> long { return __VA_ARGS__; } \
  }
#define CALL(name, number, ...) TRY(name, syscall(number __VA_OPT__(, ) __VA_ARGS__))

constexpr Attempt kAttempts[] = {
    TRY("KE01.io_uring_setup",
        [] {
          io_uring_params params = {};
          return syscall(SYS_io_uring_setup, 1, &params);
        }()),
    CALL("KE01.io_uring_enter", SYS_io_uring_enter, -1, 0, 0, 0, nullptr, 0),
    CALL("KE01.io_uring_register", SYS_io_uring_register, -1, 0, nullptr, 0),
    TRY("KE02.int80", Foreign()),
    CALL("KE02.x32", 0x40000000 | SYS_getpid),
    CALL("KE03.unshare_user", SYS_unshare, CLONE_NEWUSER),
    CALL("KE03.unshare_mount", SYS_unshare, CLONE_NEWNS),
    CALL("KE03.unshare_net", SYS_unshare, CLONE_NEWNET),
    CALL("KE03.unshare_pid", SYS_unshare, CLONE_NEWPID),
    CALL("KE03.unshare_ipc", SYS_unshare, CLONE_NEWIPC),
    CALL("KE03.unshare_uts", SYS_unshare, CLONE_NEWUTS),
    CALL("KE03.unshare_cgroup", SYS_unshare, CLONE_NEWCGROUP),
    CALL("KE03.unshare_time", SYS_unshare, 0x80),
    CALL("KE03.unshare_files", SYS_unshare, CLONE_FILES),
    TRY("KE03.clone_user", Clone(CLONE_NEWUSER)),
    TRY("KE03.clone_mount", Clone(CLONE_NEWNS)),
    TRY("KE03.clone_net", Clone(CLONE_NEWNET)),
    TRY("KE03.clone_pid", Clone(CLONE_NEWPID)),
    TRY("KE03.clone_user_net_high", Clone(kHigh | CLONE_NEWUSER | CLONE_NEWNET)),
    CALL("KE03.clone3", SYS_clone3, nullptr, 0),
    TRY("KE03.setns", syscall(SYS_setns, open("/proc/self/ns/uts", O_RDONLY), 0)),
    TRY("KE03.twin_clone", Clone(0)),
    TRY("KE03.twin_clone_high", Clone(kHigh)),
    CALL("KE04.ptrace_child", SYS_ptrace, 16 /* ATTACH */, SleepingChild(), 0, 0),
    CALL("KE04.ptrace_seize", SYS_ptrace, 0x4206, SleepingChild(), 0, 0),
    CALL("KE04.ptrace_traceme", SYS_ptrace, 0, 0, 0, 0),
    CALL("KE04.ptrace_pid1", SYS_ptrace, 0x4206 /* SEIZE: stops nothing */, 1, 0, 0),
    TRY("KE04.process_vm_readv", ReadChildMemory()),
    TRY("KE04.pidfd_getfd", StealDescriptor()),
    CALL("KE04.kcmp", SYS_kcmp, getpid(), getpid(), 0, 0, 0),
    TRY("KE04.twin_pidfd_open", syscall(SYS_pidfd_open, SleepingChild(), 0)),
    CALL("KE05.mount_tmpfs", SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr),
    CALL("KE05.mount_proc", SYS_mount, "none", "/tmp", "proc", 0, nullptr),
    CALL("KE05.mount_bind", SYS_mount, "/usr", "/tmp", nullptr, MS_BIND, nullptr),
    CALL("KE05.remount_writable", SYS_mount, nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr),
    CALL("KE05.umount", SYS_umount2, "/proc/sys", 2 /* MNT_DETACH */),
    CALL("KE05.fsopen", SYS_fsopen, "tmpfs", 0),
    CALL("KE05.fspick", SYS_fspick, AT_FDCWD, "/", 0),
    CALL("KE05.open_tree", SYS_open_tree, AT_FDCWD, "/usr", 1),
    CALL("KE05.move_mount", SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0),
    TRY("KE05.mount_setattr",
        [] {
          const unsigned long attributes[4] = {0, 1 /* read-only, cleared */, 0, 0};
          return syscall(SYS_mount_setattr, AT_FDCWD, "/usr", 0, attributes, sizeof attributes);
        }()),
    CALL("KE05.pivot_root", SYS_pivot_root, ".", "."),
    CALL("KE05.chroot", SYS_chroot, "/tmp"),
    TRY("KE06.tiocsti", Ioctl(TIOCSTI, "x")),
    TRY("KE06.tiocsti_high", Ioctl(1ul << 32 | TIOCSTI, "x")),
    TRY("KE06.tioclinux", Ioctl(TIOCLINUX, "\3")),
    TRY("KE06.tiocsetd",
        [] {
          const int discipline = 0;
          return Ioctl(TIOCSETD, &discipline);
        }()),
    TRY("KE06.tiocsetd_high",
        [] {
          const int discipline = 0;
          return Ioctl(1ul << 63 | TIOCSETD, &discipline);
        }()),
    TRY("KE06.tioccons", Ioctl(TIOCCONS, nullptr)),
    TRY("KE07.listener", Filter(SECCOMP_FILTER_FLAG_NEW_LISTENER)),
    TRY("KE07.listener_and_more", Filter(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_LOG)),
    TRY("KE07.twin_filter", Filter(0)),
    TRY("KE08.twin_memory", ExecuteMemory()),
    TRY("KE08.twin_script", ExecuteScript()),
    TRY("KE08.twin_self", execl("/proc/self/exe", "x", "--exit-0", nullptr)),
    CALL("KE09.read_implies_exec", SYS_personality, 0x0400000),
    CALL("KE09.read_implies_exec_high", SYS_personality, kHigh | 0x0400000),
    CALL("KE09.mmap_page_zero", SYS_personality, 0x0100000),
    CALL("KE09.twin_personality", SYS_personality, 0xffffffff),
#if defined(__x86_64__)
    TRY("KE09.modify_ldt",
        [] {
          char buffer[16];
          return syscall(SYS_modify_ldt, 0, buffer, sizeof buffer);
        }()),
    CALL("KE09.iopl", SYS_iopl, 3),
    CALL("KE09.ioperm", SYS_ioperm, 0x80, 1, 1),
#endif
    CALL("KE09.set_mm", SYS_prctl, PR_SET_MM, 1, 0x1000, 0, 0),
    CALL("KE09.set_tsc", SYS_prctl, PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0),
    CALL("KE09.set_tsc_high", SYS_prctl, 1ul << 32 | PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0),
    CALL("KE09.dispatch", SYS_prctl, 59, 0, 0, 0, 0),
    TRY("KE10.raw", Socket(AF_INET, SOCK_RAW, IPPROTO_RAW)),
    TRY("KE10.raw6", Socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)),
    TRY("KE10.ping", Socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)),
    TRY("KE10.packet", Socket(AF_PACKET, SOCK_RAW, 0)),
    TRY("KE10.sctp", Socket(AF_INET, SOCK_STREAM, 132)),
    TRY("KE10.udplite", Socket(AF_INET6, SOCK_DGRAM, 136)),
    TRY("KE10.mptcp", Socket(AF_INET, SOCK_STREAM, 262)),
    TRY("KE10.netfilter", Socket(AF_NETLINK, SOCK_RAW, 12)),
    TRY("KE10.uevents", Socket(AF_NETLINK, SOCK_RAW, 15)),
    TRY("KE10.vsock", Socket(40, SOCK_STREAM, 0)),
    TRY("KE10.alg", Socket(AF_ALG, SOCK_SEQPACKET, 0)),
    TRY("KE10.twin_tcp", Socket(AF_INET, SOCK_STREAM, 0)),
    TRY("KE10.twin_udp6", Socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)),
    TRY("KE10.twin_unix", Socket(AF_UNIX, SOCK_SEQPACKET, 0)),
    TRY("KE10.twin_route", Socket(AF_NETLINK, SOCK_RAW, 0)),
    TRY("KE11.userfaultfd", syscall(SYS_userfaultfd, 0)),
    TRY("KE11.userfaultfd_user", syscall(SYS_userfaultfd, 1)),
    TRY("KE11.dev_userfaultfd", OpenOnly("/dev/userfaultfd", O_RDWR)),
    TRY("KE11.dev_fuse", OpenOnly("/dev/fuse", O_RDWR)),
    CALL("KE12.add_key", SYS_add_key, "user", "attack", "y", 1, -2),
    CALL("KE12.request_key", SYS_request_key, "user", "cellos-attack-planted", nullptr, 0),
    TRY("KE12.keyring", ReadOwnKeyring()),
    TRY("KE13.alg_high", Socket(kHigh | AF_ALG, SOCK_SEQPACKET, 0)),
    TRY("KE13.raw_high", Socket(kHigh | AF_INET, kHigh | SOCK_RAW, kHigh | IPPROTO_ICMP)),
    TRY("KE13.twin_tcp_high", Socket(kHigh | AF_INET, kHigh | SOCK_STREAM, kHigh)),
    TRY("KE14.port_80", BindPort(80)),
    TRY("KE14.twin_port_8080", BindPort(8080)),
    TRY("KE15.init_for_writing", OpenOnly("/proc/1/exe", O_WRONLY)),
    TRY("KE15.self_for_writing", OpenOnly("/proc/self/exe", O_WRONLY)),
    TRY("KE15.init_for_reading", OpenOnly("/proc/1/exe", O_RDONLY)),
    TRY("KE16.bpf",
        [] {
          char attributes[128] = {2 /* BPF_MAP_TYPE_ARRAY */, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1};
          return syscall(SYS_bpf, 0, attributes, sizeof attributes);
        }()),
    TRY("KE16.perf",
        [] {
          unsigned attributes[32] = {1 /* software */, sizeof attributes};
          return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
        }()),
    CALL("KE16.syslog", SYS_syslog, 10, nullptr, 0),
};

}  // namespace

std::span<const Attempt> KernelAttempts() { return kAttempts; }

}  // namespace probe
