// SPDX-License-Identifier: Apache-2.0
// What each part can't do any more, tried against the kernel.
#include "upstream/own_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <ostream>
#include <utility>
#include <vector>

#include "upstream/config.h"
#include "upstream/loopback_dialler_fixture.h"

namespace upstream {
namespace {

enum class End : std::uint8_t { kLived, kKilled, kOther };
void PrintTo(End end, std::ostream* out) { *out << (end == End::kLived ? "lived" : end == End::kKilled ? "killed" : "other"); }

// Runs `attempt` in a child under the filter of `part`.
End Try(Part part, const std::function<void()>& attempt) {
  const std::vector<sock_filter> filter = OwnFilter(part);
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = const_cast<sock_filter*>(filter.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) ::_exit(1);
    attempt();
    ::syscall(SYS_exit_group, 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return End::kLived;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? End::kKilled : End::kOther;
}

class RelayFilter : public testing::Test {
 protected:
  // A dialled datagram socket, with a number as such sockets have.
  void SetUp() override {
    server_ = BindLoopback(SOCK_DGRAM | SOCK_NONBLOCK);
    const base::UniqueFd dialled = ConnectLoopback(SOCK_DGRAM, server_.second);
    dialled_ = base::UniqueFd(::fcntl(dialled.get(), F_DUPFD_CLOEXEC, 50));
  }
  std::pair<base::UniqueFd, std::uint16_t> server_;
  base::UniqueFd dialled_;
  sockaddr_in elsewhere_ = Loopback(9);
};

TEST_F(RelayFilter, UsesADialledSocketAndClosesIt) {
  EXPECT_EQ(Try(Part::kRelay, [this] {
              ::send(dialled_.get(), "x", 1, 0);
              char buffer[4];
              ::recv(dialled_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
              ::close(dialled_.get());
            }), End::kLived);
  char received = 0;
  EXPECT_EQ(::recv(server_.first.get(), &received, 1, 0), 1);
}

TEST_F(RelayFilter, MakesAndConnectsNoSocket) {
  EXPECT_EQ(Try(Part::kRelay, [] { ::socket(AF_INET, SOCK_DGRAM, 0); }), End::kKilled);
  EXPECT_EQ(Try(Part::kRelay, [this] {
              ::connect(dialled_.get(), reinterpret_cast<sockaddr*>(&elsewhere_), sizeof(elsewhere_));
            }), End::kKilled);
  EXPECT_EQ(Try(Part::kRelay, [this] { ::bind(dialled_.get(), reinterpret_cast<sockaddr*>(&elsewhere_), sizeof(elsewhere_)); }),
            End::kKilled);
}

TEST_F(RelayFilter, SendsToNoAddressOfItsChoice) {
  EXPECT_EQ(Try(Part::kRelay, [this] {
              ::sendto(dialled_.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&elsewhere_), sizeof(elsewhere_));
            }), End::kKilled);
  EXPECT_EQ(Try(Part::kRelay, [this] {
              const msghdr message{.msg_name = &elsewhere_, .msg_namelen = sizeof(elsewhere_)};
              ::sendmsg(dialled_.get(), &message, 0);
            }), End::kKilled);
  EXPECT_EQ(Try(Part::kRelay, [this] {
              mmsghdr message{};
              ::sendmmsg(dialled_.get(), &message, 1, 0);
            }), End::kKilled);
}

TEST_F(RelayFilter, PutsNothingInThePlaceOfAPassedDescriptor) {
  for (const int fd : {kRecordsFd, kDialFd, kGateFd}) {
    EXPECT_EQ(Try(Part::kRelay, [fd] { ::close(fd); }), End::kKilled);
    EXPECT_EQ(Try(Part::kRelay, [this, fd] { ::dup2(dialled_.get(), fd); }), End::kKilled);
  }
  EXPECT_EQ(Try(Part::kRelay, [this] { ::fcntl(dialled_.get(), F_DUPFD, 4); }), End::kKilled);
  EXPECT_EQ(Try(Part::kRelay, [] {
              const msghdr message{};
              ::sendmsg(kGateFd, &message, MSG_NOSIGNAL);
            }), End::kLived);
}

TEST(PartFilters, NeitherRunsPreparedCodeNorStartsAProcess) {
  for (const Part part : {Part::kRelay, Part::kValidator}) {
    EXPECT_EQ(Try(part, [] { ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }), End::kKilled);
    EXPECT_EQ(Try(part, [] { ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }), End::kLived);
    EXPECT_EQ(Try(part, [] { ::fork(); }), End::kKilled);
    EXPECT_EQ(Try(part, [] { ::execl("/bin/true", "true", nullptr); }), End::kKilled);
    EXPECT_EQ(Try(part, [] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }), End::kKilled);
    EXPECT_EQ(Try(part, [] {
                if (::open("/", O_RDONLY) >= 0 || errno != ENOENT) ::syscall(SYS_ptrace, 0, 0, 0, 0);
              }), End::kLived);
  }
}

TEST(PartFilters, TheValidatorMakesInternetDatagramSocketsAndIsPassedNothing) {
  EXPECT_EQ(Try(Part::kValidator, [] { ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0); }), End::kLived);
  EXPECT_EQ(Try(Part::kValidator, [] { ::socket(AF_INET, SOCK_RAW, 0); }), End::kKilled);
  EXPECT_EQ(Try(Part::kValidator, [] { ::socket(AF_UNIX, SOCK_DGRAM, 0); }), End::kKilled);
  EXPECT_EQ(Try(Part::kValidator, [] { ::socket(AF_NETLINK, SOCK_DGRAM, 0); }), End::kKilled);
  EXPECT_EQ(Try(Part::kValidator, [] {
              msghdr message{};
              ::recvmsg(5, &message, MSG_DONTWAIT);
            }), End::kKilled);
}

}  // namespace
}  // namespace upstream
