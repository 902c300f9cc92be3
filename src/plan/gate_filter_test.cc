// SPDX-License-Identifier: Apache-2.0
// What a helper can still do after its lock-down, call by call.
#include "plan/gate_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "plan/bpf_evaluator.h"
#include "wire/gate_config.h"

namespace plan {
namespace {

constexpr std::size_t kDescriptors = 11;  // seven, and two UDP ports of each family

std::uint32_t Action(const std::string& filter, int number, std::array<std::uint64_t, 6> arguments = {}) {
  const auto outcome = EvaluateFilter(
      filter, {.number = static_cast<std::uint32_t>(number), .architecture = NativeArchitecture(), .arguments = arguments});
  EXPECT_TRUE(outcome);
  return outcome ? outcome->action : 0;
}

std::uint32_t Gate(int number, std::array<std::uint64_t, 6> arguments = {}) {
  static const std::string filter = GateFilter(kDescriptors);
  return Action(filter, number, arguments);
}

TEST(GateFilter, KillsEveryWayToASocketOfItsOwn) {
  for (const int number : {SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_execve, SYS_execveat,
                           SYS_clone, SYS_clone3, SYS_fork, SYS_ptrace, SYS_ioctl, SYS_dup, SYS_dup2, SYS_dup3,
                           SYS_mprotect, SYS_kill, SYS_tgkill, SYS_unshare, SYS_setns, SYS_seccomp, SYS_io_uring_setup,
                           SYS_pidfd_getfd, SYS_close_range, SYS_memfd_create, SYS_bpf, SYS_mount, SYS_chroot}) {
    EXPECT_EQ(Gate(number), SECCOMP_RET_KILL_PROCESS) << number;
  }
}

TEST(GateFilter, SendsToAnAddressOfItsChoiceOnInCellDescriptorsOnly) {
  const std::uint64_t address = 0x7ffe00001000;
  for (std::uint64_t fd = 0; fd < 64; ++fd) {
    const bool in_cell = fd >= wire::kGateFirstCellFd && fd < wire::kGateFirstCellFd + kDescriptors;
    const std::uint32_t expected = in_cell ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
    EXPECT_EQ(Gate(SYS_sendmsg, {fd}), expected) << fd;
    EXPECT_EQ(Gate(SYS_sendmmsg, {fd}), expected) << fd;
    EXPECT_EQ(Gate(SYS_sendto, {fd, 0, 0, 0, address, 16}), expected) << fd;
    EXPECT_EQ(Gate(SYS_sendto, {fd, 0, 0, 0, 0, 0}), SECCOMP_RET_ALLOW) << fd;
    // The numbers of in-cell descriptors can't be freed for a dialled one.
    EXPECT_EQ(Gate(SYS_close, {fd}), in_cell ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW) << fd;
  }
  EXPECT_EQ(Gate(SYS_sendto, {5, 0, 0, 0, 0x100000000, 16}), SECCOMP_RET_KILL_PROCESS) << "an address above 4 GiB";
  EXPECT_EQ(Gate(SYS_sendmsg, {0xffffffff00000010}), SECCOMP_RET_ALLOW) << "the kernel takes the low half";
}

TEST(GateFilter, CopiesNoDescriptorAndSetsOnlyHarmlessOptions) {
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_SETOWN, F_SETLEASE, F_NOTIFY, F_SETSIG}) {
    EXPECT_EQ(Gate(SYS_fcntl, {20, static_cast<std::uint64_t>(command)}), SECCOMP_RET_KILL_PROCESS) << command;
  }
  for (const int command : {F_GETFL, F_SETFL, F_SETPIPE_SZ}) {
    EXPECT_EQ(Gate(SYS_fcntl, {20, static_cast<std::uint64_t>(command)}), SECCOMP_RET_ALLOW) << command;
  }
  EXPECT_EQ(Gate(SYS_setsockopt, {20, IPPROTO_TCP, TCP_NODELAY}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Gate(SYS_setsockopt, {20, SOL_SOCKET, SO_LINGER}), SECCOMP_RET_ALLOW);
  constexpr std::pair<int, int> kHarmful[] = {
      {IPPROTO_TCP, TCP_FASTOPEN_CONNECT}, {IPPROTO_TCP, TCP_REPAIR},        {IPPROTO_TCP, TCP_ULP},
      {SOL_SOCKET, SO_BINDTODEVICE},       {SOL_SOCKET, SO_ATTACH_FILTER},   {IPPROTO_IP, IP_TRANSPARENT},
      {IPPROTO_IP, IP_OPTIONS},            {SOL_SOCKET, SO_MARK}};
  for (const auto& [level, option] : kHarmful) {
    EXPECT_EQ(Gate(SYS_setsockopt, {20, static_cast<std::uint64_t>(level), static_cast<std::uint64_t>(option)}),
              SECCOMP_RET_KILL_PROCESS)
        << level << " " << option;
  }
}

TEST(GateFilter, ReadsItsOwnLockAndChangesNothingOfIt) {
  EXPECT_EQ(Gate(SYS_prctl, {PR_GET_SECCOMP}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Gate(SYS_prctl, {PR_SET_DUMPABLE, 1}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Gate(SYS_prlimit64, {0, 7, 0, 0x1000}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Gate(SYS_prlimit64, {0, 7, 0x1000, 0}), SECCOMP_RET_KILL_PROCESS);
}

TEST(GateFilter, MapsNoExecutableMemory) {
  EXPECT_EQ(Gate(SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Gate(SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Gate(SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE}), SECCOMP_RET_KILL_PROCESS);
}

TEST(GateFilter, AllowsWhatItsWorkNeeds) {
  for (const int number : {SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_read, SYS_write, SYS_splice, SYS_pipe2,
                           SYS_epoll_ctl, SYS_epoll_pwait, SYS_getsockopt, SYS_getsockname, SYS_shutdown, SYS_exit_group,
                           SYS_mmap, SYS_munmap, SYS_brk, SYS_getrandom, SYS_clock_gettime}) {
    EXPECT_EQ(Gate(number), SECCOMP_RET_ALLOW) << number;
  }
}

TEST(UpstreamFilter, MakesInternetSocketsInItsEmptyNamespaceAndNothingElse) {
  const std::string filter = UpstreamFilter();
  for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
    EXPECT_EQ(Action(filter, SYS_socket, {static_cast<std::uint64_t>(family)}), SECCOMP_RET_ALLOW);
  }
  for (const int family : {AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG}) {
    EXPECT_EQ(Action(filter, SYS_socket, {static_cast<std::uint64_t>(family)}), SECCOMP_RET_KILL_PROCESS);
  }
  for (const int number : {SYS_execve, SYS_clone, SYS_clone3, SYS_fork, SYS_ptrace, SYS_dup2, SYS_setns, SYS_unshare}) {
    EXPECT_EQ(Action(filter, number), SECCOMP_RET_KILL_PROCESS) << number;
  }
}

}  // namespace
}  // namespace plan
