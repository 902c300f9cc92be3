// SPDX-License-Identifier: Apache-2.0
// The tables of calls that are allowed or refused whatever their arguments.
#include <errno.h>
#include <sys/syscall.h>

#include "plan/seccomp_table.h"

// Numbers from 424 on are the same on every architecture; those newer than the C library's headers are written out.
#define CALL(name) {SYS_##name, #name}

namespace plan {
namespace {

constexpr SyscallName kFiles[] = {
    CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(pread64), CALL(pwrite64), CALL(preadv), CALL(pwritev),
    CALL(preadv2), CALL(pwritev2), CALL(close), CALL(close_range), CALL(lseek), CALL(dup), CALL(dup3), CALL(fstat),
    CALL(newfstatat), CALL(statx), CALL(fstatfs), CALL(statfs), CALL(getdents64), CALL(getcwd), CALL(chdir),
    CALL(fchdir), CALL(faccessat), CALL(faccessat2), CALL(readlinkat), CALL(linkat), CALL(symlinkat), CALL(unlinkat),
    CALL(renameat), CALL(truncate), CALL(ftruncate), CALL(fallocate), CALL(fadvise64), CALL(readahead), CALL(sync),
    CALL(fsync), CALL(fdatasync), CALL(syncfs), CALL(sync_file_range), CALL(flock), CALL(umask), CALL(fchown),
    CALL(fchownat), CALL(utimensat), CALL(copy_file_range), CALL(sendfile), CALL(splice), CALL(tee), CALL(vmsplice),
    {451, "cachestat"},
#if defined(__x86_64__)
    CALL(stat), CALL(lstat), CALL(access), CALL(readlink), CALL(link), CALL(symlink), CALL(unlink), CALL(rename),
    CALL(rmdir), CALL(chown), CALL(lchown), CALL(utime), CALL(utimes), CALL(futimesat), CALL(getdents), CALL(dup2),
#endif
};
constexpr SyscallName kAttributes[] = {
    CALL(setxattr), CALL(lsetxattr), CALL(fsetxattr), CALL(getxattr), CALL(lgetxattr), CALL(fgetxattr),
    CALL(listxattr), CALL(llistxattr), CALL(flistxattr), CALL(removexattr), CALL(lremovexattr), CALL(fremovexattr),
    {463, "setxattrat"}, {464, "getxattrat"}, {465, "listxattrat"}, {466, "removexattrat"},
};
constexpr SyscallName kWaiting[] = {
    CALL(ppoll), CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait), CALL(epoll_pwait2),
    CALL(eventfd2), CALL(signalfd4), CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_gettime),
    CALL(inotify_init1), CALL(inotify_add_watch), CALL(inotify_rm_watch), CALL(nanosleep), CALL(clock_nanosleep),
    CALL(timer_create), CALL(timer_settime), CALL(timer_gettime), CALL(timer_getoverrun), CALL(timer_delete),
    CALL(getitimer), CALL(setitimer),
#if defined(__x86_64__)
    CALL(poll), CALL(select), CALL(epoll_create), CALL(epoll_wait), CALL(eventfd), CALL(signalfd),
    CALL(inotify_init), CALL(alarm), CALL(pause),
#endif
};
constexpr SyscallName kPipes[] = {
    CALL(pipe2),
#if defined(__x86_64__)
    CALL(pipe),
#endif
};
constexpr SyscallName kMemory[] = {
    CALL(mmap), CALL(munmap), CALL(mprotect), CALL(mremap), CALL(madvise), CALL(brk), CALL(msync), CALL(mincore),
    CALL(mlock), CALL(mlock2), CALL(munlock), CALL(mlockall), CALL(munlockall), CALL(memfd_create), CALL(pkey_alloc),
    CALL(pkey_free), CALL(pkey_mprotect), CALL(membarrier), CALL(remap_file_pages), {462, "mseal"},
    {453, "map_shadow_stack"}, CALL(mbind), CALL(set_mempolicy), CALL(get_mempolicy), CALL(set_mempolicy_home_node),
};
constexpr SyscallName kProcesses[] = {
    CALL(execve), CALL(execveat), CALL(exit), CALL(exit_group), CALL(wait4), CALL(waitid), CALL(getpid),
    CALL(getppid), CALL(gettid), CALL(getpgid), CALL(setpgid), CALL(getsid), CALL(setsid), CALL(pidfd_open),
    CALL(set_tid_address),
#if defined(__x86_64__)
    CALL(fork), CALL(vfork), CALL(getpgrp), CALL(arch_prctl),
#endif
};
constexpr SyscallName kThreads[] = {
    CALL(futex), CALL(futex_waitv), {454, "futex_wake"}, {455, "futex_wait"}, {456, "futex_requeue"},
    CALL(set_robust_list), CALL(get_robust_list), CALL(rseq), CALL(restart_syscall),
};
constexpr SyscallName kSignals[] = {
    CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigpending), CALL(rt_sigtimedwait), CALL(rt_sigsuspend),
    CALL(rt_sigreturn), CALL(sigaltstack),
};
constexpr SyscallName kIdentity[] = {
    CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(getresuid), CALL(getresgid), CALL(getgroups),
    CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid), CALL(setresuid), CALL(setresgid), CALL(setfsuid),
    CALL(setfsgid), CALL(setgroups), CALL(capget), CALL(capset),
};
constexpr SyscallName kScheduling[] = {
    CALL(sched_yield), CALL(sched_getscheduler), CALL(sched_getparam), CALL(sched_setparam), CALL(sched_getattr),
    CALL(sched_getaffinity), CALL(sched_setaffinity), CALL(sched_get_priority_max), CALL(sched_get_priority_min),
    CALL(sched_rr_get_interval), CALL(getpriority), CALL(setpriority), CALL(ioprio_get), CALL(ioprio_set),
    CALL(getcpu),
};
constexpr SyscallName kLimits[] = {
    CALL(getrlimit), CALL(getrusage), CALL(times), CALL(sysinfo),
};
constexpr SyscallName kTime[] = {
    CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday),
