// SPDX-License-Identifier: Apache-2.0
// The host's tick, and several companions as one.
#include "cell/host_watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "crypto/ed25519.h"
#include "event/types.h"

namespace cell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class HostWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_host_watch_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = event::RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                                     {.origin = "test.invalid/runs/r", .clock = &clock_});
    ASSERT_TRUE(log) << log.error().message;
    recorder_.emplace(std::move(*log), event::CellRef{.cell_id = "demo", .spec_id = "demo", .run_id = "r1"});
    ASSERT_TRUE(recorder_->Emit({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"}));
  }
  void TearDown() override {
    for (const char* name : {"events.jsonl", "checkpoints"}) ::unlinkat(directory_.get(), name, 0);
    ::rmdir(path_.c_str());
  }
  void ActAt(HostWatch& watch, milliseconds at) {
    clock_.boot = at;
    std::vector<pollfd> polls;
    watch.Watch(polls);
    watch.Act(polls);
  }
  std::vector<std::string> Lines() {
    EXPECT_TRUE(recorder_->log().Flush());
    std::ifstream in(path_ + "/events.jsonl");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    lines.erase(lines.begin());
    return lines;
  }

  std::string path_;
  base::UniqueFd directory_;
  base::FakeClock clock_;
  std::optional<Recorder> recorder_;
};

TEST_F(HostWatchTest, SamplesOnceASecond) {
  int samples = 0;
  HostWatch watch(*recorder_, clock_, [&] { ++samples; });
  ActAt(watch, milliseconds(500));
  EXPECT_EQ(samples, 0);
  EXPECT_EQ(watch.Deadline(), milliseconds(1500));
  ActAt(watch, milliseconds(1499));
  EXPECT_EQ(samples, 0);
  ActAt(watch, milliseconds(1500));
  ActAt(watch, milliseconds(1600));
  EXPECT_EQ(samples, 1);
  ActAt(watch, milliseconds(2500));
  EXPECT_EQ(samples, 2);
  EXPECT_FALSE(watch.failure());
}

TEST_F(HostWatchTest, TheLastWordOfTheKernelOnACellsProcessesIsToldOnce) {
  HostWatch watch(*recorder_, clock_, [] {});
  // A process that stands for init, and has one child.
  int begin[2];
  ASSERT_EQ(::pipe2(begin, O_CLOEXEC), 0);
  const pid_t outer = ::fork();
  if (outer == 0) {
    char byte;
    if (::read(begin[0], &byte, 1) != 1) ::_exit(1);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
    ::_exit(0);
  }
  watch.OnOuterProcess(outer);
  ASSERT_EQ(::write(begin[1], "x", 1), 1);
  ASSERT_EQ(::waitpid(outer, nullptr, 0), outer);
  ::close(begin[0]);
  ::close(begin[1]);
  watch.TellEnd();
  watch.TellEnd();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("process_census"));
  if (!lines[0].contains("unavailable")) {
    EXPECT_THAT(lines[0], HasSubstr(R"("processes":1)"));
    EXPECT_THAT(lines[0], HasSubstr(R"("exits":1)"));
  }
}

TEST_F(HostWatchTest, EventsOfTheMachineThatFollowOneAnotherAreReadTogether) {
  HostWatch watch(*recorder_, clock_, [] {});
  watch.OnOuterProcess(::getpid());
  const auto watched = [&] {
    std::vector<pollfd> polls;
    watch.Watch(polls);
    return polls.at(0);
  };
  clock_.boot = milliseconds(100);
  pollfd slot = watched();
  if (slot.fd < 0) GTEST_SKIP() << "the kernel's process connector can't be used here";
  int room = 0;
  socklen_t size = sizeof room;
  ASSERT_EQ(::getsockopt(slot.fd, SOL_SOCKET, SO_RCVBUF, &room, &size), 0);
  slot.revents = POLLIN;
  watch.Act({&slot, 1});
  if (room < 1 << 20) {
    EXPECT_GE(watched().fd, 0) << "events would be lost in it meanwhile";
    return;
  }
  EXPECT_LT(watched().fd, 0);
  const base::BootTime until = watch.Deadline();
  EXPECT_GT(until, milliseconds(100));
  EXPECT_LE(until, milliseconds(110));
  clock_.boot = until;
  EXPECT_GE(watched().fd, 0);
  EXPECT_EQ(watch.Deadline(), milliseconds(1100));
}

class Part final : public Companion {
 public:
  Part(base::BootTime due, std::optional<std::string> failure, Reason reason)
      : due_(due), failure_(std::move(failure)), reason_(reason) {}
  void Watch(std::vector<pollfd>& polls) override { polls.push_back({-1, 0, 0}); }
  void Act(std::span<const pollfd>) override { ++acts; }
  base::BootTime Deadline() const override { return due_; }
  std::optional<std::string> failure() const override { return failure_; }
  Reason failure_reason() const override { return reason_; }
  void Revoke() override { ++revokes; }
  int acts = 0, revokes = 0;

 private:
  base::BootTime due_;
  std::optional<std::string> failure_;
  Reason reason_;
};

TEST(Companions, AreAskedAllAndTheFirstFailureCounts) {
  Part quiet(seconds(5), std::nullopt, Reason::kInitCrashed);
  Part silent(seconds(3), "silent", Reason::kAgentSilenced);
  Part failed(seconds(9), "gone", Reason::kGateFailed);
  Companions all({&quiet, &silent, &failed});
  std::vector<pollfd> polls;
  all.Watch(polls);
  EXPECT_EQ(polls.size(), 3u);
  all.Act(polls);
  all.Revoke();
  EXPECT_EQ(quiet.acts + silent.acts + failed.acts, 3);
  EXPECT_EQ(quiet.revokes + silent.revokes + failed.revokes, 3);
  EXPECT_EQ(all.Deadline(), seconds(3));
  EXPECT_EQ(all.failure(), "silent");
  EXPECT_EQ(all.failure_reason(), Reason::kAgentSilenced);
}

}  // namespace
}  // namespace cell
