// SPDX-License-Identifier: Apache-2.0
// The rules of lives, on a made-up kernel.
#include "census.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "kernel_fixture.h"
#include "wire/agent_config.h"

namespace guest {
namespace {

using wire::ProbeSource;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint32_t kLives =
    wire::SourceBit(ProbeSource::kProcessSpawned) | wire::SourceBit(ProbeSource::kProcessExited);
constexpr std::uint64_t kThreadFlags = 0x3d0f00;  // as pthread_create has them

class CensusTest : public testing::Test {
 protected:
  enum class Detail { kDefault, kFull };

  void Start(Detail detail = Detail::kDefault, std::uint32_t sources = kLives) {
    outbox_->Start(true, 2);
    census_->Start(sources, detail == Detail::kFull, true, 2, outbox_.get(), now_);
  }

  void Pass(std::uint64_t milliseconds) {
    now_ += milliseconds * kMs;
    kernel_.ticks += milliseconds / 10;
  }
  void Tick() {
    Pass(20);
    census_->Tick(now_);
  }
  void Walk() {
    Pass(20);
    census_->Walk(now_);
  }
  void ExitGroup(std::uint32_t number, std::uint64_t argument, bool delivered = true) {
    census_->OnExit(number, argument, now_);
    census_->AfterExit(delivered, now_);
  }
  // A life from fork to wait, as the default filter notifies it.
  std::uint32_t Life(const std::string& comm, std::uint64_t code) {
    const std::uint32_t pid = kernel_.Fork();
    census_->OnExec(pid, now_);
    kernel_.Exec(pid, comm);
    ExitGroup(pid, code);
    kernel_.Die(pid, static_cast<std::uint32_t>(code) << 8);
    kernel_.Reap(pid);
    return pid;
  }

  // Everything told since the last call: "+ 5 sh", "- 5 sh", "= 5 sh 256".
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    wire::FrameReader reader;
    for (wire::Bytes bytes = outbox_->Pending(); bytes.size != 0; bytes = outbox_->Pending()) {
      outbox_->Taken(bytes.size);
      for (;;) {
        const auto step = reader.Next(&bytes.data, &bytes.size);
        if (step.kind != wire::FrameReader::Kind::kFrame) break;
        wire::TelemetryFrame frame;
        EXPECT_EQ(wire::DecodeHostFrame(step.body, step.length, true, &frame), wire::HostFrameFault::kNone);
        told.push_back(Text(frame));
      }
    }
    return told;
  }

  static std::string Text(const wire::TelemetryFrame& frame) {
    const std::string who = std::to_string(frame.guest_pid) + " " + std::string(frame.comm, frame.comm_size);
    const std::uint64_t value = frame.guest_monotonic_ns;
    switch (frame.source) {
      case ProbeSource::kProcessSpawned: return "+ " + who;
      case ProbeSource::kProcessExited: return "- " + who;
      case ProbeSource::kAgentExitStatus:
        return "= " + who + ((value & wire::kExitBySignal) != 0 ? " signal " : " ") + std::to_string(value & 0xffffffff);
      case ProbeSource::kAgentDropped: return "dropped " + std::to_string(value);
      default: return "? " + who;
    }
  }

