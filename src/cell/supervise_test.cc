// SPDX-License-Identifier: Apache-2.0
#include "cell/supervise.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "backend/fake_backend.h"
#include "crypto/ed25519.h"

namespace cell {
namespace {

using backend::FakeCell;
using sandbox::CellEvent;
using sandbox::CellEventKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

CellEvent Executed() { return {.kind = CellEventKind::kExecuted}; }
CellEvent Exit(int code) { return {.kind = CellEventKind::kWorkloadEnded, .end = {.exit_code = code}}; }
CellEvent Killed(int signal) { return {.kind = CellEventKind::kWorkloadEnded, .end = {.signal = signal}}; }

class SuperviseTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_supervise_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = event::RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                                     {.origin = "test.invalid/runs/r", .clock = &base::SystemClock()});
    ASSERT_TRUE(log) << log.error().message;
    log_.emplace(std::move(*log));
    plan_.argv = {"true"};
    plan_.time_limit_source = "spec.run.timeoutMs";
    plan_.grace = seconds(5);
    ASSERT_EQ(::pipe2(signals_, O_CLOEXEC), 0);
  }
  void TearDown() override {
    ::close(signals_[0]);
    ::close(signals_[1]);
    ::unlinkat(directory_.get(), "events.jsonl", 0);
    ::unlinkat(directory_.get(), "checkpoints", 0);
    ::rmdir(path_.c_str());
  }

  void Deliver(unsigned char signal) { ASSERT_EQ(::write(signals_[1], &signal, 1), 1); }

  Ending Play(FakeCell::Script script, std::function<void(SuperviseOptions&)> adjust = {}) {
    FakeCell cell(std::move(script), &calls_);
    const auto now = base::SystemClock().Boot();
    SuperviseOptions options{.cell = &cell,
                             .log = &*log_,
                             .plan = &plan_,
                             .clock = &base::SystemClock(),
                             .limit_at = now + seconds(20),
                             .ttl_at = now + seconds(20),
                             .caller = {-1, -1, -1},
                             .signal_fd = signals_[0],
                             .on_executed = [] { return base::Result<>{}; }};
    if (adjust) adjust(options);
    return Supervise(std::move(options));
  }

  std::string path_;
  base::UniqueFd directory_;
  std::optional<event::RunLog> log_;
  plan::Plan plan_;
  std::vector<std::string> calls_;
  int signals_[2];
};

// A gate that fails when it is told to, and notes what it is asked.
class FakeCompanion final : public Companion {
 public:
  explicit FakeCompanion(std::vector<std::string>* calls) : calls_(calls) {}
  void Watch(std::vector<pollfd>&) override {}
  void Act(std::span<const pollfd>) override {
    if (acts_++ == fails_at_) failure_ = "cellos-gate is gone";
  }
  base::BootTime Deadline() const override { return acts_ <= fails_at_ ? base::BootTime{0} : base::BootTime::max(); }
  std::optional<std::string> failure() const override { return failure_; }
  Reason failure_reason() const override { return reason_; }
  void OnAgentFailed(const sandbox::CellEvent& event) override { calls_->push_back(event.hung ? "hung" : "died"); }
  void Revoke() override { calls_->push_back("revoke"); }
  int fails_at_ = -1;
  Reason reason_ = Reason::kGateFailed;

 private:
  std::vector<std::string>* calls_;
  int acts_ = 0;
  std::optional<std::string> failure_;
};

TEST_F(SuperviseTest, TheWorkloadsOwnExitIsTheEnding) {
  const Ending ending = Play({.events = {Executed(), Exit(7)}});
  EXPECT_EQ(ending.reason, Reason::kCompleted);
  EXPECT_EQ(ending.end->exit_code, 7);
  EXPECT_FALSE(ending.cell_gone);
  EXPECT_THAT(calls_, Not(Contains("kill")));
}

TEST_F(SuperviseTest, FourWaysToBeKilledAreToldApart) {
  EXPECT_EQ(Play({.events = {Executed(), Killed(SIGKILL)}}).reason, Reason::kSignalKilled);
  EXPECT_EQ(Play({.events = {Executed(), Killed(SIGKILL)}, .oom_killed = true}).reason, Reason::kOom);
  CellEvent filter = Killed(SIGSYS);
  filter.end.filter_killed = true;
  EXPECT_EQ(Play({.events = {Executed(), filter}}).reason, Reason::kFilterKilled);
  const Ending ours = Play({.events = {Executed()}}, [](SuperviseOptions& o) { o.ttl_at = base::SystemClock().Boot(); });
  EXPECT_EQ(ours.reason, Reason::kTtlExceeded);
}

