// SPDX-License-Identifier: Apache-2.0
// Tables of the helpers' calls, and the filters made of them.
#include "plan/gate_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <bit>
#include <deque>
#include <vector>

#include "plan/seccomp_compile.h"
#include "wire/gate_config.h"

#define CALL(name) {SYS_##name, #name}

namespace plan {
namespace {

using Is = ArgumentTest::Is;
using Half = ArgumentTest::Half;

constexpr std::uint32_t kAll = 0xffffffff;

constexpr ArgumentTest Equals(std::uint8_t argument, std::uint32_t value, std::uint32_t mask = kAll) {
  return {argument, mask, Is::kEqual, value};
}
constexpr ArgumentTest HighEquals(std::uint8_t argument, std::uint32_t value) {
  return {argument, kAll, Is::kEqual, value, Half::kHigh};
}

// --- both ------------------------------------------------------------------------------------------------------------
constexpr SyscallName kWaiting[] = {
    CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(ppoll), CALL(timerfd_create),
    CALL(timerfd_settime), CALL(eventfd2), CALL(nanosleep), CALL(clock_nanosleep), CALL(restart_syscall),
#if defined(__x86_64__)
    CALL(epoll_wait), CALL(poll),
#endif
};
constexpr SyscallName kStreams[] = {
    CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(shutdown), CALL(getsockopt), CALL(getsockname),
    CALL(getpeername), CALL(recvfrom), CALL(recvmsg), CALL(recvmmsg), CALL(accept4),
};
constexpr SyscallName kMemory[] = {
    CALL(mmap), CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(futex),
};
constexpr SyscallName kSelf[] = {
    CALL(exit), CALL(exit_group), CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(getpid), CALL(gettid),
    CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(capget), CALL(getrlimit), CALL(getrandom),
    CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday), CALL(sched_yield),
#if defined(__x86_64__)
    CALL(time),
#endif
};
constexpr SyscallName kEmptyRoot[] = {
    CALL(openat), CALL(newfstatat), CALL(fstat), CALL(getdents64), CALL(lseek),
};

// --- the gate --------------------------------------------------------------------------------------------------------
constexpr SyscallName kBulk[] = {
    CALL(splice), CALL(pipe2),
};
constexpr SyscallGroup kGateGroups[] = {
    {"waiting", "its loop", kWaiting},
    {"streams", "using the descriptors it was given, to nowhere but where they lead", kStreams},
    {"bulk", "moving bytes of a judged flow without looking at them", kBulk},
    {"memory", "address space, never executable (mprotect is not among it)", kMemory},
    {"self", "its own state, clocks, randomness, its end", kSelf},
    {"empty root", "looking at its root, in which there is nothing", kEmptyRoot},
};

constexpr ArgumentTest kNoAddress[] = {Equals(4, 0), HighEquals(4, 0)};
constexpr ArgumentClause kSendConnected[] = {{kNoAddress, 0}};
constexpr ArgumentTest kGetFlags[] = {Equals(1, F_GETFL)}, kSetFlags[] = {Equals(1, F_SETFL)};
constexpr ArgumentTest kGetClose[] = {Equals(1, F_GETFD)}, kSetClose[] = {Equals(1, F_SETFD)};
constexpr ArgumentTest kPipeSize[] = {Equals(1, F_SETPIPE_SZ)};
constexpr ArgumentClause kFcntl[] = {{kGetFlags, 0}, {kSetFlags, 0}, {kGetClose, 0}, {kSetClose, 0}, {kPipeSize, 0}};
constexpr ArgumentTest kNoDelay[] = {Equals(1, IPPROTO_TCP), Equals(2, TCP_NODELAY)};
constexpr ArgumentTest kQuickAck[] = {Equals(1, IPPROTO_TCP), Equals(2, TCP_QUICKACK)};
constexpr ArgumentTest kUserTimeout[] = {Equals(1, IPPROTO_TCP), Equals(2, TCP_USER_TIMEOUT)};
constexpr ArgumentTest kLinger[] = {Equals(1, SOL_SOCKET), Equals(2, SO_LINGER)};
constexpr ArgumentTest kKeepAlive[] = {Equals(1, SOL_SOCKET), Equals(2, SO_KEEPALIVE)};
constexpr ArgumentTest kReceiveRoom[] = {Equals(1, SOL_SOCKET), Equals(2, SO_RCVBUF)};
constexpr ArgumentTest kSendRoom[] = {Equals(1, SOL_SOCKET), Equals(2, SO_SNDBUF)};
constexpr ArgumentTest kPacketInfo4[] = {Equals(1, IPPROTO_IP), Equals(2, IP_PKTINFO)};
constexpr ArgumentTest kPacketInfo6[] = {Equals(1, IPPROTO_IPV6), Equals(2, IPV6_RECVPKTINFO)};
constexpr ArgumentClause kSetsockopt[] = {{kNoDelay, 0},     {kQuickAck, 0}, {kUserTimeout, 0}, {kLinger, 0},
                                          {kKeepAlive, 0},   {kReceiveRoom, 0}, {kSendRoom, 0}, {kPacketInfo4, 0},
                                          {kPacketInfo6, 0}};
constexpr ArgumentTest kGetSeccomp[] = {Equals(0, PR_GET_SECCOMP)}, kGetNnp[] = {Equals(0, PR_GET_NO_NEW_PRIVS)};
constexpr ArgumentTest kGetBound[] = {Equals(0, PR_CAPBSET_READ)}, kGetDumpable[] = {Equals(0, PR_GET_DUMPABLE)};
constexpr ArgumentClause kPrctl[] = {{kGetSeccomp, 0}, {kGetNnp, 0}, {kGetBound, 0}, {kGetDumpable, 0}};
constexpr ArgumentTest kReadLimit[] = {Equals(2, 0), HighEquals(2, 0)};
constexpr ArgumentClause kPrlimit[] = {{kReadLimit, 0}};

constexpr ArgumentTest kNotExecutable[] = {Equals(2, 0, PROT_EXEC)};
constexpr ArgumentClause kMmap[] = {{kNotExecutable, 0}};

constexpr int kKill = -1;  // what no clause allows
constexpr ConditionalSyscall kGateConditional[] = {
    {CALL(sendto), "streams", "sending to an address of its own choice", kSendConnected, kKill},
    {CALL(fcntl), "streams", "copies of descriptors, which could take another's number", kFcntl, kKill},
    {CALL(setsockopt), "streams", "options that change where a socket leads", kSetsockopt, kKill},
    {CALL(mmap), "memory", "executable memory", kMmap, kKill},
    {CALL(prctl), "self", "anything but reading its own lock", kPrctl, kKill},
    {CALL(prlimit64), "self", "changing limits", kPrlimit, kKill},
};

// --- cellos-upstream -------------------------------------------------------------------------------------------------
constexpr SyscallName kSockets[] = {
    CALL(bind), CALL(connect), CALL(listen), CALL(sendto), CALL(sendmsg), CALL(sendmmsg), CALL(close), CALL(pipe2),
    CALL(setsockopt), CALL(sigaltstack), CALL(mprotect),
#if defined(__x86_64__)
    CALL(pipe), CALL(accept), CALL(select),
#endif
    CALL(pselect6), CALL(set_robust_list), CALL(rseq), CALL(uname), CALL(umask), CALL(getppid),
};
constexpr SyscallGroup kUpstreamGroups[] = {
    {"waiting", "its loop", kWaiting},
    {"streams", "using the descriptors it was given", kStreams},
    {"sockets", "sockets between itself and the validating library, in its own empty network namespace", kSockets},
    {"memory", "address space", kMemory},
    {"self", "its own state, clocks, randomness, its end", kSelf},
    {"empty root", "files that are not there", kEmptyRoot},
};
constexpr ArgumentTest kInternet4[] = {Equals(0, AF_INET)}, kInternet6[] = {Equals(0, AF_INET6)};
constexpr ArgumentTest kUnix[] = {Equals(0, AF_UNIX)};
constexpr ArgumentClause kSocket[] = {{kInternet4, 0}, {kInternet6, 0}, {kUnix, 0}};
constexpr ArgumentClause kSocketPair[] = {{kUnix, 0}};
constexpr ArgumentTest kNonBlocking[] = {Equals(1, FIONBIO)}, kWaitingBytes[] = {Equals(1, FIONREAD)};
constexpr ArgumentClause kIoctl[] = {{kNonBlocking, 0}, {kWaitingBytes, 0}};
constexpr ConditionalSyscall kUpstreamConditional[] = {
    {CALL(socket), "sockets", "other families", kSocket, kKill},
    {CALL(socketpair), "sockets", "other families", kSocketPair, kKill},
    {CALL(fcntl), "streams", "copies of descriptors", kFcntl, kKill},
    {CALL(ioctl), "streams", "devices", kIoctl, kKill},
    {CALL(prctl), "self", "anything but reading its own lock", kPrctl, kKill},
    {CALL(prlimit64), "self", "changing limits", kPrlimit, kKill},
};

FilterPolicy PolicyOf(std::span<const SyscallGroup> groups, std::span<const ConditionalSyscall> conditional) {
  FilterPolicy policy;
  policy.otherwise = SECCOMP_RET_KILL_PROCESS;
  for (const SyscallGroup& group : groups) {
    for (const SyscallName& call : group.calls) policy.rules[static_cast<std::uint32_t>(call.number)] = {SECCOMP_RET_ALLOW};
  }
  for (const ConditionalSyscall& row : conditional) {
    policy.rules[static_cast<std::uint32_t>(row.call.number)] = {SECCOMP_RET_KILL_PROCESS, row.clauses};
  }
  return policy;
}

// Clauses over the first argument, a descriptor; the range is cut into aligned powers of two.
class DescriptorClauses {
 public:
  void Range(std::uint32_t first, std::uint32_t end, int error) {
    while (first < end) {
      std::uint32_t size = first == 0 ? std::bit_floor(end) : std::min(first & -first, std::bit_floor(end - first));
      tests_.push_back(Equals(0, first, ~(size - 1)));
      clauses_.push_back({{&tests_.back(), 1}, error});
      first += size;
    }
  }
  void Add(const ArgumentClause& clause) { clauses_.push_back(clause); }
  std::span<const ArgumentClause> clauses() const { return clauses_; }

