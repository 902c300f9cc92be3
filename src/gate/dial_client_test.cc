// SPDX-License-Identifier: Apache-2.0
// The gate's end of the dialler.
#include "gate/dial_client.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "sys/socket.h"

namespace gate {
namespace {

class DialClientTest : public testing::Test {
 protected:
  base::FakeClock clock;
  std::unique_ptr<Loop> loop = std::move(*Loop::Create(clock));
  std::pair<base::UniqueFd, base::UniqueFd> ends = std::move(*sys::SocketPair(SOCK_SEQPACKET));
  DialClient dialler{*loop, ends.first.get()};

  void SetUp() override { ASSERT_TRUE(dialler.Start()); }
  void Round() { ASSERT_TRUE(loop->Round(std::chrono::milliseconds(0))); }
  // The requests of the next packet; none when none waits.
  std::vector<wire::DialRequest> NextPacket() {
    std::vector<wire::DialRequest> requests(wire::kMaxDialsPerPacket + 1);
    auto got = sys::RecvMsg(ends.second.get(),
                            {reinterpret_cast<char*>(requests.data()), requests.size() * sizeof requests[0]}, MSG_DONTWAIT);
    requests.resize(got ? got->bytes / sizeof requests[0] : 0);
    return requests;
  }
  void Reply(std::span<const wire::DialReply> replies, std::span<const int> fds = {}) {
    ASSERT_TRUE(sys::SendMsg(ends.second.get(), {reinterpret_cast<const char*>(replies.data()), replies.size_bytes()}, fds));
  }
  // A pipe: its write end breaks when every copy of the read end is closed.
  bool IsClosedEverywhere(int write_end) {
    pollfd poll = {write_end, POLLOUT, 0};
    std::ignore = sys::Poll({&poll, 1}, std::chrono::milliseconds(0));
    return (poll.revents & POLLERR) != 0;
  }
};

TEST_F(DialClientTest, RepliesFindTheirAskersInAnyOrder) {
  std::string answers;
  for (const char name : {'a', 'b', 'c'}) {
    dialler.Dial({.index = 7, .port = 443}, [&answers, name](base::Result<base::UniqueFd> got) {
      answers += name;
      answers += got ? '+' : got.error().os_errno == ECONNREFUSED ? '-' : '?';
    });
  }
  EXPECT_TRUE(NextPacket().empty()) << "more may come in this round";
  Round();
  const auto asked = NextPacket();
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].index, 7u);
  auto pair = std::move(*sys::SocketPair(SOCK_STREAM));
  const int passed[] = {pair.first.get()};
  const wire::DialReply replies[] = {{.id = asked[2].id}, {.id = asked[0].id, .error = ECONNREFUSED}, {.id = asked[1].id}};
  Reply(replies, passed);  // the last has no descriptor: no success
  Round();
  EXPECT_EQ(answers, "c+a-b?");
}

TEST_F(DialClientTest, EachReplyWithoutErrorTakesTheNextDescriptor) {
  std::vector<ino_t> got(3, 0);
  for (std::size_t i = 0; i < 3; ++i) {
    dialler.Dial({}, [&got, i](base::Result<base::UniqueFd> dialled) {
      struct stat info = {};
      if (dialled && ::fstat(dialled->get(), &info) == 0) got[i] = info.st_ino;
    });
  }
  Round();
  const auto asked = NextPacket();
  ASSERT_EQ(asked.size(), 3u);
  auto pair = std::move(*sys::SocketPair(SOCK_STREAM));
  std::vector<ino_t> sent;
  const int passed[] = {pair.first.get(), pair.second.get()};
  for (const int fd : passed) {
    struct stat info = {};
    ASSERT_EQ(::fstat(fd, &info), 0);
    sent.push_back(info.st_ino);
  }
  const wire::DialReply replies[] = {{.id = asked[0].id}, {.id = asked[1].id, .error = EPERM}, {.id = asked[2].id}};
  Reply(replies, passed);
  Round();
  EXPECT_EQ(got, (std::vector<ino_t>{sent[0], 0, sent[1]}));
}

TEST_F(DialClientTest, APacketHoldsAtMostSoManyRequestsAndNoneThatWasCancelled) {
  std::vector<Dialler::Ticket> tickets;
  for (std::size_t i = 0; i < wire::kMaxDialsPerPacket + 2; ++i) {
    tickets.push_back(dialler.Dial({}, [](base::Result<base::UniqueFd>) {}));
  }
  dialler.Cancel(tickets[1]);
  Round();
  const auto first = NextPacket(), second = NextPacket();
  ASSERT_EQ(first.size(), wire::kMaxDialsPerPacket);
  EXPECT_EQ(first[0].id, tickets[0]);
  EXPECT_EQ(first[1].id, tickets[2]);
  EXPECT_EQ(second.size(), 1u);
  EXPECT_TRUE(NextPacket().empty());
}

TEST_F(DialClientTest, AReplyToACancelledRequestClosesItsDescriptor) {
  bool called = false;
  const auto ticket = dialler.Dial({}, [&](base::Result<base::UniqueFd>) { called = true; });
  Round();
  const auto asked = NextPacket();
  ASSERT_EQ(asked.size(), 1u);
  dialler.Cancel(ticket);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  base::UniqueFd read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  const int passed[] = {read_end.get()};
  const wire::DialReply reply[] = {{.id = asked[0].id}};
  Reply(reply, passed);
  read_end.Reset();
  EXPECT_FALSE(IsClosedEverywhere(write_end.get()));
  Round();
  EXPECT_FALSE(called);
  EXPECT_TRUE(IsClosedEverywhere(write_end.get()));
}

TEST_F(DialClientTest, WhenTheDiallerIsGoneEveryAskerIsTold) {
  int failed = 0;
  const auto count = [&](base::Result<base::UniqueFd> got) { failed += got ? 0 : 1; };
  dialler.Dial({}, count);
  dialler.Dial({}, count);
  ends.second.Reset();
  Round();
  EXPECT_EQ(failed, 2);
  dialler.Dial({}, count);
  EXPECT_EQ(failed, 2) << "never from within Dial";
  Round();
  EXPECT_EQ(failed, 3);
}

TEST_F(DialClientTest, AFullSocketDelaysRequestsAndLosesNone) {
  int answered = 0;
  constexpr int kRequests = 2000;
  for (int i = 0; i < kRequests; ++i) dialler.Dial({}, [&](base::Result<base::UniqueFd>) { ++answered; });
  for (int round = 0; round < kRequests && answered < kRequests; ++round) {
    Round();
    for (auto asked = NextPacket(); !asked.empty(); asked = NextPacket()) {
      std::vector<wire::DialReply> replies;
      for (const wire::DialRequest& request : asked) replies.push_back({.id = request.id, .error = EPERM});
      Reply(replies);
    }
  }
  EXPECT_EQ(answered, kRequests);
}

TEST_F(DialClientTest, RequestsWithoutReplyAreBounded) {
  int refused = 0;
  for (std::size_t i = 0; i < DialClient::kMaxWaiting + 10; ++i) {
    dialler.Dial({}, [&](base::Result<base::UniqueFd> got) { refused += !got && got.error().os_errno == EAGAIN; });
  }
  Round();
  EXPECT_EQ(refused, 10);
}

}  // namespace
}  // namespace gate