TEST_F(SuperviseTest, InitGoneWithoutAWordIsACrash) {
  const Ending ending = Play({.events = {Executed(), {.kind = CellEventKind::kGone}}});
  EXPECT_EQ(ending.reason, Reason::kInitCrashed);
  EXPECT_TRUE(ending.cell_gone);
}

TEST_F(SuperviseTest, InitsOwnTimerCountsAsTheTtl) {
  EXPECT_EQ(Play({.events = {Executed(), {.kind = CellEventKind::kTtlExpired}, {.kind = CellEventKind::kGone}}}).reason,
            Reason::kTtlExceeded);
}

TEST_F(SuperviseTest, AFailedExecIsNotFoundOrNotExecutable) {
  EXPECT_EQ(Play({.events = {{.kind = CellEventKind::kExecFailed, .error_number = ENOENT}}}).reason,
            Reason::kCommandNotFound);
  const Ending denied = Play({.events = {{.kind = CellEventKind::kExecFailed, .error_number = EACCES}}});
  EXPECT_EQ(denied.reason, Reason::kCommandNotExecutable);
  EXPECT_EQ(denied.exec_error, EACCES);
}

TEST_F(SuperviseTest, AtTheTimeLimitTermComesFirstAndTheReasonStays) {
  FakeCell::Script script{.events = {Executed()}};
  script.on_signal = [](FakeCell& cell, int signal) { cell.Push(Killed(signal)); };
  const Ending ending = Play(std::move(script), [](SuperviseOptions& o) { o.limit_at = base::SystemClock().Boot(); });
  EXPECT_EQ(ending.reason, Reason::kTimeout);
  EXPECT_THAT(calls_, ElementsAre("signal 15"));
}

TEST_F(SuperviseTest, WhoIgnoresTermIsKilledAfterTheGrace) {
  plan_.grace = seconds(1);
  const auto began = base::SystemClock().Boot();
  const Ending ending = Play({.events = {Executed()}}, [](SuperviseOptions& o) { o.limit_at = base::SystemClock().Boot(); });
  EXPECT_EQ(ending.reason, Reason::kTimeout);
  EXPECT_THAT(calls_, ElementsAre("signal 15", "kill"));
  EXPECT_GE(base::SystemClock().Boot() - began, seconds(1));
}

TEST_F(SuperviseTest, SignalsAreForwardedAndASecondInterruptKills) {
  Deliver(SIGHUP);
  Deliver(SIGINT);
  Deliver(SIGINT);
  const Ending ending = Play({.events = {Executed()}});
  EXPECT_EQ(ending.reason, Reason::kInterrupted);
  EXPECT_EQ(ending.interrupted_by, SIGINT);
  EXPECT_THAT(calls_, ElementsAre("signal 1", "signal 2", "kill"));
}

TEST_F(SuperviseTest, AWorkloadThatDiesOfTheForwardedSignalWasInterrupted) {
  Deliver(SIGTERM);
  FakeCell::Script script{.events = {Executed()}};
  script.on_signal = [](FakeCell& cell, int signal) { cell.Push(Killed(signal)); };
  const Ending ending = Play(std::move(script));
  EXPECT_EQ(ending.reason, Reason::kInterrupted);
  EXPECT_EQ(ending.interrupted_by, SIGTERM);
}

TEST_F(SuperviseTest, AStopRequestRevokes) {
  int stop[2];
  ASSERT_EQ(::pipe2(stop, O_CLOEXEC), 0);
  ASSERT_EQ(::write(stop[1], "x", 1), 1);
  FakeCell::Script script{.events = {Executed()}};
  script.on_signal = [](FakeCell& cell, int signal) { cell.Push(Killed(signal)); };
  const Ending ending = Play(std::move(script), [&](SuperviseOptions& o) {
    o.stop_fd = stop[0];
    o.accept_stop = [&] {
      char byte;
      return ::read(stop[0], &byte, 1) == 1;
    };
  });
  EXPECT_EQ(ending.reason, Reason::kRevoked);
  ::close(stop[0]);
  ::close(stop[1]);
}

TEST_F(SuperviseTest, WhoMayNotStopItChangesNothing) {
  int stop[2];
  ASSERT_EQ(::pipe2(stop, O_CLOEXEC), 0);
  ASSERT_EQ(::write(stop[1], "x", 1), 1);
  FakeCompanion gate(&calls_);
  int asked = 0;
  const Ending ending = Play({.events = {Executed(), Exit(0)}}, [&](SuperviseOptions& o) {
    o.companion = &gate;
    o.stop_fd = stop[0];
    o.accept_stop = [&] {
      ++asked;
      return false;
    };
  });
  EXPECT_GE(asked, 1);
  EXPECT_EQ(ending.reason, Reason::kCompleted);
  EXPECT_THAT(calls_, testing::IsEmpty());
  ::close(stop[0]);
  ::close(stop[1]);
}

