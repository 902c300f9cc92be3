// SPDX-License-Identifier: Apache-2.0
#include "cell/gc/collector.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cell/state/live_entry.h"
#include "evidence/run_fixture.h"

namespace cell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

class Garbage : public testing::Test {
 protected:
  Garbage() : top_(::mkdtemp(name_)), state_(StateDir::Open(top_ + "/state", OpenMode::kCreate).value()) {}
  ~Garbage() override { fs::remove_all(top_); }

  // What a supervisor leaves that was killed with this noted.
  void LeaveDead(const std::string& run_id, const std::function<void(LiveEntry&)>& note) {
    auto entry = LiveEntry::Create(state_, run_id);
    ASSERT_TRUE(entry) << entry.error().message;
    note(*entry);
    entry->LeaveForCollector();
  }

  char name_[32] = "/tmp/cellos-gc-XXXXXX";
  std::string top_;
  StateDir state_;
};

TEST(DeadRunLogs, AreToldInAClauseOfTheirOwn) {
  EXPECT_EQ(ToString(DeadRunLog::kSealedCut), "log sealed as cut");
  EXPECT_EQ(ToString(DeadRunLog::kNoLog), "it had no log yet");
}

TEST_F(Garbage, OfNobodyIsNothing) { EXPECT_THAT(CollectGarbage(state_).value(), IsEmpty()); }

TEST_F(Garbage, LivingCellsAreLeftAlone) {
  const auto entry = LiveEntry::Create(state_, "alive");
  EXPECT_THAT(CollectGarbage(state_).value(), IsEmpty());
  EXPECT_TRUE(fs::exists(state_.path() + "/live/alive"));
}

TEST_F(Garbage, ProcessesOfTheDeadAreKilled) {
  const pid_t orphan = ::fork();
  if (orphan == 0) {
    for (;;) ::pause();
  }
  LeaveDead("r", [&](LiveEntry& entry) { ASSERT_TRUE(entry.NoteProcess(orphan)); });
  const auto dead = CollectGarbage(state_);
  int status = 0;
  EXPECT_EQ(::waitpid(orphan, &status, 0), orphan);
  EXPECT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(dead->size(), 1u);
  EXPECT_EQ((*dead)[0].run_id, "r");
  EXPECT_EQ((*dead)[0].processes_killed, 1);
  EXPECT_THAT((*dead)[0].leftovers, IsEmpty());
  EXPECT_FALSE(fs::exists(state_.path() + "/live/r"));
}

TEST_F(Garbage, AProcessThatOnlyHasTheSamePidLives) {
  const pid_t bystander = ::fork();
  if (bystander == 0) {
    for (;;) ::pause();
  }
  LeaveDead("r", [&](LiveEntry&) {});
  std::ofstream(state_.path() + "/live/r/anchor", std::ios::app)
      << "{\"process\":{\"pid\":" << bystander << ",\"start\":1}}\n";
  EXPECT_EQ(CollectGarbage(state_).value()[0].processes_killed, 0);
  EXPECT_EQ(::waitpid(bystander, nullptr, WNOHANG), 0) << "it was killed";
  ::kill(bystander, SIGKILL);
  ::waitpid(bystander, nullptr, 0);
}

TEST_F(Garbage, NothingOfAnEarlierBootIsKilled) {
  const pid_t bystander = ::fork();
  if (bystander == 0) {
    for (;;) ::pause();
  }
  LeaveDead("r", [&](LiveEntry& entry) { ASSERT_TRUE(entry.NoteProcess(bystander)); });
  std::ofstream(state_.path() + "/live/r/anchor", std::ios::app) << "{\"bootId\":\"00000000-0000-0000-0000-000000000000\"}\n";
  EXPECT_EQ(CollectGarbage(state_).value()[0].processes_killed, 0);
  EXPECT_EQ(::waitpid(bystander, nullptr, WNOHANG), 0) << "it was killed";
  ::kill(bystander, SIGKILL);
  ::waitpid(bystander, nullptr, 0);
}

