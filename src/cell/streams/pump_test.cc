// SPDX-License-Identifier: Apache-2.0
#include "cell/streams/pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace cell {
namespace {

struct Pipe {
  base::UniqueFd read, write;
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read = base::UniqueFd(ends[0]);
    write = base::UniqueFd(ends[1]);
  }
};

void Turn(Pump& pump) {
  std::vector<pollfd> polls;
  pump.Watch(polls);
  if (polls.empty()) return;
  ::poll(polls.data(), polls.size(), 0);
  pump.Act(polls);
}

TEST(Pump, CopiesEveryByteThroughASlowReader) {
  Pipe in, out;
  Pump pump(in.read.get(), out.write.get(), PIPE_BUF);
  std::string sent, received;
  std::size_t written = 0;
  for (int i = 0; i < 300000; ++i) sent += static_cast<char>(i * 31 + i / 251);
  for (int round = 0; round < 10000 && !(pump.finished() && received.size() == sent.size()); ++round) {
    if (written < sent.size()) {
      const ssize_t n = ::write(in.write.get(), sent.data() + written, std::min<std::size_t>(7777, sent.size() - written));
      if (n > 0) written += static_cast<std::size_t>(n);
      if (written == sent.size()) in.write.Reset();
    }
    Turn(pump);
    char piece[1000];
    const ssize_t n = ::read(out.read.get(), piece, sizeof piece);
    if (n > 0) received.append(piece, static_cast<std::size_t>(n));
  }
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(pump.finished());
  EXPECT_EQ(pump.bytes(), sent.size());
}

TEST(Pump, StopsReadingWhileItsBufferIsFull) {
  Pipe in, out;
  Pump pump(in.read.get(), out.write.get(), PIPE_BUF);
  const std::string block(4096, 'x');
  std::size_t accepted = 0;
  for (int i = 0; i < 200; ++i) {
    const ssize_t n = ::write(in.write.get(), block.data(), block.size());
    if (n > 0) accepted += static_cast<std::size_t>(n);
    Turn(pump);
  }
  // Source pipe, our buffer, target pipe: nothing else holds bytes.
  EXPECT_LE(accepted, 3u * 65536);
  EXPECT_LE(pump.bytes(), 2u * 65536);
}

TEST(Pump, TellsWhenTheTargetIsGone) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in, out;
  Pump pump(in.read.get(), out.write.get(), PIPE_BUF);
  out.read.Reset();
  ASSERT_EQ(::write(in.write.get(), "x", 1), 1);
  for (int i = 0; i < 4; ++i) Turn(pump);
  EXPECT_TRUE(pump.target_gone());
  EXPECT_EQ(pump.target_error(), EPIPE);
}

TEST(CallerEnd, LeavesTheCallersOpenFileDescriptionBlocking) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  base::UniqueFd read(ends[0]), write(ends[1]);
  CallerEnd end(write.get(), CallerEnd::Use::kWrite);
  EXPECT_TRUE(end.is_ours_alone());
  EXPECT_NE(::fcntl(end.fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(write.get(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace cell