TEST_F(SuperviseTest, TheLimitThatWasTakenFromTheTtlSaysSo) {
  plan_.time_limit_source = "ttl";
  FakeCell::Script script{.events = {Executed()}};
  script.on_signal = [](FakeCell& cell, int signal) { cell.Push(Killed(signal)); };
  EXPECT_EQ(Play(std::move(script), [](SuperviseOptions& o) { o.limit_at = base::SystemClock().Boot(); }).reason,
            Reason::kTtlExceeded);
}

TEST_F(SuperviseTest, NoGraceReachesBeyondTheTtl) {
  plan_.grace = seconds(15);
  const auto began = base::SystemClock().Boot();
  const Ending ending = Play({.events = {Executed()}}, [&](SuperviseOptions& o) {
    o.limit_at = began;
    o.ttl_at = began + milliseconds(300);
  });
  EXPECT_EQ(ending.reason, Reason::kTimeout) << "what came first";
  EXPECT_THAT(calls_, ElementsAre("signal 15", "kill"));
  EXPECT_LT(base::SystemClock().Boot() - began, seconds(10));
}

TEST_F(SuperviseTest, WithoutGraceNobodyIsAsked) {
  plan_.grace = seconds(0);
  EXPECT_EQ(Play({.events = {Executed()}}, [](SuperviseOptions& o) { o.limit_at = base::SystemClock().Boot(); }).reason,
            Reason::kTimeout);
  EXPECT_THAT(calls_, ElementsAre("kill"));
}

TEST_F(SuperviseTest, ACellThatWouldNotDieIsTold) {
  const Ending ending = Play({.events = {Executed()}, .kill_fails = true},
                             [](SuperviseOptions& o) { o.ttl_at = base::SystemClock().Boot(); });
  EXPECT_EQ(ending.reason, Reason::kTtlExceeded);
  EXPECT_EQ(ending.message, "the cell would not die");
}