TEST_F(Garbage, ARunWithoutLogGoesWithItsDirectory) {
  ASSERT_TRUE(state_.CreateRun("r"));
  std::ofstream(state_.path() + "/runs/r/document.json") << "{}";
  LeaveDead("r", [](LiveEntry&) {});
  const auto dead = CollectGarbage(state_);
  ASSERT_EQ(dead->size(), 1u);
  EXPECT_EQ((*dead)[0].log, DeadRunLog::kNoLog);
  EXPECT_FALSE(fs::exists(state_.path() + "/runs/r"));
}

TEST_F(Garbage, AnAnchorOfGarbageHarmsNobody) {
  LeaveDead("r", [](LiveEntry&) {});
  std::ofstream(state_.path() + "/live/r/anchor") << std::string(5000, '\xff') << "\n[]\n{\"process\":7}\n{\"process\":{}}\n"
                                                  << "{\"cgroup\":[1,null]}\n{\"process\":{\"pid\":99999999999,\"start\":1}}\n";
  EXPECT_EQ(CollectGarbage(state_)->size(), 1u);
  EXPECT_FALSE(fs::exists(state_.path() + "/live/r"));
}

TEST_F(Garbage, HalfMadeEntriesGoOnceTheyAreOld) {
  fs::create_directory(state_.path() + "/live/.new-1-1");
  EXPECT_THAT(CollectGarbage(state_).value(), IsEmpty());
  EXPECT_TRUE(fs::exists(state_.path() + "/live/.new-1-1"));
  const timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (state_.path() + "/live/.new-1-1").c_str(), old, 0), 0);
  EXPECT_THAT(CollectGarbage(state_).value(), IsEmpty());
  EXPECT_FALSE(fs::exists(state_.path() + "/live/.new-1-1"));
}

TEST_F(Garbage, AHalfMadeEntryWhoseMakerIsGoneGoesAtOnce) {
  const pid_t maker = ::fork();
  if (maker == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(maker, nullptr, 0), maker);
  const auto live = state_.path() + "/live/";
  const auto gone = ".new-" + std::to_string(maker) + "-1", there = ".new-" + std::to_string(::getpid()) + "-1";
  const auto other = ".old-" + std::to_string(maker) + "-1";
  const std::vector<std::string> kept = {there, other, ".new-0-1", ".new--1-1", ".new-x-1"};
  fs::create_directory(live + gone);
  for (const auto& name : kept) fs::create_directory(live + name);
  EXPECT_THAT(CollectGarbage(state_).value(), IsEmpty());
  EXPECT_FALSE(fs::exists(live + gone));
  for (const auto& name : kept) EXPECT_TRUE(fs::exists(live + name)) << name;
}

TEST_F(Garbage, WhoseAnchorCannotBeReadStaysForTheNextTime) {
  LeaveDead("r", [](LiveEntry&) {});
  const auto anchor = state_.path() + "/live/r/anchor";
  fs::remove(anchor);
  fs::create_directory(anchor);
  const auto dead = CollectGarbage(state_).value();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_THAT(dead[0].leftovers, ElementsAre(testing::HasSubstr("anchor not read")));
  EXPECT_TRUE(fs::exists(state_.path() + "/live/r"));
}

TEST_F(Garbage, AProcessThatEndedByItselfIsNotToldAsKilled) {
  int hold[2];
  ASSERT_EQ(::pipe(hold), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte;
    ::close(hold[1]);
    ::_exit(static_cast<int>(::read(hold[0], &byte, 1)));
  }
  LeaveDead("r", [&](LiveEntry& entry) { ASSERT_TRUE(entry.NoteProcess(child)); });
  ::close(hold[0]);
  ::close(hold[1]);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto dead = CollectGarbage(state_).value();
  ::waitpid(child, nullptr, 0);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].processes_killed, 0);
  EXPECT_THAT(dead[0].leftovers, IsEmpty());
}

// The log of a supervisor that died, in a state directory.
class DeadLog : public evidence::RunFixture {
 protected:
  void SetUp() override {
    RunFixture::SetUp();
    Open();
    OpenCoverage();
    Work();
    Die();
    state_ = StateDir::Open(root_, OpenMode::kCreate).value();
    LiveEntry::Create(*state_, kRunId)->LeaveForCollector();
  }
  DeadRun Collected() {
    auto dead = CollectGarbage(*state_).value();
    EXPECT_EQ(dead.size(), 1u);
    return dead.empty() ? DeadRun{} : dead[0];
  }
  bool EntryStays() const { return fs::exists(root_ / "live" / kRunId); }
  std::optional<StateDir> state_;
};

