// SPDX-License-Identifier: Apache-2.0
// The guard of outer init, of the witness and of the reaper: every way to name a process, at every number that could
// be one of theirs; the quotas that all processes of a user share; and the same verdicts with a witness as without.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "witness_harness.h"

namespace attacks {
namespace {

class Guard : public WitnessAttack {};

// "WAY answer,answer" of all numbers.
testing::AssertionResult OnlyAnswers(const Answers& said, const std::string& group,
                                     const std::set<std::string>& right) {
  int ways = 0;
  std::string wrong;
  for (const auto& [way, answers] : said) {
    if (!way.starts_with(group)) continue;
    ++ways;
    std::istringstream each(answers);
    for (std::string answer; std::getline(each, answer, ',');) {
      if (!right.contains(answer)) wrong += way + ": " + answer + "\n";
    }
  }
  if (ways == 0) return testing::AssertionFailure() << "no way of " << group;
  return wrong.empty() ? testing::AssertionSuccess() : testing::AssertionFailure() << wrong;
}

long IoPriority(pid_t pid) { return ::syscall(SYS_ioprio_get, 1, pid); }

TEST_P(Guard, PR05_NobodyInTheCellCanNameInitOrTheWitness) {
  Started started = StartWatched({"wait"});
  ASSERT_TRUE(WaitForOutput("waiting"));
  Words what = {"every-number"};
  // The numbers that the host has for such processes are tried too; those of this cell stand for those of the next.
  for (const pid_t pid : {Init(), Agent(), Find("cellos-reaper"), Find("cellos-gate"), ::getpid()}) {
    EXPECT_GT(pid, 512);
    what.push_back(std::to_string(pid));
  }
  Write(Rw() + "/go", "");
  EXPECT_TRUE(WatchedToTheEnd(Wait(started)));
  for (const char* far : {"32767", "99999", "4194303", "2147483647"}) what.push_back(far);
  const Finished run = Watched(what);
  EXPECT_TRUE(WatchedToTheEnd(run)) << run.out;
  const Answers said = ParseAnswers(run.out);
  EXPECT_TRUE(OnlyAnswers(said, "signal.", {"ESRCH", "ENOENT"}));
  EXPECT_TRUE(OnlyAnswers(said, "owner.", {"ESRCH"}));
  EXPECT_TRUE(OnlyAnswers(said, "debug.", {"ESRCH", "EPERM", "EACCES", "ENOSYS"}));
  EXPECT_TRUE(OnlyAnswers(said, "file.", {"ENOENT"}));
  EXPECT_TRUE(OnlyAnswers(said, "limit.", {"ESRCH", "EPERM"}));
  EXPECT_TRUE(OnlyAnswers(said, "other.", {"ESRCH", "EPERM", "EINVAL", "ENOSYS"}));
}

// The same ways at a process that is there do reach it, so that a refusal above says something of the number.
TEST_P(Guard, PR05_TheReaperTakesWhatReachesItAndLives) {
  const Finished run = Watched({"at-the-reaper"});
  ASSERT_TRUE(WatchedToTheEnd(run));
  EXPECT_NE(run.out.find("reaper lives\n"), run.out.npos) << run.out;
  const Answers said = ParseAnswers(run.out);
  for (const char* way : {"signal.kill", "signal.tgkill", "owner.process", "file.stat"}) {
    EXPECT_EQ(said.at(way), "allowed") << way;
  }
  for (const char* way : {"limit.time", "limit.files", "debug.attach", "debug.read", "debug.write"}) {
    EXPECT_EQ(said.at(way), "EPERM") << way;
  }
  for (const char* way : {"file.memory", "file.environment", "file.descriptors", "file.score", "file.program"}) {
    EXPECT_NE(said.at(way), "allowed") << way;
  }
  const Finished storm = Watched({"signals"}, {}, {.deadline = std::chrono::seconds(120)});
  EXPECT_TRUE(WatchedToTheEnd(storm, 7)) << storm.out;
  EXPECT_EQ(storm.out, "alive\n");
}

TEST_P(Guard, PR06_WhatIsDoneToAllOfAUserEndsAtTheCellsOwn) {
  const Started started = StartWatched({"everybody-and-wait"});
  ASSERT_TRUE(WaitForOutput("told"));
  for (const pid_t pid : {Agent(), Init()}) {
    ASSERT_GT(pid, 0);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(pid)), ::getpriority(PRIO_PROCESS, 0));
    EXPECT_EQ(IoPriority(pid), IoPriority(0));
  }
  Write(Rw() + "/go", "");
  EXPECT_TRUE(WatchedToTheEnd(Wait(started)));
}

TEST_P(Guard, FullNumbersOfProcessesTakeNothingFromTheWitness) {
  for (const char* bomb : {"fork-bomb", "thread-bomb"}) {
    Words options = {"--telemetry", "--pids", "50"};
    const Finished run = Probe({bomb}, {.options = options});
    EXPECT_TRUE(WatchedToTheEnd(run)) << bomb;
    EXPECT_NE(run.out.find("EAGAIN"), run.out.npos) << run.out;
  }
}

TEST_P(Guard, WhatIsCountedByUserTakesNothingFromTheWitness) {
  for (const char* more : {"", R"("processDetail":"full")"}) {
    const Finished run =
        Watched({"use-up", "100"}, {.events = {"process.spawned", "process.exited", "fs.inotify_fired"}, .more = more});
    EXPECT_TRUE(WatchedToTheEnd(run)) << run.out;
    EXPECT_NE(run.out.find("made 100\n"), run.out.npos) << run.out;
    const Answers said = ParseAnswers(run.out);
    EXPECT_GT(std::stoi(said.at("inotify")), 1);
    EXPECT_GT(std::stoi(said.at("signals")), 10);
    const Told told(run);
    EXPECT_LE(told.spawned, 101u);
    EXPECT_LE(101 - told.spawned + 101 - told.exited, told.lost()) << run.json;
  }
}

TEST_P(Guard, SignalsOfATerminalEndAtTheCellsOwnSession) {
  const Finished run = Shell(
      "trap '' INT QUIT HUP TSTP TTOU TTIN TERM; kill -INT 0; kill -QUIT -- -1; kill -HUP 0; stty intr a quit b 2>&1;"
      "exec 0<&- ; echo still",
      {.options = {"--telemetry", "--terminal"}});
  EXPECT_TRUE(WatchedToTheEnd(run)) << run.out;
  EXPECT_NE(run.out.find("still"), run.out.npos) << run.out;
}

// A witness tells of refused calls and changes no verdict: the rows of the kernel, of files and of processes again.
TEST_P(Guard, VerdictsAreTheSameWithAWitness) {
  for (const char* group : {"kernel", "processes", "files"}) {
    const Finished bare = Probe({group}), watched = Probe({group}, {.options = {"--telemetry"}});
    EXPECT_TRUE(WatchedToTheEnd(watched)) << group;
    const Answers without = ParseAnswers(bare.out), with = ParseAnswers(watched.out);
    EXPECT_GT(with.size(), 5u);
    for (const auto& [name, answer] : without) EXPECT_EQ(with.contains(name) ? with.at(name) : "", answer) << name;
    if (group == std::string("kernel")) {
      EXPECT_GT(Told(watched).denied, 5u);
    }
  }
}

ATTACK_AS_EVERYBODY(Guard);

}  // namespace
}  // namespace attacks