TEST_F(SuperviseTest, AWorkloadThatEndedGetsNoSignal) {
  int out[2];
  ASSERT_EQ(::pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
  // Somebody holds the output, so its end is waited for; the signal comes meanwhile.
  std::thread later([this] {
    std::this_thread::sleep_for(milliseconds(300));
    Deliver(SIGTERM);
  });
  int ticks = 0;
  const Ending ending = Play({.events = {Executed(), Exit(0)}}, [&](SuperviseOptions& o) {
    o.streams.out = base::UniqueFd(out[0]);
    o.on_tick = [&](milliseconds) { ++ticks; };
  });
  later.join();
  EXPECT_EQ(ending.reason, Reason::kCompleted);
  EXPECT_THAT(calls_, testing::IsEmpty());
  EXPECT_EQ(ticks, 0) << "nothing runs of which a tick could tell";
  ::close(out[1]);
}

TEST_F(SuperviseTest, WhoHoldsTheOutputAfterTheEndIsNotWaitedFor) {
  int out[2];
  ASSERT_EQ(::pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
  const auto began = base::SystemClock().Boot();
  const Ending ending = Play({.events = {Executed(), Exit(3)}},
                             [&](SuperviseOptions& o) { o.streams.out = base::UniqueFd(out[0]); });
  EXPECT_EQ(ending.reason, Reason::kCompleted);
  EXPECT_FALSE(ending.output_complete);
  EXPECT_GE(base::SystemClock().Boot() - began, milliseconds(1900));
  EXPECT_LT(base::SystemClock().Boot() - began, seconds(15));
  ::close(out[1]);
}

TEST_F(SuperviseTest, TicksComeWhileTheWorkloadRuns) {
  std::vector<milliseconds> ticks;
  FakeCell::Script script{.events = {Executed()}};
  script.on_signal = [](FakeCell& cell, int signal) { cell.Push(Killed(signal)); };
  Play(std::move(script), [&](SuperviseOptions& o) {
    o.limit_at = base::SystemClock().Boot() + milliseconds(1300);
    o.on_tick = [&](milliseconds elapsed) { ticks.push_back(elapsed); };
  });
  ASSERT_EQ(ticks.size(), 1u);
  EXPECT_GE(ticks[0], seconds(1));
}

TEST_F(SuperviseTest, EvidenceThatCannotBeWrittenEndsTheRun) {
  const Ending ending = Play({.events = {Executed()}}, [](SuperviseOptions& o) {
    o.on_executed = [] { return base::Result<>(base::Fail(base::ErrorKind::kIo, "the disk is full")); };
  });
  EXPECT_EQ(ending.reason, Reason::kEvidenceFailed);
  EXPECT_THAT(ending.message, HasSubstr("disk is full"));
  EXPECT_THAT(calls_, ElementsAre("kill"));
}

TEST_F(SuperviseTest, AReaderThatLeavesGivesTheWorkloadABrokenPipe) {
  ::signal(SIGPIPE, SIG_IGN);
  int cell_out[2], caller_out[2];
  ASSERT_EQ(::pipe2(cell_out, O_CLOEXEC | O_NONBLOCK), 0);
  ASSERT_EQ(::pipe2(caller_out, O_CLOEXEC), 0);
  ASSERT_EQ(::write(cell_out[1], "output", 6), 6);
  ::close(caller_out[0]);
  FakeCell::Script script{.events = {Executed()}};
  int writes_fail_with = 0;
  const Ending ending = Play(std::move(script), [&](SuperviseOptions& o) {
    o.streams.out = base::UniqueFd(cell_out[0]);
    o.caller.out = caller_out[1];
    o.limit_at = base::SystemClock().Boot() + milliseconds(300);
    plan_.grace = seconds(0);
    o.on_tick = {};
  });
  if (::write(cell_out[1], "more", 4) < 0) writes_fail_with = errno;
  EXPECT_EQ(writes_fail_with, EPIPE);
  EXPECT_FALSE(ending.output_complete);
  ::close(cell_out[1]);
  ::close(caller_out[1]);
}

TEST_F(SuperviseTest, ACellWhoseGateFailsIsKilled) {
  FakeCompanion gate(&calls_);
  gate.fails_at_ = 2;
  const Ending ending = Play({.events = {Executed()}}, [&](SuperviseOptions& o) { o.companion = &gate; });
  EXPECT_EQ(ending.reason, Reason::kGateFailed);
  EXPECT_EQ(ending.message, "cellos-gate is gone");
  EXPECT_THAT(calls_, ElementsAre("revoke", "kill"));
}

TEST_F(SuperviseTest, ACellWhoseWitnessIsSilentEndsForThatReason) {
  FakeCompanion gate(&calls_);
  gate.fails_at_ = 2;
  gate.reason_ = Reason::kAgentSilenced;
  const Ending ending = Play({.events = {Executed()}}, [&](SuperviseOptions& o) { o.companion = &gate; });
  EXPECT_EQ(ending.reason, Reason::kAgentSilenced);
}

TEST_F(SuperviseTest, ACellWhoseWitnessDiedOrHangsEndsAsUnwatched) {
  for (const bool hung : {false, true}) {
    calls_.clear();
    FakeCompanion gate(&calls_);
    const Ending ending = Play({.events = {Executed(), {.kind = CellEventKind::kAgentFailed, .hung = hung}}},
                               [&](SuperviseOptions& o) { o.companion = &gate; });
    EXPECT_EQ(ending.reason, Reason::kAgentSilenced);
    EXPECT_TRUE(ending.cell_gone);
    EXPECT_THAT(calls_, ElementsAre(hung ? "hung" : "died", "revoke", "kill"));
  }
}

TEST_F(SuperviseTest, AWorkloadThatEndsWithItsWitnessIsNoGoodEnd) {
  const Ending ending = Play({.events = {Executed(), Exit(0), {.kind = CellEventKind::kAgentFailed}}});
  EXPECT_EQ(ending.reason, Reason::kAgentSilenced);
}

TEST_F(SuperviseTest, AuthorityIsRevokedBeforeTheWorkloadIsAsked) {
  int stop[2];
  ASSERT_EQ(::pipe2(stop, O_CLOEXEC), 0);
  ASSERT_EQ(::write(stop[1], "x", 1), 1);
  FakeCompanion gate(&calls_);
  FakeCell::Script script{.events = {Executed()}};
  script.on_signal = [](FakeCell& cell, int signal) { cell.Push(Killed(signal)); };
  const Ending ending = Play(std::move(script), [&](SuperviseOptions& o) {
    o.companion = &gate;
    o.stop_fd = stop[0];
    o.accept_stop = [&] {
      char byte;
      return ::read(stop[0], &byte, 1) == 1;
    };
  });
  EXPECT_EQ(ending.reason, Reason::kRevoked);
  EXPECT_THAT(calls_, ElementsAre("revoke", "signal 15"));
  ::close(stop[0]);
  ::close(stop[1]);
}

}  // namespace
}  // namespace cell
