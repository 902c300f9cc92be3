// SPDX-License-Identifier: Apache-2.0
// Numbers that come round, ends and their causes, what was not declared, what does not fit.
#include "census_fixture.h"

namespace guest {
namespace {

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

TEST_F(CensusTest, TheNumberOfAGroupWhoseLeaderIsGoneIsNoLife) {
  kernel_.pid_max = 310;
  kernel_.cursor = 299;
  kernel_.forks = 0;  // the machine does not tell
  Start();
  kernel_.groups.insert(305);
  for (int i = 0; i < 20; ++i) Life("true", 0);
  for (int i = 0; i < 6; ++i) Tick();
  std::size_t unseen = 0;
  for (const std::string& line : Told()) unseen += line == "+ 305 ";
  EXPECT_EQ(unseen, 1u) << "passed by twice, and known for a group's once numbers come round";
}

TEST_F(CensusTest, AnOldThreadThatIsPassedByHidesNoUnseenLife) {
  kernel_.pid_max = 310;
  kernel_.cursor = 299;
  Start();
  kernel_.Thread(4);
  Pass(50);
  Walk();
  for (int lap = 0; lap < 5; ++lap) {
    for (int i = 0; i < 8; ++i) Life("true", 0);
    kernel_.Reap(kernel_.Fork());
    for (int i = 0; i < 5; ++i) Tick();
  }
  std::size_t unseen = 0;
  for (const std::string& line : Told()) unseen += line[0] == '+' && line.back() == ' ';
  EXPECT_EQ(unseen, 5u);
}

TEST_F(CensusTest, WhoIsAboutToBeReapedHasItsCause) {
  Start(Detail::kFull);
  const auto pid = kernel_.Fork();
  kernel_.Die(pid, 9);
  census_->OnWait(now_);
  kernel_.Reap(pid);
  Walk();
  EXPECT_EQ(Told(), (Lines{"+ 5 sh", "- 5 sh", "= 5 sh signal 9"}));
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

TEST_F(CensusTest, TheExecOfAnotherThreadOutlivesTheEndThatWasAskedFor) {
  Start();
  const auto pid = kernel_.Fork();
  census_->OnExec(pid, now_);
  kernel_.Exec(pid, "sh");
  census_->OnClone(kThreadFlags, now_);
  const auto thread = kernel_.Thread(pid);
  kernel_.tasks[pid].threads = 2;
  ExitGroup(thread, 0);  // answered, but not carried out: nothing gives it a processor
  Walk();
  Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 sh"}));
  census_->OnExec(pid, now_);
  kernel_.Exec(pid, "ghost");
  kernel_.tasks[pid].threads = 1;
  kernel_.Reap(thread);
  Tick();
  EXPECT_EQ(Told(), (Lines{"+ 5 ghost"}));
  kernel_.Die(pid, 9);
  Walk();
  EXPECT_EQ(Told(), (Lines{"- 5 ghost", "= 5 ghost signal 9"}));
}

TEST_F(CensusTest, TheEndOfManyThreadsIsToldOnceItIsSeen) {
  Start();
  census_->OnClone(kThreadFlags, now_);
  for (const bool reaped : {false, true}) {
    const auto pid = kernel_.Fork();
    census_->OnExec(pid, now_);
    kernel_.Exec(pid, "many");
    kernel_.tasks[pid].threads = 2;
    Tick();
    Told();
    ExitGroup(pid, 0);
    EXPECT_EQ(Told(), Lines{});
    kernel_.tasks[pid].threads = 1;
    kernel_.Die(pid, 0);
    if (reaped) kernel_.Reap(pid);
    Walk();
    const std::string who = std::to_string(pid) + " many";
    EXPECT_EQ(Told(), (Lines{"- " + who, "= " + who + " 0"}));
  }
}

TEST_F(CensusTest, WhoExecutesAProgramHasNotEnded) {
  Start();
  const auto pid = kernel_.Fork();
  Tick();
  Tick();
  Told();
  ExitGroup(pid, 0);  // answered, and broken off by a signal all the same
  EXPECT_EQ(Told(), (Lines{"- 5 sh", "= 5 sh 0"}));
  census_->OnExec(pid, now_);
  kernel_.Exec(pid, "ghost");
  Tick();
  EXPECT_EQ(Told(), (Lines{"+ 5 ghost"}));
  ExitGroup(pid, 3);
  EXPECT_EQ(Told(), (Lines{"- 5 ghost", "= 5 ghost 3"}));
}

TEST_F(CensusTest, AnEndThatCannotBeAwaitedIsSeenByTheWalk) {
  kernel_.watches = false;
  Start(Detail::kFull);
  const auto pid = kernel_.Fork();
  census_->OnWait(now_);
  Told();
  kernel_.Die(pid, 9);  // and nobody reaps it
  Walk();
  EXPECT_EQ(Told(), (Lines{"+ 5 sh", "- 5 sh", "= 5 sh signal 9"}));
  EXPECT_EQ(kernel_.pidfds.size(), 0u);
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
