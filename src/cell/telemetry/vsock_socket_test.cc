// SPDX-License-Identifier: Apache-2.0
// The vsock socket with a VMM and impostors that the test plays.
#include "cell/telemetry/vsock_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/socket.h"

namespace cell {
namespace {

class VsockSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_vsock_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override {
    ::unlinkat(directory_.get(), "vm.sock_9001", 0);
    ::rmdir(path_.c_str());
  }
  std::string path_;
  base::UniqueFd directory_;
  std::pair<base::UniqueFd, base::UniqueFd> frames_ = std::move(*sys::SocketPair(SOCK_SEQPACKET));
};

TEST_F(VsockSocketTest, IsThereBeforeAnyClientAndInNobodyElsesReach) {
  const auto socket = VsockSocket::Listen(directory_.get(), "vm.sock");
  ASSERT_TRUE(socket) << socket.error().message;
  struct stat facts = {};
  ASSERT_EQ(::fstatat(directory_.get(), "vm.sock_9001", &facts, 0), 0);
  EXPECT_TRUE(S_ISSOCK(facts.st_mode));
  EXPECT_EQ(facts.st_mode & 077u, 0u);
  EXPECT_FALSE(VsockSocket::Listen(directory_.get(), "vm.sock")) << "a stale file is not taken over";
}

TEST_F(VsockSocketTest, ADirectoryThatOthersMayEnterIsRefused) {
  ASSERT_EQ(::chmod(path_.c_str(), 0755), 0);
  const auto socket = VsockSocket::Listen(directory_.get(), "vm.sock");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, base::ErrorKind::kDenied);
}

TEST_F(VsockSocketTest, TheVmmsStreamsArePassedOthersAreClosedAndCounted) {  // TM-05
  auto socket = VsockSocket::Listen(directory_.get(), "vm.sock");
  ASSERT_TRUE(socket);
  const auto early = sys::ConnectUnix(directory_.get(), "vm.sock_9001");
  ASSERT_TRUE(early);
  ASSERT_TRUE(socket->Serve(frames_.first.get()));
  EXPECT_EQ(socket->impostors(), 1u) << "before there is a VMM nobody is it";

  socket->Expect({.pid = ::getpid(), .uid = ::geteuid()});
  const pid_t other = ::fork();
  if (other == 0) {
    // The same user, another process.
    const auto stream = sys::ConnectUnix(directory_.get(), "vm.sock_9001");
    char byte;
    if (!stream || !sys::SetReceiveTimeout(stream->get(), 5000)) ::_exit(2);
    ::_exit(::recv(stream->get(), &byte, 1, 0) == 0 ? 0 : 1);
  }
  pollfd wait = {socket->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
  ASSERT_TRUE(socket->Serve(frames_.first.get()));
  int status = -1;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0) << "its stream was closed";
  EXPECT_EQ(socket->impostors(), 2u);
  EXPECT_EQ(socket->passed(), 0u);

  const auto stream = sys::ConnectUnix(directory_.get(), "vm.sock_9001");
  ASSERT_TRUE(stream);
  ASSERT_TRUE(socket->Serve(frames_.first.get()));
  EXPECT_EQ(socket->passed(), 1u);
  char bytes[8];
  const auto got = sys::RecvMsg(frames_.second.get(), bytes, MSG_DONTWAIT);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->fds.size(), 1u);
  ASSERT_EQ(::send(stream->get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(::recv(got->fds[0].get(), bytes, 1, 0), 1);
}

}  // namespace
}  // namespace cell
