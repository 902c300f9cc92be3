// SPDX-License-Identifier: Apache-2.0
#include "sys/file.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "sys/poll.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sys {
namespace {

struct Scratch {
  std::string path;
  base::UniqueFd fd;
  Scratch() {
    char name[] = "/tmp/cellos-sys-XXXXXX";
    path = mkdtemp(name);
    fd = std::move(*OpenAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
};

TEST(File, ErrorsNameTheCallAndTheObject) {
  const auto opened = OpenAt(AT_FDCWD, "/no/such\nfile", O_RDONLY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, base::ErrorKind::kNotFound);
  EXPECT_EQ(opened.error().os_errno, ENOENT);
  EXPECT_NE(opened.error().message.find("openat \"/no/such\\nfile\""), std::string::npos) << opened.error().message;
}

TEST(File, DescriptorsAreCloseOnExec) {
  const Scratch scratch;
  EXPECT_NE(fcntl(scratch.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  const auto pipe = Pipe();
  EXPECT_NE(fcntl(pipe->read.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl(Dup(0)->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(File, OpenAt2BeneathLeavesNeitherByDotsNorLinks) {
  const Scratch scratch;
  ASSERT_TRUE(MkdirAt(scratch.fd.get(), "inside", 0700));
  ASSERT_TRUE(SymlinkAt("/etc/passwd", scratch.fd.get(), "inside/link"));
  const auto inside = OpenAt(scratch.fd.get(), "inside", O_RDONLY | O_DIRECTORY);
  EXPECT_FALSE(OpenAt2(inside->get(), "../inside", O_RDONLY, 0, kBeneath));
  EXPECT_FALSE(OpenAt2(inside->get(), "link", O_RDONLY, 0, kBeneath));
  EXPECT_FALSE(OpenAt2(inside->get(), "/etc/passwd", O_RDONLY, 0, kBeneath));
  EXPECT_TRUE(OpenAt2(inside->get(), "file", O_RDWR | O_CREAT, 0600, kBeneath));
}

TEST(File, ReadingIsCapped) {
  const Scratch scratch;
  const auto file = OpenAt(scratch.fd.get(), "file", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(WriteAll(file->get(), std::string(10000, 'x')));
  EXPECT_EQ(ReadFile(scratch.fd.get(), "file", 10000)->size(), 10000u);
  const auto capped = ReadFile(scratch.fd.get(), "file", 9999);
  ASSERT_FALSE(capped);
  EXPECT_EQ(capped.error().kind, base::ErrorKind::kLimit);
  // An endless file ends at the cap too.
  EXPECT_FALSE(ReadFile(AT_FDCWD, "/dev/zero", 1 << 20));
}

TEST(File, DirectoriesAreListedWhole) {
  const Scratch scratch;
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(OpenAt(scratch.fd.get(), "f" + std::to_string(i), O_CREAT | O_WRONLY, 0600));
  EXPECT_EQ(ListDirectory(scratch.fd.get(), 1000)->size(), 500u);
  EXPECT_EQ(ListDirectory(scratch.fd.get(), 500)->size(), 500u);
  EXPECT_EQ(ListDirectory(scratch.fd.get(), 499).error().kind, base::ErrorKind::kLimit);
}

TEST(File, FlockIsHeldByOneDescription) {
  const Scratch scratch;
  const auto one = OpenAt(scratch.fd.get(), "lock", O_RDWR | O_CREAT, 0600);
  const auto two = OpenAt(scratch.fd.get(), "lock", O_RDWR);
  EXPECT_TRUE(*TryFlock(one->get(), Lock::kExclusive));
  EXPECT_FALSE(*TryFlock(two->get(), Lock::kExclusive));
}

TEST(File, SealedMemoryCannotBeChanged) {
  const auto memory = Memfd("test");
  ASSERT_TRUE(WriteAll(memory->get(), "text"));
  ASSERT_TRUE(SealAll(memory->get()));
  EXPECT_FALSE(WriteAll(memory->get(), "more"));
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory->get(), 0), MAP_FAILED);
}

TEST(Poll, AnInterruptionDoesNotLengthenTheWait) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  itimerval every = {{0, 10000}, {0, 10000}};
  setitimer(ITIMER_REAL, &every, nullptr);
  const auto start = base::SystemClock().Boot();
  EXPECT_EQ(*Poll({}, std::chrono::milliseconds(100)), 0);
  const auto took = base::SystemClock().Boot() - start;
  itimerval off = {};
  setitimer(ITIMER_REAL, &off, nullptr);
  EXPECT_GE(took, std::chrono::milliseconds(99));
  EXPECT_LT(took, std::chrono::milliseconds(1000));
}

TEST(Poll, ATimerThatHasPassedFiresAtOnce) {
  const auto timer = TimerFd();
  ASSERT_TRUE(SetTimer(timer->get(), base::BootTime(1)));
  pollfd wait = {timer->get(), POLLIN, 0};
  EXPECT_EQ(*Poll({&wait, 1}, std::chrono::milliseconds(1000)), 1);
  EXPECT_EQ(*ReadCounter(timer->get()), 1u);
  EXPECT_EQ(*ReadCounter(timer->get()), 0u);
}

TEST(Process, AChildIsKnownByItsPidfd) {
  const auto child = Clone3(0);
  ASSERT_TRUE(child);
  if (child->pid == 0) {
    for (;;) Raw("exit_group", 231, 7);
  }
  EXPECT_TRUE(*WaitEnd(child->pidfd.get(), std::chrono::milliseconds(2000)));
  const auto end = WaitId(child->pidfd.get(), 4 /* WEXITED */);
  ASSERT_TRUE(end && *end);
  EXPECT_EQ((*end)->status, 7);
  EXPECT_EQ((*end)->pid, child->pid);
}

TEST(Socket, MessagesCarryDescriptorsAndCredentials) {
  auto [one, two] = std::move(*SocketPair(SOCK_SEQPACKET));
  ASSERT_TRUE(SetPassCredentials(two.get(), true));
  const auto memory = Memfd("passed");
  const int fds[] = {memory->get(), one.get()};
  ASSERT_TRUE(SendMsg(one.get(), "hello", fds));
  char buffer[16];
  auto received = RecvMsg(two.get(), buffer);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->bytes, 5u);
  EXPECT_EQ(received->fds.size(), 2u);
  EXPECT_NE(fcntl(received->fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(received->credentials->pid, getpid());
  EXPECT_FALSE(received->truncated);
  ASSERT_TRUE(SendMsg(one.get(), std::string(100, 'x')));
  EXPECT_TRUE(RecvMsg(two.get(), buffer)->truncated);
  received->fds.clear();  // the other end itself was passed along
  one.Reset();
  EXPECT_EQ(RecvMsg(two.get(), buffer)->bytes, 0u);
}

TEST(Socket, ListensAndConnectsUnderADirectoryOfAnyLength) {
  const Scratch scratch;
  base::UniqueFd deep = std::move(*Dup(scratch.fd.get()));
  for (int i = 0; i < 4; ++i) {
    const std::string name(100, 'd');
    ASSERT_TRUE(MkdirAt(deep.get(), name, 0700));
    deep = std::move(*OpenAt(deep.get(), name, O_RDONLY | O_DIRECTORY));
  }
  const auto listener = ListenUnix(deep.get(), "socket", 4, 0600);
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_EQ(StatAt(deep.get(), "socket")->st_mode & 07777, 0600u);
  const auto client = ConnectUnix(deep.get(), "socket");
  ASSERT_TRUE(client) << client.error().message;
  const auto server = Accept(listener->get());
  ASSERT_TRUE(server && *server);
  EXPECT_EQ(PeerCredentials((*server)->get())->pid, getpid());
}

}  // namespace
}  // namespace sys
