// SPDX-License-Identifier: Apache-2.0
// The reactor: stale events, timers and their order.
#include "gate/loop.h"

#include <gtest/gtest.h>

#include "sys/socket.h"

namespace gate {
namespace {

using std::chrono::milliseconds;

struct Recorder final : Loop::Watcher {
  std::function<void(int, std::uint32_t)> on_ready = [](int, std::uint32_t) {};
  int calls = 0;
  void OnReady(int fd, std::uint32_t events) override {
    ++calls;
    on_ready(fd, events);
  }
};

class LoopTest : public testing::Test {
 protected:
  base::FakeClock clock;
  std::unique_ptr<Loop> loop = std::move(*Loop::Create(clock));
  void Round() { ASSERT_TRUE(loop->Round(milliseconds(0))); }
};

TEST_F(LoopTest, AnEventOfAWatchThatAnotherWatcherEndedInTheSameRoundIsDropped) {
  auto one = std::move(*sys::SocketPair(SOCK_STREAM)), two = std::move(*sys::SocketPair(SOCK_STREAM));
  ASSERT_TRUE(sys::SendMsg(one.second.get(), "x"));
  ASSERT_TRUE(sys::SendMsg(two.second.get(), "x"));
  Recorder recorder;
  recorder.on_ready = [&](int fd, std::uint32_t) {
    loop->Unwatch(fd == one.first.get() ? two.first.get() : one.first.get());
    loop->Unwatch(fd);
  };
  ASSERT_TRUE(loop->Watch(one.first.get(), EPOLLIN, &recorder));
  ASSERT_TRUE(loop->Watch(two.first.get(), EPOLLIN, &recorder));
  Round();
  EXPECT_EQ(recorder.calls, 1);
}

TEST_F(LoopTest, AnEventFetchedForAClosedDescriptorDoesNotReachTheNextOwnerOfItsNumber) {
  auto one = std::move(*sys::SocketPair(SOCK_STREAM)), two = std::move(*sys::SocketPair(SOCK_STREAM));
  ASSERT_TRUE(sys::SendMsg(one.second.get(), "x"));
  ASSERT_TRUE(sys::SendMsg(two.second.get(), "x"));
  std::pair<base::UniqueFd, base::UniqueFd> three;
  Recorder next, first;
  first.on_ready = [&](int fd, std::uint32_t) {
    auto& other = fd == one.first.get() ? two : one;
    const int number = other.first.get();
    loop->Forget(number);
    other.first.Reset();
    three = std::move(*sys::SocketPair(SOCK_STREAM));
    ASSERT_EQ(three.first.get(), number);
    ASSERT_TRUE(loop->Watch(number, EPOLLIN, &next));
    loop->Unwatch(fd);
  };
  ASSERT_TRUE(loop->Watch(one.first.get(), EPOLLIN, &first));
  ASSERT_TRUE(loop->Watch(two.first.get(), EPOLLIN, &first));
  Round();
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(next.calls, 0);
}

TEST_F(LoopTest, TimersFireInTheOrderOfTheirMomentsAndNotBefore) {
  std::string order;
  loop->At(milliseconds(20), [&] { order += "b"; });
  loop->At(milliseconds(10), [&] { order += "a"; });
  loop->At(milliseconds(20), [&] { order += "c"; });
  clock.boot = milliseconds(9);
  Round();
  EXPECT_EQ(order, "");
  clock.boot = milliseconds(20);
  Round();
  EXPECT_EQ(order, "abc");
}

TEST_F(LoopTest, ACancelledTimerNeverFiresAndItsIdNeverNamesALaterOne) {
  int fired = 0;
  const auto first = loop->At(milliseconds(1), [&] { ++fired; });
  loop->Cancel(first);
  loop->At(milliseconds(1), [&] { fired += 10; });  // takes the slot
  loop->Cancel(first);
  clock.boot = milliseconds(5);
  Round();
  EXPECT_EQ(fired, 10);
}

TEST_F(LoopTest, ATimerMayCancelOneThatIsDueInTheSameRound) {
  int fired = 0;
  Loop::TimerId second = 0;
  loop->At(milliseconds(1), [&] { loop->Cancel(second); });
  second = loop->At(milliseconds(2), [&] { ++fired; });
  clock.boot = milliseconds(5);
  Round();
  EXPECT_EQ(fired, 0);
}

TEST_F(LoopTest, ATimerThatSetsItselfAgainForAPastMomentDoesNotHoldTheRound) {
  int fired = 0;
  std::function<void()> again = [&] {
    ++fired;
    loop->At(milliseconds(0), again);
  };
  loop->At(milliseconds(0), again);
  Round();
  EXPECT_EQ(fired, 1);
}

TEST_F(LoopTest, AMillionCancelledTimersAreNotKept) {
  for (int i = 0; i < 1'000'000; ++i) loop->Cancel(loop->At(std::chrono::hours(1), [] {}));
  int fired = 0;
  loop->At(milliseconds(1), [&] { ++fired; });
  clock.boot = milliseconds(1);
  Round();
  EXPECT_EQ(fired, 1);
}

TEST_F(LoopTest, FlushRunsAfterTheWatchersOfEveryRound) {
  auto pair = std::move(*sys::SocketPair(SOCK_STREAM));
  ASSERT_TRUE(sys::SendMsg(pair.second.get(), "x"));
  std::string order;
  Recorder recorder;
  recorder.on_ready = [&](int, std::uint32_t) { order += "w"; };
  loop->OnRoundEnd([&] { order += "f"; });
  ASSERT_TRUE(loop->Watch(pair.first.get(), EPOLLIN, &recorder));
  Round();
  Round();
  EXPECT_EQ(order, "wfwf");
}

}  // namespace
}  // namespace gate