#if defined(__x86_64__)
    CALL(time),
#endif
};
constexpr SyscallName kSystem[] = {
    CALL(uname), CALL(getrandom),
};
constexpr SyscallName kSockets[] = {
    CALL(bind), CALL(connect), CALL(listen), CALL(accept4), CALL(accept), CALL(getsockname), CALL(getpeername),
    CALL(getsockopt), CALL(setsockopt), CALL(sendto), CALL(recvfrom), CALL(sendmsg), CALL(recvmsg), CALL(sendmmsg),
    CALL(recvmmsg), CALL(shutdown),
};
constexpr SyscallName kIpc[] = {
    CALL(shmget), CALL(shmat), CALL(shmdt), CALL(shmctl), CALL(semget), CALL(semop), CALL(semtimedop), CALL(semctl),
    CALL(msgget), CALL(msgsnd), CALL(msgrcv), CALL(msgctl), CALL(mq_open), CALL(mq_unlink), CALL(mq_timedsend),
    CALL(mq_timedreceive), CALL(mq_notify), CALL(mq_getsetattr),
};
constexpr SyscallName kAio[] = {
    CALL(io_setup), CALL(io_destroy), CALL(io_submit), CALL(io_cancel), CALL(io_getevents), CALL(io_pgetevents),
};
constexpr SyscallName kSelfRestriction[] = {
    CALL(landlock_create_ruleset), CALL(landlock_add_rule), CALL(landlock_restrict_self),
};
constexpr SyscallName kNoByPointer[] = {
    CALL(clone3), CALL(openat2),
};
constexpr SyscallName kNoMounts[] = {
    CALL(mount), CALL(umount2), CALL(pivot_root), CALL(chroot), CALL(fsopen), CALL(fsconfig), CALL(fsmount),
    CALL(fspick), CALL(move_mount), CALL(open_tree), {467, "open_tree_attr"}, CALL(mount_setattr),
};
constexpr SyscallName kNoNamespaces[] = {
    CALL(unshare), CALL(setns),
};
constexpr SyscallName kNoOthers[] = {
    CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(pidfd_getfd), CALL(kcmp),
    CALL(process_madvise), CALL(move_pages), CALL(migrate_pages),
};
constexpr SyscallName kNoKernel[] = {
    CALL(bpf), CALL(perf_event_open),
};
constexpr SyscallName kNoUring[] = {
    CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
};
constexpr SyscallName kNoStall[] = {
    CALL(userfaultfd),
};
constexpr SyscallName kNoKeys[] = {
    CALL(add_key), CALL(request_key), CALL(keyctl),
};
constexpr SyscallName kNoHandles[] = {
    CALL(open_by_handle_at), CALL(name_to_handle_at),
};
constexpr SyscallName kNoModules[] = {
    CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load), CALL(kexec_file_load),
};
constexpr SyscallName kNoClock[] = {
    CALL(settimeofday), CALL(clock_settime), CALL(adjtimex), CALL(clock_adjtime),
};
constexpr SyscallName kNoAdmin[] = {
    CALL(reboot), CALL(swapon), CALL(swapoff), CALL(acct), CALL(quotactl), CALL(quotactl_fd), CALL(sethostname),
    CALL(setdomainname), CALL(syslog), CALL(vhangup), CALL(fanotify_init), CALL(fanotify_mark), CALL(lookup_dcookie),
};
#if defined(__x86_64__)
constexpr SyscallName kNoHardware[] = {
    CALL(iopl), CALL(ioperm), CALL(modify_ldt),
};
#endif
constexpr SyscallName kNoRealTime[] = {
    CALL(sched_setattr),
};

