// SPDX-License-Identifier: Apache-2.0
// Who ends a cell: whoever asks the supervisor to, and the cell itself when its supervisor can't.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "harness.h"

namespace faults {
namespace {

using std::chrono::milliseconds;

class Lifetime : public Fault {
 protected:
  // A run that sleeps, once its workload runs.
  Program Sleeping(const std::string& ttl) {
    auto arguments = RunArguments();
    arguments.back() = "sleep 60";
    *std::ranges::find(arguments, "15s") = ttl;
    Program program(arguments, Environment(""), top_ + "/scratch");
    for (int i = 0; i < 1000 && Events().find("process_spawned") == std::string::npos; ++i) usleep(5000);
    return program;
  }
  std::string Events() const {
    std::ifstream events(top_ + "/scratch/events");
    return {std::istreambuf_iterator<char>(events), {}};
  }
  std::string LiveRun() const {
    for (const auto& entry : std::filesystem::directory_iterator(state_ + "/live")) return entry.path().filename();
    return {};
  }
};

pid_t OnlyChild(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  pid_t child = -1;
  children >> child;
  return child;
}

char StateOf(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto end = text.rfind(')');
  return end == std::string::npos ? '-' : text[end + 2];
}

TEST_F(Lifetime, StopEndsTheCellAndItsEvidenceSaysRevoked) {
  Renew(State::kUsed);
  const std::string before = Inventory();
  Program run = Sleeping("60s");
  const std::string id = LiveRun();
  ASSERT_NE(id, "");
  std::filesystem::create_directory(top_ + "/second");
  const Ended stop = Program({CELLOS_BIN_DIR "/cellos", "stop", id, "--state-dir", state_}, {}, top_ + "/second")
                         .Await(kDeadline, Others::kRun);
  EXPECT_EQ(stop.status, 0) << stop.Told();
  const Ended ended = run.Await(milliseconds(2000));
  EXPECT_EQ(ended.status, 137) << ended.Told();
  EXPECT_NE(ended.out.find("\"reasonCode\":\"revoked\""), std::string::npos) << ended.Told();
  EXPECT_FALSE(ended.processes_left);
  EXPECT_EQ(Inventory(), before);
  EXPECT_EQ(WrongEvidence(), "");
  const auto reports = Judge();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].verdict, evidence::Verdict::kVerified) << reports[0].ToText();
  EXPECT_EQ(reports[0].reason_code, "revoked");
  const Ended again = Cellos({"stop", id});
  EXPECT_EQ(again.status, 1) << again.Told();
}

TEST_F(Lifetime, ACellDiesAtItsTimeToLiveThoughItsSupervisorIsStopped) {
  Renew(State::kUsed);
  const auto start = std::chrono::steady_clock::now();
  Program run = Sleeping("2s");
  const pid_t init = OnlyChild(run.pid());
  ASSERT_GT(init, 0);
  ASSERT_EQ(kill(run.pid(), SIGSTOP), 0);
  EXPECT_NE(StateOf(init), 'Z');
  while (StateOf(init) != 'Z' && std::chrono::steady_clock::now() - start < milliseconds(6000)) usleep(10000);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, milliseconds(1900));
  EXPECT_LT(took, milliseconds(4000));
  ASSERT_EQ(kill(run.pid(), SIGCONT), 0);
  const Ended ended = run.Await(kDeadline);
  EXPECT_EQ(ended.status, 124) << ended.Told();
  EXPECT_NE(ended.out.find("\"reasonCode\":\"ttl_exceeded\""), std::string::npos) << ended.Told();
  EXPECT_FALSE(ended.processes_left);
  EXPECT_EQ(WrongEvidence(), "");
}

TEST_F(Lifetime, ACellDiesWithItsSupervisor) {
  Renew(State::kUsed);
  const std::string before = Inventory();
  Program run = Sleeping("60s");
  ASSERT_EQ(kill(run.pid(), SIGKILL), 0);
  const Ended ended = run.Await(kDeadline);
  EXPECT_EQ(ended.status, -SIGKILL);
  EXPECT_FALSE(ended.processes_left);
  EXPECT_EQ(Cellos({"gc"}).status, 0);
  EXPECT_EQ(Inventory(), before);
  const auto reports = Judge();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].cut) << reports[0].ToText();
  EXPECT_EQ(reports[0].verdict, evidence::Verdict::kIncomplete) << reports[0].ToText();
}

}  // namespace
}  // namespace faults
