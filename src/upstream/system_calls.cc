// SPDX-License-Identifier: Apache-2.0
// The tables of both parts.
#include "upstream/system_calls.h"

#include <sys/syscall.h>

namespace upstream {
namespace {

constexpr SystemCall kRelay[] = {
#if defined(SYS_epoll_wait)
    {SYS_epoll_wait, Demand::kNothing, "the loop"},
#endif
    {SYS_epoll_pwait, Demand::kNothing, "the loop, with newer C libraries"},
    {SYS_epoll_ctl, Demand::kNothing, "the loop"},
    {SYS_read, Demand::kNothing, "TLS records"},
    {SYS_write, Demand::kNothing, "TLS records"},
    {SYS_recvfrom, Demand::kNothing, "answers over UDP and TCP, packets of the validator"},
    {SYS_recvmsg, Demand::kNothing, "packets of gate and dialler"},
    {SYS_sendto, Demand::kNoAddress, "questions over UDP and TCP, packets to the validator"},
    {SYS_sendmsg, Demand::kOnPassedDescriptor, "packets to gate, dialler and supervisor"},
    {SYS_getsockopt, Demand::kNothing, "whether a connection stands"},
    {SYS_close, Demand::kOnLaterDescriptor, "connections end"},
    {SYS_clock_gettime, Demand::kNothing, "where the vDSO can't"},
    {SYS_gettimeofday, Demand::kNothing, "where the vDSO can't"},
    {SYS_getrandom, Demand::kNothing, "ids, TLS"},
    {SYS_getpid, Demand::kNothing, "OpenSSL's generator looks for a fork"},
    {SYS_brk, Demand::kNothing, "heap"},
    {SYS_mmap, Demand::kNotExecutable, "heap"},
    {SYS_mprotect, Demand::kNotExecutable, "heap"},
    {SYS_munmap, Demand::kNothing, "heap"},
    {SYS_mremap, Demand::kNothing, "heap"},
    {SYS_madvise, Demand::kNothing, "heap"},
    {SYS_futex, Demand::kNothing, "libraries' locks, without contention"},
    {SYS_openat, Demand::kAbsent, "/etc/localtime"},
    {SYS_prctl, Demand::kNothing, "reading the lock back; the plan's filter allows no more"},
    {SYS_capget, Demand::kNothing, "reading the lock back"},
    {SYS_seccomp, Demand::kNothing, "installing the plan's filter, which ends this"},
    {SYS_prlimit64, Demand::kNothing, "reading the lock back; the plan's filter allows no more"},
    {SYS_rt_sigprocmask, Demand::kNothing, "abort"},
    {SYS_restart_syscall, Demand::kNothing, "an interrupted wait"},
    {SYS_exit_group, Demand::kNothing, "the end"},
};

constexpr SystemCall kValidator[] = {
#if defined(SYS_epoll_wait)
    {SYS_epoll_wait, Demand::kNothing, "the loop"},
#endif
    {SYS_epoll_pwait, Demand::kNothing, "the loop, with newer C libraries"},
    {SYS_epoll_ctl, Demand::kNothing, "the loop"},
#if defined(SYS_poll)
    {SYS_poll, Demand::kNothing, "libunbound waits for room in a socket"},
#else
    {SYS_ppoll, Demand::kNothing, "libunbound waits for room in a socket"},
#endif
    {SYS_socket, Demand::kInternetDatagram, "libunbound asks the forwarder from a new port each time"},
    {SYS_bind, Demand::kNothing, "the random port"},
    {SYS_connect, Demand::kNothing, "the forwarder's address"},
    {SYS_setsockopt, Demand::kNothing, "IP_MTU_DISCOVER"},
    {SYS_fcntl, Demand::kNothing, "O_NONBLOCK; the plan's filter allows no copies"},
    {SYS_recvfrom, Demand::kNothing, "the forwarder and its client, packets of the relay"},
    {SYS_sendto, Demand::kNothing, "the same"},
    {SYS_close, Demand::kNothing, "libunbound's sockets"},
    {SYS_clock_gettime, Demand::kNothing, "where the vDSO can't"},
    {SYS_gettimeofday, Demand::kNothing, "where the vDSO can't"},
    {SYS_getrandom, Demand::kNothing, "ids, ports"},
    {SYS_getpid, Demand::kNothing, "libunbound's log and generator"},
    {SYS_brk, Demand::kNothing, "heap"},
    {SYS_mmap, Demand::kNotExecutable, "heap"},
    {SYS_mprotect, Demand::kNotExecutable, "heap"},
    {SYS_munmap, Demand::kNothing, "heap"},
    {SYS_mremap, Demand::kNothing, "heap"},
    {SYS_madvise, Demand::kNothing, "heap"},
    {SYS_futex, Demand::kNothing, "libraries' locks, without contention"},
    {SYS_openat, Demand::kAbsent, "/etc/localtime"},
    {SYS_prctl, Demand::kNothing, "reading the lock back; the plan's filter allows no more"},
    {SYS_capget, Demand::kNothing, "reading the lock back"},
    {SYS_seccomp, Demand::kNothing, "installing the plan's filter, which ends this"},
    {SYS_prlimit64, Demand::kNothing, "reading the lock back; the plan's filter allows no more"},
    {SYS_rt_sigprocmask, Demand::kNothing, "abort"},
    {SYS_restart_syscall, Demand::kNothing, "an interrupted wait"},
    {SYS_exit_group, Demand::kNothing, "the end"},
};

}  // namespace

std::span<const SystemCall> CallsOf(Part part) {
  if (part == Part::kRelay) return kRelay;
  return kValidator;
}

}  // namespace upstream
