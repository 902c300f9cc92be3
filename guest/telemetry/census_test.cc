// SPDX-License-Identifier: Apache-2.0
// Starts, programs and threads: the rules of lives, on a made-up kernel.
#include <signal.h>

#include <algorithm>

#include "census_fixture.h"

namespace guest {
namespace {

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

TEST_F(CensusTest, AProgramThatIsLongInComingIsToldByItsOwnName) {
  Start();
  const auto pid = kernel_.Fork("make");
  census_->OnExec(pid, now_);
  for (int i = 0; i < 3; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper"}));
  kernel_.Exec(pid, "cc");
  for (int i = 0; i < 3; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 5 cc"}));
}

TEST_F(CensusTest, AProgramThatNeverComesIsToldAllTheSame) {
  Start();
  census_->OnExec(kernel_.Fork("make"), now_);
  for (int i = 0; i < 30; ++i) Tick();
  EXPECT_EQ(Told(), (Lines{"+ 4 cellos-reaper", "+ 5 make"}));
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

// A caller tells that the cursor has come to its number, not that nobody was before it.
TEST_F(CensusTest, ACallerHidesNobodyWhoWasStartedBeforeIt) {
  Start();
  Told();
  const std::uint32_t unseen = kernel_.Fork();
  kernel_.Die(unseen, SIGKILL);
  kernel_.Reap(unseen);
  const std::uint32_t caller = Life("true", 0);
  Tick();
  Tick();
  const Lines told = Told();
  EXPECT_EQ(std::ranges::count(told, "+ " + std::to_string(unseen) + " "), 1);
  EXPECT_EQ(std::ranges::count(told, "- " + std::to_string(unseen) + " "), 1);
  EXPECT_EQ(std::ranges::count(told, "+ " + std::to_string(caller) + " true"), 1);
}

// Once numbers come round, the caller whose number is next may be an old one, which the cursor has yet to reach.
TEST_F(CensusTest, AnOldCallerInFrontOfTheCursorIsNotTheCursor) {
  kernel_.cursor = 400;
  Start();
  const std::uint32_t old = kernel_.Fork();
  ExitGroup(old, 0);
  kernel_.cursor = kernel_.pid_max - 2;
  Life("true", 0);
  Life("true", 0);
  Tick();
  kernel_.cursor = old - 1;
  Tick();
  Tick();
  Told();
  kernel_.forks += 1000;  // elsewhere on the machine
  census_->OnExec(old, now_);
  kernel_.Exec(old, "again");
  Tick();
  Tick();
  EXPECT_EQ(Told(), Lines{"+ " + std::to_string(old) + " again"});
}

}  // namespace
}  // namespace guest
