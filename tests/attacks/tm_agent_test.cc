// SPDX-License-Identifier: Apache-2.0
// Rows TM-06 and TM-08 of the threats: a witness that is killed, stopped, starved or interrupted.
#include <signal.h>

#include <chrono>
#include <thread>

#include "witness_harness.h"

namespace attacks {
namespace {

constexpr int kIncomplete = 3;  // of cellos verify

const Watch kConnects = {.events = {"process.spawned", "process.exited", "net.connect_attempted"},
                         .authority = R"("egressRules":[{"host":"192.0.2.1","port":443,"protocol":"tcp"}])"};

class Agents : public WitnessAttack {
 protected:
  // A cell whose witness gets `signal` once its workload has said `ready`.
  Finished Struck(const Words& what, const std::string& ready, int signal, const std::string& more) {
    const Started started = StartWatched(what, {.more = more});
    EXPECT_TRUE(WaitForOutput(ready));
    const pid_t agent = Agent();
    EXPECT_GT(agent, 0);
    if (agent > 0) {
      EXPECT_EQ(::kill(agent, signal), 0);
    }
    const Finished run = Wait(started, {.verify = false});
    EXPECT_EQ(Verified(run), kIncomplete) << "what a dead witness did not tell is missing, and that is said";
    return run;
  }
  int Verified(const Finished& run) {
    return Cellos({"verify", run.directory.substr(run.directory.rfind('/') + 1)}).status;
  }
};

// Nothing runs on unwatched, whatever the document says of a silent witness; no call of the workload hangs for ever.
TEST_P(Agents, TM06_TheEndOfTheWitnessEndsTheCell) {
  for (const char* more : {R"("onAgentFailure":"degrade")", R"("onAgentFailure":"fail-cell")"}) {
    for (const int signal : {SIGKILL, SIGSTOP}) {
      for (const char* what : {"wait", "pending"}) {
        const std::string of = std::string(more) + " " + what + " signal " + std::to_string(signal);
        const Finished run = Struck({what}, what == std::string("wait") ? "waiting" : "pending", signal, more);
        EXPECT_EQ(run.Reason(), "agent_silenced") << of << run.err;
        EXPECT_EQ(run.status, 137) << of;
        EXPECT_EQ(Told(run).silenced, 1u) << of;
        EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"agent_silenced\""})) << of;
      }
    }
  }
}

TEST_P(Agents, TM06_AWitnessThatStandsStillWithAllTheOthersIsNotAtFault) {
  const Started started = StartWatched({"wait"});
  ASSERT_TRUE(WaitForOutput("waiting"));
  const pid_t agent = Agent();
  std::vector<pid_t> cell;
  for (const pid_t pid : Descendants()) {
    const std::string comm = Read("/proc/" + std::to_string(pid) + "/comm");
    if (comm == "cellos-init\n") cell.insert(cell.begin(), pid);
    if (pid == agent) cell.push_back(pid);
  }
  ASSERT_EQ(cell.size(), 2u);
  for (const pid_t pid : cell) EXPECT_EQ(::kill(pid, SIGSTOP), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // longer than a witness may hang
  for (auto pid = cell.rbegin(); pid != cell.rend(); ++pid) EXPECT_EQ(::kill(*pid, SIGCONT), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  Write(Rw() + "/go", "");
  EXPECT_TRUE(WatchedToTheEnd(Wait(started)));
}

TEST_P(Agents, TM06_AnIdleCellIsNotSilent) {
  const Started started = StartWatched({"wait"});
  ASSERT_TRUE(WaitForOutput("waiting"));
  std::this_thread::sleep_for(std::chrono::milliseconds(11500));  // longer than the window of silence
  Write(Rw() + "/go", "");
  EXPECT_TRUE(WatchedToTheEnd(Wait(started)));
}

TEST_P(Agents, TM08_EachInterruptedAttemptIsToldOnceOrCountedAsLost) {
  for (const char* interval : {"0", "10"}) {
    const Finished run = Watched({"connect", "4000", interval}, kConnects);
    EXPECT_TRUE(WatchedToTheEnd(run)) << interval;
    const Answers said = ParseAnswers(run.out);
    ASSERT_TRUE(said.contains("refused")) << run.out;
    EXPECT_EQ(said.at("other"), "0");
    const Told told(run);
    // A call that is interrupted before the witness took it never began, and the workload is told so.
    const auto made = std::stoull(said.at("refused")), interrupted = std::stoull(said.at("interrupted"));
    EXPECT_EQ(made + interrupted, 4000u);
    EXPECT_GE(told.connects + told.lost(), made) << run.out << run.json;
    EXPECT_LE(told.connects, told.lost() == 0 ? made : made + interrupted) << run.out;
    if (interval == std::string("0")) {
      EXPECT_EQ(interrupted, 0u);
    }
    EXPECT_EQ(std::stoi(said.at("alarms")) > 0, interval != std::string("0")) << "the timer is what interrupts";
  }
}

// It dies of the host's hand alone: at-the-reaper of guard_test shows that nothing in the cell can end it.
TEST_P(Agents, PR05_TheReapersDeathIsNoEndOfTheWorkload) {
  const Started started = StartWatched({"wait"});
  ASSERT_TRUE(WaitForOutput("waiting"));
  const pid_t reaper = Find("cellos-reaper");
  ASSERT_GT(reaper, 0);
  ASSERT_EQ(::kill(reaper, SIGKILL), 0);
  const Finished run = Wait(started, {.verify = false});
  EXPECT_EQ(run.Reason(), "init_crashed") << run.err;
  EXPECT_NE(run.status, 0);
  EXPECT_EQ(Verified(run), kIncomplete);
}

ATTACK_AS_EVERYBODY(Agents);

}  // namespace
}  // namespace attacks
