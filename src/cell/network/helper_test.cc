// SPDX-License-Identifier: Apache-2.0
// A helper that does not come to run, and one that says what no honest one says.
#include "cell/network/helper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cell/network/gate_puppet_fixture.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/socket.h"

namespace cell {
namespace {

using ::testing::HasSubstr;
using std::chrono::milliseconds;

constexpr char kNoProgram[] = "start of cellos-gate, phase exec, \"cellos-gate\"";

base::Result<Helper> StartOf(const char* path) {
  const base::UniqueFd program = TRY(sys::OpenAt(AT_FDCWD, path, O_RDONLY));
  return Helper::Start({.name = "cellos-gate",
                        .program = program.get(),
                        .host_uid = test::HelperUid(),
                        .host_gid = test::HelperGid(),
                        .clock = &base::SystemClock()});
}

void Ignore(const wire::GateRecord&) {}

TEST(HelperTest, WhoseProgramCannotRunTellsItToWhoAwaitsIt) {
  auto helper = StartOf("/etc/passwd");
  ASSERT_TRUE(helper) << helper.error().message;
  const auto ready = helper->AwaitReady(milliseconds(5000), Ignore);
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr(kNoProgram));
}

TEST(HelperTest, WhoseProgramCannotRunTellsItToWhoReads) {
  auto helper = StartOf("/etc/passwd");
  ASSERT_TRUE(helper) << helper.error().message;
  pollfd wait = {helper->records_fd(), POLLIN, 0};
  ASSERT_TRUE(sys::Poll({&wait, 1}, milliseconds(5000)));
  const auto why = helper->Read(Ignore);
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr(kNoProgram));
}

class PuppetTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto program = test::OpenPuppet();
    ASSERT_TRUE(program) << program.error().message;
    auto pair = sys::SocketPair(SOCK_SEQPACKET);
    ASSERT_TRUE(pair);
    auto started = Helper::Start({.name = "puppet",
                                  .program = program->get(),
                                  .descriptors = {-1, pair->second.get()},
                                  .host_uid = test::HelperUid(),
                                  .host_gid = test::HelperGid(),
                                  .clock = &clock_});
    ASSERT_TRUE(started) << started.error().message;
    helper_.emplace(std::move(*started));
    reins_ = test::Reins(std::move(pair->first));
  }
  std::optional<std::string> Read() {
    return helper_->Read([this](const wire::GateRecord&) { ++taken_; });
  }
  // All that it says until it has said `count` records more, or is not believed any more.
  std::optional<std::string> ReadRepeated(std::uint32_t count) {
    const std::uint64_t until = taken_ + count;
    reins_.Order("n" + test::Bytes(count) + test::Bytes(wire::GateRecord{}));
    pollfd wait = {helper_->records_fd(), POLLIN, 0};
    while (taken_ < until && sys::Poll({&wait, 1}, milliseconds(10'000)).value_or(0) == 1) {
      if (auto why = Read()) return why;
    }
    EXPECT_EQ(reins_.Hear(), ".");
    return std::nullopt;
  }

  test::StillClock clock_;
  std::optional<Helper> helper_;
  test::Reins reins_;
  std::uint64_t taken_ = 0;
};

TEST_F(PuppetTest, MoreRecordsInASecondThanAnHonestOneSendsAreAFlood) {
  EXPECT_EQ(ReadRepeated(1), std::nullopt);
  clock_.boot += std::chrono::seconds(1);
  EXPECT_EQ(ReadRepeated(400'000), std::nullopt) << "a new second";
  clock_.boot += milliseconds(999);
  EXPECT_EQ(ReadRepeated(1), "puppet floods the supervisor with records");
  EXPECT_EQ(taken_, 400'001u);
}

TEST_F(PuppetTest, APartOfARecordIsNone) {
  reins_.Do("r" + test::Bytes(wire::GateRecord{}).substr(1));
  EXPECT_EQ(Read(), "puppet sent what is no record");
}

TEST_F(PuppetTest, ARecordWithADescriptorIsNone) {
  reins_.Do("p" + test::Bytes(wire::GateRecord{}));
  EXPECT_EQ(Read(), "puppet sent what is no record");
  EXPECT_EQ(taken_, 0u);
}

TEST_F(PuppetTest, ARecordOutOfItsBoundsIsNotTaken) {
  wire::GateRecord record;
  record.transport = 2;
  reins_.Tell(record);
  const auto why = Read();
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr("sent a record that no honest one sends"));
  EXPECT_EQ(taken_, 0u);
}

TEST_F(PuppetTest, ItsLastWordsAreItsEnd) {
  reins_.Tell({.kind = wire::GateRecordKind::kFailing, .code = ENOMEM, .name = "epoll_wait"});
  const auto why = Read();
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr("puppet ended itself: epoll_wait"));
  EXPECT_EQ(taken_, 0u);
}

TEST_F(PuppetTest, ASleepOfTheMachineIsNoSilenceOnce) {
  clock_.boot += kHelperSilence + milliseconds(1000);
  EXPECT_FALSE(helper_->Silent()) << "we ourselves came late";
  EXPECT_EQ(helper_->silent_at(), clock_.boot + kHelperSilence);
  clock_.boot += kHelperSilence + milliseconds(1000);
  EXPECT_TRUE(helper_->Silent()) << "nothing was said in between";
}

TEST_F(PuppetTest, AWordEndsTheExcuse) {
  clock_.boot += kHelperSilence + milliseconds(1000);
  EXPECT_FALSE(helper_->Silent());
  reins_.Tell({});
  EXPECT_EQ(Read(), std::nullopt);
  clock_.boot += kHelperSilence + milliseconds(1000);
  EXPECT_FALSE(helper_->Silent());
  clock_.boot += kHelperSilence - milliseconds(1);
  EXPECT_FALSE(helper_->Silent());
  clock_.boot += milliseconds(1);
  EXPECT_TRUE(helper_->Silent());
}

}  // namespace
}  // namespace cell