TEST_F(DeadLog, IsSealedAndItsEntryGoes) {
  EXPECT_EQ(Collected().log, DeadRunLog::kSealedCut);
  EXPECT_FALSE(EntryStays());
}

TEST_F(DeadLog, WhoseKeyIsAwayIsToldAndTriedAgain) {
  fs::rename(keys_path(), root_ / "away");
  for (int i = 0; i < 2; ++i) {
    const auto dead = Collected();
    EXPECT_EQ(dead.log, DeadRunLog::kFailed);
    EXPECT_THAT(dead.leftovers, ElementsAre(testing::HasSubstr("log not sealed: ")));
    EXPECT_TRUE(EntryStays());
  }
  fs::rename(root_ / "away", keys_path());
  EXPECT_EQ(Collected().log, DeadRunLog::kSealedCut);
  EXPECT_FALSE(EntryStays());
}

TEST_F(DeadLog, ThatNoLaterTrialCanSealIsToldOnce) {
  evidence::WriteText(File("events.jsonl"), "no event\n");
  const auto dead = Collected();
  EXPECT_EQ(dead.log, DeadRunLog::kFailed);
  EXPECT_THAT(dead.leftovers, ElementsAre(testing::HasSubstr("log not sealed: ")));
  EXPECT_FALSE(EntryStays());
  EXPECT_TRUE(fs::exists(File("events.jsonl"))) << "what there is stays for whoever looks into it";
}

TEST_F(DeadLog, WaitsUntilNothingOfItsCellIsLeft) {
  fs::remove(root_ / "live" / kRunId / "anchor");
  fs::create_directory(root_ / "live" / kRunId / "anchor");
  EXPECT_EQ(Collected().log, DeadRunLog::kFailed);
  EXPECT_FALSE(fs::exists(File("seal.json"))) << "whoever still runs might still be told of";
}

class Pruning : public Garbage {
 protected:
  void MakeRun(const std::string& id, bool sealed, std::time_t age) {
    ASSERT_TRUE(state_.CreateRun(id));
    const auto path = state_.path() + "/runs/" + id;
    std::ofstream(path + "/events.jsonl") << "{}\n";
    const timespec times[2] = {{::time(nullptr) - age, 0}, {::time(nullptr) - age, 0}};
    if (sealed) {
      std::ofstream(path + "/seal.json") << "{}";
      ::utimensat(AT_FDCWD, (path + "/seal.json").c_str(), times, 0);
    }
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  }
};

TEST_F(Pruning, DeletesOldSealedRunsOnly) {
  MakeRun("old-sealed", true, 1000);
  MakeRun("old-unsealed", false, 1000);
  MakeRun("new-sealed", true, 10);
  MakeRun("new-unsealed", false, 10);
  const auto dry = Prune(state_, std::chrono::seconds(100), PruneMode::kDryRun);
  EXPECT_THAT(dry->removed, ElementsAre("old-sealed"));
  EXPECT_EQ(state_.ListRuns()->size(), 4u);
  const auto report = Prune(state_, std::chrono::seconds(100), PruneMode::kDelete);
  EXPECT_THAT(report->removed, ElementsAre("old-sealed"));
  EXPECT_THAT(report->kept_unsealed, ElementsAre("old-unsealed"));
  EXPECT_THAT(report->failed, IsEmpty());
  EXPECT_THAT(*state_.ListRuns(), ElementsAre("new-sealed", "new-unsealed", "old-unsealed"));
}

TEST_F(Pruning, NeverTouchesALiveRunOrTakesALinkForASeal) {
  MakeRun("live", true, 1000);
  const auto entry = LiveEntry::Create(state_, "live");
  MakeRun("linked", false, 1000);
  std::ofstream(top_ + "/elsewhere") << "{}";
  fs::create_symlink(top_ + "/elsewhere", state_.path() + "/runs/linked/seal.json");
  const auto report = Prune(state_, std::chrono::seconds(0), PruneMode::kDelete);
  EXPECT_THAT(report->removed, IsEmpty());
  EXPECT_THAT(*state_.ListRuns(), ElementsAre("linked", "live"));
}

}  // namespace
}  // namespace cell
