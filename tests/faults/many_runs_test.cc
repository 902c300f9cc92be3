// SPDX-License-Identifier: Apache-2.0
// Many runs of one process: what they take they give back, and two of them never share a run id.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cell/run.h"
#include "cell/state/state_dir.h"
#include "harness.h"

namespace faults {
namespace {

struct Held {
  std::size_t fds = 0, threads = 0;
  long resident_kib = 0;
};

Held HeldNow() {
  Held held;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++held.fds;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++held.threads;
  std::ifstream statm("/proc/self/statm");
  long size = 0, resident = 0;
  statm >> size >> resident;
  held.resident_kib = resident * (sysconf(_SC_PAGESIZE) / 1024);
  return held;
}

class ManyRuns : public Fault {
 protected:
  ManyRuns() : opened_(*cell::StateDir::Open(state_, cell::OpenMode::kCreate)) {}

  cell::RunOutcome RunCell(const std::string& argv, const std::string& more = "", const std::string& run_id = "",
                           int in = -1) {
    cell::RunRequest request;
    request.document = R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":")" + id_ +
                       R"(","run":{"argv":[)" + argv + R"(],"secretDelivery":"env"},"authority":{)" + more +
                       R"(},"lifetime":{"ttlSeconds":30}}})";
    request.state = &opened_;
    request.caller_directory = "/";
    request.streams = {.in = in, .out = -1, .err = -1};
    request.stdin_open = in >= 0;
    request.settings.run_id = run_id;
    return cell::Run(request);
  }

  cell::StateDir opened_;
};

TEST_F(ManyRuns, OfWhichAThirdFailLeaveDescriptorsThreadsAndMemoryFlat) {
  const int runs = Stride(2) == 1 ? 1000 : 300;
  constexpr int kWarm = 60;
  Held warm;
  const std::string before = Inventory();
  int completed = 0, not_found = 0, no_secret = 0;
  for (int i = 0; i < runs; ++i) {
    if (i == kWarm) warm = HeldNow();
    const auto outcome = i % 3 != 0   ? RunCell(R"("/bin/true")")
                         : i % 2 == 0 ? RunCell(R"("/no/such/program")")
                                      : RunCell(R"("/bin/true")", R"("secretRefs":["NOT_THERE"])");
    completed += outcome.reason == cell::Reason::kCompleted ? 1 : 0;
    not_found += outcome.reason == cell::Reason::kCommandNotFound ? 1 : 0;
    no_secret += outcome.reason == cell::Reason::kStartFailed && outcome.phase == "secrets" ? 1 : 0;
  }
  EXPECT_EQ(completed, runs - runs / 3);
  EXPECT_GE(not_found, runs / 6);
  EXPECT_GE(no_secret, runs / 6);
  const Held after = HeldNow();
  EXPECT_EQ(after.fds, warm.fds);
  EXPECT_EQ(after.threads, warm.threads);
  EXPECT_LE(after.resident_kib, warm.resident_kib + 1024);
  EXPECT_TRUE(NoDescendants(std::chrono::milliseconds(1000)));
  EXPECT_EQ(Inventory(), before);
}

TEST_F(ManyRuns, TwoSupervisorsCannotOwnOneRunId) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  cell::RunOutcome first;
  std::thread owner([&] { first = RunCell(R"("/bin/sh","-c","read line")", "", "the-one", ends[0]); });
  for (int i = 0; i < 1000 && !opened_.IsLive("the-one"); ++i) usleep(5000);
  const auto second = RunCell(R"("/bin/true")", "", "the-one");
  EXPECT_EQ(second.reason, cell::Reason::kStartFailed);
  EXPECT_EQ(second.phase, "state");
  EXPECT_NE(second.message.find("is running"), std::string::npos) << second.message;
  EXPECT_EQ(write(ends[1], "\n", 1), 1);
  owner.join();
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(first.reason, cell::Reason::kCompleted) << first.message;
  EXPECT_EQ(first.exit_code, 0);
  // Nor may a later one write over its evidence.
  const auto third = RunCell(R"("/bin/true")", "", "the-one");
  EXPECT_EQ(third.reason, cell::Reason::kStartFailed);
  EXPECT_NE(third.message.find("exists already"), std::string::npos) << third.message;
  const auto reports = Judge();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].verdict, evidence::Verdict::kVerified) << reports[0].ToText();
}

}  // namespace
}  // namespace faults
