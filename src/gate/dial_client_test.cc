// SPDX-License-Identifier: Apache-2.0
// The gate's end of the dialler.
#include "gate/dial_client.h"

#include <gtest/gtest.h>

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
  std::optional<wire::DialRequest> NextRequest() {
    wire::DialRequest request;
    auto got = sys::RecvMsg(ends.second.get(), {reinterpret_cast<char*>(&request), sizeof request}, MSG_DONTWAIT);
    if (!got || got->bytes != sizeof request) return std::nullopt;
    return request;
  }
  void Reply(std::uint64_t id, int error, std::span<const int> fds = {}) {
    const wire::DialReply reply = {.id = id, .error = error};
    ASSERT_TRUE(sys::SendMsg(ends.second.get(), {reinterpret_cast<const char*>(&reply), sizeof reply}, fds));
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
  const auto a = NextRequest(), b = NextRequest(), c = NextRequest();
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ(a->index, 7u);
  auto pair = std::move(*sys::SocketPair(SOCK_STREAM));
  const int passed[] = {pair.first.get()};
  Reply(c->id, 0, passed);
  Reply(a->id, ECONNREFUSED);
  Reply(b->id, 0);  // no descriptor: no success
  Round();
  EXPECT_EQ(answers, "c+a-b?");
}

TEST_F(DialClientTest, AReplyToACancelledRequestClosesItsDescriptor) {
  bool called = false;
  const auto ticket = dialler.Dial({}, [&](base::Result<base::UniqueFd>) { called = true; });
  const auto request = NextRequest();
  ASSERT_TRUE(request);
  dialler.Cancel(ticket);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  base::UniqueFd read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  const int passed[] = {read_end.get()};
  Reply(request->id, 0, passed);
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
    while (const auto request = NextRequest()) Reply(request->id, EPERM);
    Round();
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