constexpr SyscallGroup kGroups[] = {
    {"files", "opening, reading, writing, metadata and names of files", kFiles},
    {"attributes", "extended attributes", kAttributes},
    {"waiting", "polling, timers and wake-ups", kWaiting},
    {"pipes", "pipes", kPipes},
    {"memory", "address space", kMemory},
    {"processes", "starting, ending and waiting for processes", kProcesses},
    {"threads", "threads and locks", kThreads},
    {"signals", "handling signals", kSignals},
    {"identity", "reading and keeping identities (one id is mapped, so none can be gained)", kIdentity},
    {"scheduling", "priorities and placement without real-time classes", kScheduling},
    {"limits", "reading limits and usage", kLimits},
    {"time", "reading clocks", kTime},
    {"system", "names and randomness", kSystem},
    {"sockets", "using sockets (making one depends on its family)", kSockets},
    {"ipc", "System V IPC and message queues of the cell's own namespace", kIpc},
    {"aio", "asynchronous file I/O", kAio},
    {"self-restriction", "restricting oneself further", kSelfRestriction},
};

constexpr SyscallRefusal kRefusals[] = {
    {"its flags lie behind a pointer, where no filter can read them; libraries fall back to the older call", ENOSYS,
     kNoByPointer},
    {"the mount tree of a cell is fixed before it starts", EPERM, kNoMounts},
    {"a cell has the namespaces it was given", EPERM, kNoNamespaces},
    {"reading or steering other processes", EPERM, kNoOthers},
    {"programs inside the kernel and its counters", EPERM, kNoKernel},
    {"a second way to every system call, past this filter", EPERM, kNoUring},
    {"stalling the kernel in the middle of a copy", EPERM, kNoStall},
    {"the keys of the host's user", EPERM, kNoKeys},
    {"opening files by number, past every path", EPERM, kNoHandles},
    {"loading code into the kernel", EPERM, kNoModules},
    {"the host's clock", EPERM, kNoClock},
    {"administration of the host", EPERM, kNoAdmin},
#if defined(__x86_64__)
    {"raw hardware and segment tables", EPERM, kNoHardware},
#endif
    {"real-time classes lie behind a pointer", EPERM, kNoRealTime},
};

}  // namespace

std::span<const SyscallGroup> AllowedGroups() { return kGroups; }
std::span<const SyscallRefusal> RefusedCalls() { return kRefusals; }

}  // namespace plan