  using Lines = std::vector<std::string>;
  FakeKernel kernel_;
  std::unique_ptr<Census> census_ = std::make_unique<Census>();
  std::unique_ptr<Outbox> outbox_ = std::make_unique<Outbox>();
  std::uint64_t now_ = 1'000'000 * kMs;
};

TEST_F(CensusTest, TheLeaderIsToldAndTheCellsOwnProcessesAreNot) {
  Start();
  census_->OnExec(4, now_);
  kernel_.Exec(4, "job");
  Walk();
  Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 job"}));
  census_->Finish(now_);
  EXPECT_EQ(Told(), (Lines{"- 4 job"}));
}

TEST_F(CensusTest, AShortLifeIsToldOnceWithTheNameOfItsProgram) {
  Start();
  Life("true", 0);
  EXPECT_EQ(Told(), (Lines{"+ 5 true", "- 5 true", "= 5 true 0"}));
  Tick();
  Walk();
  Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper"}));
}

TEST_F(CensusTest, AFurtherExecIsToldAndAFailedOneIsNot) {
  Start();
  const auto pid = kernel_.Fork();
  for (int i = 0; i < 3; ++i) census_->OnExec(pid, now_);  // a search along PATH; the last one succeeds
  kernel_.Exec(pid, "env");
  for (int i = 0; i < 3; ++i) census_->OnExec(pid, now_);  // and again
  kernel_.Exec(pid, "true");
  ExitGroup(pid, 0);
  EXPECT_EQ(Told(), (Lines{"+ 5 env", "+ 5 true", "- 5 true", "= 5 true 0"}));
}

TEST_F(CensusTest, AFurtherExecIsToldAtTheTickToo) {
  Start();
  const auto pid = kernel_.Fork();
  census_->OnExec(pid, now_);
  kernel_.Exec(pid, "env");
  Tick();
  census_->OnExec(pid, now_);
  kernel_.Exec(pid, "sleep");
  Tick();
  census_->OnExec(pid, now_);
  Tick();  // this one has failed
  for (int i = 0; i < 20; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 env", "+ 5 sleep"}));
  ExitGroup(pid, 0);
  EXPECT_EQ(Told(), (Lines{"- 5 sleep", "= 5 sleep 0"}));
}

TEST_F(CensusTest, WhoseAddressesAreHiddenIsToldWithEachTry) {
  Start();
  const auto pid = kernel_.Fork();
  census_->OnExec(pid, now_);
  kernel_.Exec(pid, "su");
  kernel_.tasks[pid].image = 0;
  census_->OnExec(pid, now_);
  kernel_.tasks[pid].comm = "sh";
  ExitGroup(pid, 0);
  EXPECT_EQ(Told(), (Lines{"+ 5 su", "+ 5 sh", "- 5 sh", "= 5 sh 0"}));
}

TEST_F(CensusTest, AnExitThatASignalOvertookIsLeftToTheWalk) {
  Start();
  const auto pid = kernel_.Fork();
  ExitGroup(pid, 7, false);
  kernel_.Die(pid, 9);
  EXPECT_EQ(Told(), Lines{});
  Walk();
  EXPECT_EQ(Told(), (Lines{"+ 5 sh", "- 5 sh", "= 5 sh signal 9"}));
}

TEST_F(CensusTest, OnlyTheLowEightBitsAreAnExitCode) {
  Start();
  ExitGroup(kernel_.Fork(), 0xffffffffffffff03);
  EXPECT_EQ(Told().back(), "= 5 sh 3");
}

TEST_F(CensusTest, AKilledProcessThatNobodySawIsToldWithoutName) {
  Start();
  kernel_.Reap(kernel_.Fork());
  Tick();
  EXPECT_EQ(Told(), Lines{"+ 4 cellos-reaper"}) << "the other may be about to start";
  for (int i = 0; i < 4; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 5 ", "- 5 "}));
}

TEST_F(CensusTest, AStartInProgressIsNoLifeOfItsOwn) {
  Start();
  const auto pid = kernel_.Fork();
  const FakeTask task = kernel_.tasks[pid];
  kernel_.tasks.erase(pid);  // the number is out, its task is not there yet
  Tick();
  kernel_.tasks[pid] = task;
  Tick();
  Walk();
  for (int i = 0; i < 5; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 sh"}));
}

TEST_F(CensusTest, AnUnseenNumberIsAThreadWhenOneWasToStart) {
  Start();
  for (int i = 0; i < 3; ++i) {
    census_->OnClone(kThreadFlags, now_);
    kernel_.tasks.erase(kernel_.Thread(4));
  }
  kernel_.Reap(kernel_.Fork());
  for (int i = 0; i < 6; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 8 ", "- 8 "}));
}

TEST_F(CensusTest, FlagsThatTheKernelRefusesStartNoThread) {
  Start();
  census_->OnClone(0x10000, now_);  // CLONE_THREAD without CLONE_SIGHAND
  kernel_.Reap(kernel_.Fork());
  for (int i = 0; i < 6; ++i) Tick();
  EXPECT_EQ(Told().size(), 3u);
}

TEST_F(CensusTest, AThreadThatNeverStartedHidesNoLaterProcess) {
  Start();
  census_->OnClone(kThreadFlags, now_);
  for (int i = 0; i < 60; ++i) Tick();
  kernel_.Reap(kernel_.Fork());
  for (int i = 0; i < 6; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 ", "- 5 "}));
}

TEST_F(CensusTest, ASeenThreadUsesUpItsNotification) {
  Start();
  census_->OnClone(kThreadFlags, now_);
  kernel_.Thread(4);
  Tick();
  kernel_.Reap(kernel_.Fork());
  for (int i = 0; i < 6; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 6 ", "- 6 "}));
}

TEST_F(CensusTest, ANumberUsedUpByARefusedStartIsNoLife) {
  Start();
  Walk();
  for (int i = 0; i < 100; ++i) kernel_.RefusedFork();
  kernel_.Reap(kernel_.Fork());
  for (int i = 0; i < 6; ++i) Tick();
  EXPECT_EQ(Told().size(), 3u) << "the leader, and one life";
}

TEST_F(CensusTest, TheBoundOnUnseenLivesHoldsAcrossWalks) {
  Start();
  for (int round = 0; round < 20; ++round) {
    kernel_.Reap(kernel_.Fork());
    kernel_.RefusedFork();
    Walk();
    Life("true", 0);
    Walk();
  }
  for (int i = 0; i < 6; ++i) Tick();
  int unseen = 0;
  for (const std::string& line : Told()) unseen += line[0] == '+' && line.back() == ' ';
  EXPECT_EQ(unseen, 20);
}

TEST_F(CensusTest, AThreadCallsForItsProcess) {
  Start();
  const auto pid = kernel_.Fork();
  census_->OnClone(kThreadFlags, now_);
  const auto thread = kernel_.Thread(pid);
  EXPECT_EQ(census_->Identify(thread, now_).pid, pid);
  ExitGroup(thread, 1);
  EXPECT_EQ(Told(), (Lines{"+ 5 sh", "- 5 sh", "= 5 sh 1"}));
}

TEST_F(CensusTest, AReusedNumberIsAnotherLife) {
  kernel_.pid_max = 310;
  kernel_.cursor = 299;
  Start();
  for (int i = 0; i < 40; ++i) {
    Life("true", 0);
    Pass(1);
  }
  const auto told = Told();
  EXPECT_EQ(told.size(), 3u * 40);
}

TEST_F(CensusTest, ANumberStillInUseIsPassedBy) {
  kernel_.pid_max = 310;
  kernel_.cursor = 299;
  Start();
  const auto stays = kernel_.Fork();
  census_->OnClone(kThreadFlags, now_);
  kernel_.Thread(stays);
  kernel_.groups.insert(305);
  Tick();
  for (int i = 0; i < 40; ++i) {
    Life("true", 0);
    Pass(10);
    if (i % 5 == 0) Walk();
  }
  for (int i = 0; i < 6; ++i) Tick();
  std::size_t starts = 0;
  for (const std::string& line : Told()) starts += line[0] == '+';
  EXPECT_EQ(starts, 42u) << "the leader, the one that stays, and forty";
}

TEST_F(CensusTest, AReusedNumberOfOneThatWasKilledEndsTheOldLifeFirst) {
  kernel_.pid_max = 310;
  kernel_.cursor = 299;
  Start();
  const auto pid = kernel_.Fork("old");
  Tick();
  Tick();
  kernel_.Reap(pid);
  while (kernel_.cursor != 309) Life("true", 0);
  Pass(50);
  Told();
  ASSERT_EQ(Life("new", 2), pid);
  EXPECT_EQ(Told(), (Lines{"- 300 old", "+ 300 new", "- 300 new", "= 300 new 2"}));
}

TEST_F(CensusTest, AZombieHasEndedAndIsToldOnce) {
  Start();
  const auto pid = kernel_.Fork();
  Tick();
  Tick();
  kernel_.Die(pid, 15);
  Walk();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 sh", "- 5 sh", "= 5 sh signal 15"}));
  kernel_.Reap(pid);
  Walk();
  EXPECT_EQ(Told(), Lines{});
}

TEST_F(CensusTest, ALeaderThatLeftItsThreadsBehindHasNotEnded) {
  Start();
  const auto pid = kernel_.Fork();
  kernel_.Die(pid, 0);
  kernel_.tasks[pid].threads = 3;
  Walk();
  Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 sh"}));
}

TEST_F(CensusTest, FullDetailAwaitsTheKernelsWord) {
  Start(Detail::kFull);
  const auto pid = kernel_.Fork();
  census_->OnWait(now_);
  ExitGroup(pid, 7);
  EXPECT_EQ(Told(), Lines{}) << "it has asked for its end, it has not ended";
  kernel_.Reap(pid);
  kernel_.ended[pid] = 9;  // a signal was quicker after all
  census_->OnPidfd(pid, 1 + 3, now_);
  EXPECT_EQ(Told(), (Lines{"+ 5 sh", "- 5 sh", "= 5 sh signal 9"}));
}

TEST_F(CensusTest, WithoutTheKernelsWordTheRegisterCounts) {
  kernel_.tells_exit_info = false;
  Start(Detail::kFull);
  const auto pid = kernel_.Fork();
  census_->OnWait(now_);
  ExitGroup(pid, 7);
  kernel_.Reap(pid);
  Walk();
  EXPECT_EQ(Told(), (Lines{"+ 5 sh", "- 5 sh", "= 5 sh 7"}));
}

TEST_F(CensusTest, DescriptorsOfProcessesAreClosedWithThem) {
  Start(Detail::kFull);
  for (int i = 0; i < 50; ++i) {
    const auto pid = kernel_.Fork();
    census_->OnWait(now_);
    if (i % 2 == 0) ExitGroup(pid, 0);
    kernel_.Reap(pid);
  }
  Walk();
  EXPECT_EQ(kernel_.pidfds.size(), 1u) << "the leader's";
  census_->Finish(now_);
  EXPECT_EQ(kernel_.pidfds.size(), 0u);
}

TEST_F(CensusTest, NothingIsToldThatWasNotDeclared) {
  Start(Detail::kDefault, wire::SourceBit(ProbeSource::kProcessSpawned));
  Life("true", 1);
  census_->Finish(now_);
  EXPECT_EQ(Told(), (Lines{"+ 5 true", "+ 4 cellos-reaper"}));
}

TEST_F(CensusTest, WithoutProcessSourcesCallersAreStillKnown) {
  Start(Detail::kDefault, wire::SourceBit(ProbeSource::kNetConnectAttempted));
  const auto pid = kernel_.Fork("curl");
  const auto thread = kernel_.Thread(pid);
  for (const auto number : {pid, thread}) {
    const Who who = census_->Identify(number, now_);
    EXPECT_EQ(who.pid, pid);
    EXPECT_EQ(std::string(who.comm.bytes, who.comm.size), "curl");
  }
  Tick();
  Walk();
  census_->Finish(now_);
  EXPECT_EQ(Told(), Lines{});
}

TEST_F(CensusTest, ProcessesBeyondTheTableAreToldAndTheirEndsCountedAsLost) {
  Start();
  constexpr std::uint32_t kBeyond = 10;
  const std::uint32_t room = ProcessTable::kCapacity - 4;  // the own three and the leader have slots
  std::size_t starts = 0, ends = 0;
  const auto count = [&] {
    for (const std::string& line : Told()) {
      starts += line[0] == '+';
      ends += line[0] == '-';
    }
  };
  for (std::uint32_t i = 0; i < room + kBeyond; ++i) {
    kernel_.Fork();
    if (i % 500 != 0) continue;
    Tick();
    count();
  }
  EXPECT_TRUE(census_->Crowded());
  for (int i = 0; i < 12; ++i) {
    Tick();
    count();
  }
  Walk();
  count();
  EXPECT_EQ(outbox_->dropped(), kBeyond);
  EXPECT_EQ(starts, room + kBeyond + 1);
  std::erase_if(kernel_.tasks, [](const auto& task) { return task.first > 4; });
  Walk();
  count();
  EXPECT_EQ(ends + outbox_->dropped(), room + kBeyond);
}

}  // namespace
}  // namespace guest
