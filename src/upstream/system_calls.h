// SPDX-License-Identifier: Apache-2.0
// What cellos-upstream needs of the kernel once it is locked: the reference that its filter is compared with.
//
// Its network namespace is empty, so socket, bind and connect reach nothing but its own loopback.
#pragma once

#include <sys/syscall.h>

namespace upstream {

struct SystemCall {
  long number;
  const char* why;
};

inline constexpr SystemCall kSystemCalls[] = {
    // Descriptors that were passed in or dialled: DoT, DoH, TCP and UDP; the gate, the dialler, the records.
    {SYS_read, "TLS records"},
    {SYS_write, "TLS records"},
    {SYS_recvmsg, "packets of gate and dialler, libunbound's datagrams"},
    {SYS_sendmsg, "packets to gate, dialler and supervisor"},
    {SYS_recvfrom, "datagrams, TCP"},
    {SYS_sendto, "datagrams, TCP"},
    {SYS_getsockopt, "SOL_SOCKET SO_ERROR of a dialled socket"},
    {SYS_close, "connections end"},
    // libunbound's sockets towards the forwarder.
    {SYS_socket, "AF_INET SOCK_DGRAM only"},
    {SYS_bind, "a random port of 127.0.0.1"},
    {SYS_connect, "127.0.0.1"},
    {SYS_setsockopt, "IPPROTO_IP IP_MTU_DISCOVER"},
    {SYS_fcntl, "F_GETFL, F_SETFL"},
    // The loop.
    {SYS_epoll_wait, "libevent"},
    {SYS_epoll_pwait, "libevent with newer C libraries"},
    {SYS_epoll_ctl, "libevent"},
    {SYS_poll, "libunbound waits for a full socket buffer"},
    // Time, randomness, memory.
    {SYS_clock_gettime, "where the vDSO can't"},
    {SYS_gettimeofday, "where the vDSO can't"},
    {SYS_getrandom, "ids, ports, TLS"},
    {SYS_getpid, "OpenSSL's and libunbound's generators look for a fork"},
    {SYS_brk, "heap"},
    {SYS_mmap, "heap, anonymous only"},
    {SYS_munmap, "heap"},
    {SYS_mremap, "heap"},
    {SYS_mprotect, "heap"},
    {SYS_madvise, "heap"},
    {SYS_futex, "libraries' once and locks, without contention"},
    // The read-back of the lock, and the end.
    {SYS_prctl, "PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS"},
    {SYS_capget, "no capability"},
    {SYS_prlimit64, "limits"},
    {SYS_rt_sigprocmask, "abort"},
    {SYS_restart_syscall, "an interrupted wait"},
    {SYS_exit_group, "the end"},
    {SYS_exit, "the end"},
};

// Called by libraries that can do without: answered with ENOENT.
inline constexpr SystemCall kRefusedCalls[] = {
    {SYS_openat, "/etc/localtime"},
};

}  // namespace upstream