 private:
  std::deque<ArgumentTest> tests_;
  std::vector<ArgumentClause> clauses_;
};

}  // namespace

std::span<const SyscallGroup> GateCalls() { return kGateGroups; }
std::span<const ConditionalSyscall> GateConditionalCalls() { return kGateConditional; }
std::span<const SyscallGroup> UpstreamCalls() { return kUpstreamGroups; }
std::span<const ConditionalSyscall> UpstreamConditionalCalls() { return kUpstreamConditional; }

std::string GateFilter(std::size_t cell_descriptors) {
  const auto first = static_cast<std::uint32_t>(wire::kGateFirstCellFd);
  const auto end = first + static_cast<std::uint32_t>(cell_descriptors);
  FilterPolicy policy = PolicyOf(kGateGroups, kGateConditional);
  DescriptorClauses in_cell, send_to, keep;
  in_cell.Range(first, end, 0);
  send_to.Add(kSendConnected[0]);
  send_to.Range(first, end, 0);
  keep.Range(first, end, EPERM);
  policy.rules[SYS_sendmsg] = {SECCOMP_RET_KILL_PROCESS, in_cell.clauses()};
  policy.rules[SYS_sendmmsg] = {SECCOMP_RET_KILL_PROCESS, in_cell.clauses()};
  policy.rules[SYS_sendto] = {SECCOMP_RET_KILL_PROCESS, send_to.clauses()};
  policy.rules[SYS_close] = {SECCOMP_RET_ALLOW, keep.clauses()};
  return CompileFilter(policy);
}

std::string UpstreamFilter() { return CompileFilter(PolicyOf(kUpstreamGroups, kUpstreamConditional)); }

}  // namespace plan
