// SPDX-License-Identifier: Apache-2.0
// Rows TM-01, TM-03, TM-09, KE-08 and EV-05 of the threats: what the witness tells against what was done, to the unit.
#include <fcntl.h>
#include <sched.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "witness_harness.h"

namespace attacks {
namespace {

class Counts : public WitnessAttack {
 protected:
  int Verified(const Finished& run) {
    return Cellos({"verify", run.directory.substr(run.directory.rfind('/') + 1)}).status;
  }
  // Before 6.14 the limit is the whole machine's and is let alone.
  static bool NamespacesHaveLimits() {
    utsname machine = {};
    int major = 0, minor = 0;
    return ::uname(&machine) == 0 && std::sscanf(machine.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 14));
  }
  // `lives` lives and `programs` executed by them; the leader comes on top.
  static void ExpectAll(const Finished& run, std::uint64_t programs, std::uint64_t lives) {
    const Told told(run);
    EXPECT_LE(told.spawned, programs + 1);
    EXPECT_LE(told.exited, lives + 1);
    const std::uint64_t short_of = programs + 1 - told.spawned + lives + 1 - told.exited;
    EXPECT_LE(short_of, told.lost()) << "spawned " << told.spawned << ", exited " << told.exited << "; " << run.json;
  }
};

TEST_P(Counts, TM09_EveryLifeIsToldOrItsLossIsCounted) {
  const struct {
    const char* how;
    const char* count;
  } kinds[] = {{"exec", "10000"}, {"vfork", "1000"}, {"thread", "300"}, {"plain", "2000"}, {"killed", "1000"}};
  for (const char* more : {"", R"("processDetail":"full")"}) {
    for (const auto& [how, count] : kinds) {
      if (*more != 0 && count == std::string("10000")) continue;
      SCOPED_TRACE(std::string(how) + more);
      const Finished run = Watched({"spawn", how, count}, {.more = more}, {.deadline = std::chrono::seconds(240)});
      EXPECT_EQ(run.out, "made " + std::string(count) + "\n");
      EXPECT_TRUE(WatchedToTheEnd(run));
      const std::uint64_t made = std::stoull(count);
      ExpectAll(run, made, made);
    }
  }
}

TEST_P(Counts, KE08_AsManyStartsAsProgramsHoweverTheyAreExecuted) {
  for (const char* more : {"", R"("processDetail":"full")"}) {
    const Finished run = Watched({"ways"}, {.more = more});
    EXPECT_EQ(run.out, "wrong 0\n");
    EXPECT_TRUE(WatchedToTheEnd(run));
    const Told told(run);
    EXPECT_EQ(told.lost(), 0u);
    EXPECT_EQ(told.spawned, 1 + 8u);
    EXPECT_EQ(told.exited, 1 + 4u);
  }
}

TEST_P(Counts, TM01_WhatIsBeyondTheRateIsCountedAndTheSumCloses) {
  const Finished run =
      Watched({"spawn", "plain", "2000"}, {.more = R"("rateLimits":{"eventsPerSecond":50})"}, {.verify = false});
  EXPECT_EQ(Verified(run), 3) << "incomplete, and verify says so";
  EXPECT_EQ(run.out, "made 2000\n");
  EXPECT_TRUE(WatchedToTheEnd(run));
  const Told told(run);
  EXPECT_GT(told.over_rate, 0u);
  EXPECT_EQ(told.read, told.accepted + told.heartbeats + told.over_rate + told.refused);
  EXPECT_EQ(told.accepted, told.events()) << "what was let through is in the log";
  EXPECT_EQ(told.refused, 0u);
  // A start and an end each, and the cause of the end where it is known.
  const std::uint64_t made = told.accepted + told.over_rate + told.dropped;
  EXPECT_GE(made, 2 * 2001u);
  EXPECT_LE(made, 3 * 2001u);
}

// Numbers come again hundreds of times where a namespace has few of them.
TEST_P(Counts, TM03_ANumberThatComesAgainIsAnotherLife) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root: the limit of another namespace's numbers";
  if (!NamespacesHaveLimits()) GTEST_SKIP() << "needs a kernel with a limit of numbers for each namespace";
  const Started started = StartWatched({"spawn", "exec", "2000", "/attack-rw/go"});
  ASSERT_TRUE(WaitForOutput("waiting"));
  const pid_t agent = Agent();
  ASSERT_GT(agent, 0);
  const std::string space = "/proc/" + std::to_string(agent) + "/ns/pid";
  const pid_t helper = ::fork();
  if (helper == 0) {
    const int fd = ::open(space.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::setns(fd, CLONE_NEWPID) != 0) ::_exit(2);
    const pid_t inside = ::fork();  // one life more, in the cell's numbers
    if (inside == 0) {
      const int limit = ::open("/proc/sys/kernel/pid_max", O_WRONLY | O_CLOEXEC);
      ::_exit(limit >= 0 && ::write(limit, "400", 3) == 3 ? 0 : 3);
    }
    int status = 0;
    ::waitpid(inside, &status, 0);
    ::_exit(WEXITSTATUS(status));
  }
  int status = 0;
  ::waitpid(helper, &status, 0);
  ASSERT_EQ(status, 0) << "the limit was not set";
  ASSERT_NE(Read("/proc/sys/kernel/pid_max"), "400\n") << "the machine's own limit was set";
  Write(Rw() + "/go", "");
  const Finished run = Wait(started, {.verify = false});
  EXPECT_EQ(run.Reason(), "completed") << run.err;
  EXPECT_NE(run.out.find("made 2000\n"), run.out.npos) << run.out;
  EXPECT_EQ(Count(run, "guest.process_spawned", {"\"guestPid\":401,"}), 0u) << "the limit was in force";
  EXPECT_GT(Count(run, "guest.process_spawned", {"\"guestPid\":350,"}), 5u) << "numbers did come again";
  ExpectAll(run, 2001, 2001);
  EXPECT_EQ(Count(run, "evidence_log.v1.finding", {"\"rule\":\"process.starts\"", "\"verdict\":\"agree\""}), 0u)
      << "a process that is none of the workload's is noticed by the count";
}

TEST_P(Counts, EV05_ANameIsOneEventAndShownAsText) {
  const Finished run = Watched({"names"});
  EXPECT_EQ(run.out, "made 6\n");
  EXPECT_TRUE(WatchedToTheEnd(run));
  ExpectAll(run, 6, 6);
  const auto lines = static_cast<std::uint64_t>(std::count(run.log.begin(), run.log.end(), '\n'));
  EXPECT_EQ(Count(run, "", {"\"sequence\":"}), lines) << "one event, one line";
  EXPECT_EQ(run.log.find('\033'), run.log.npos);
  EXPECT_EQ(run.log.find("\377"), run.log.npos);
  const std::string id = run.directory.substr(run.directory.rfind('/') + 1);
  const Finished shown = Cellos({"show", id});
  EXPECT_EQ(shown.out.find('\033'), shown.out.npos);
  EXPECT_EQ(shown.out.find("\342\200\256"), shown.out.npos);
}

ATTACK_AS_EVERYBODY(Counts);

}  // namespace
}  // namespace attacks
