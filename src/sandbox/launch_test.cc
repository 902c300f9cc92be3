// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launch.h"
#include "wire/init_record.h"
#include "wire/init_report.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sandbox/cell_fixture.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sandbox {
namespace {

using std::chrono::milliseconds;
using testing::Outcome;
using testing::PlanFor;
using testing::RunCell;
using testing::RunShell;
using Kind = plan::Mount::Kind;

TEST(Launch, TellsExecutedThenEndedThenGone) {
  const auto outcome = RunCell(PlanFor({"true"}));
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(outcome->events.size(), 3u);
  EXPECT_EQ(outcome->events[0].kind, CellEventKind::kExecuted);
  EXPECT_EQ(outcome->events[1].kind, CellEventKind::kWorkloadEnded);
  EXPECT_EQ(outcome->events[2].kind, CellEventKind::kGone);
}

TEST(Launch, PassesExitCodeStreamsAndInput) {
  const Outcome outcome = RunShell("cat; echo to-err >&2; exit 42", {.in = "given\n"});
  EXPECT_EQ(outcome.End().exit_code, 42);
  EXPECT_EQ(outcome.End().signal, 0);
  EXPECT_EQ(outcome.out, "given\n");
  EXPECT_EQ(outcome.err, "to-err\n");
}

TEST(Launch, TellsTheSignalThatEndedTheLeader) {
  const Outcome outcome = RunShell("kill -KILL $$");
  EXPECT_EQ(outcome.End().signal, SIGKILL);
  EXPECT_EQ(outcome.End().exit_code, -1);
  EXPECT_FALSE(outcome.End().filter_killed);
}

TEST(Launch, GivesTheEnvironmentOfThePlanAndTheSecretsAndNothingElse) {
  setenv("CALLERS_OWN", "canary", 1);
  plan::Plan plan = PlanFor({"env"});
  plan.environment.emplace_back("PLANNED", "value with = and space");
  const auto outcome = RunCell(plan, {.secrets = {"TOKEN=s3cret", "EMPTY="}});
  unsetenv("CALLERS_OWN");
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out,
            "PATH=/usr/local/bin:/usr/bin:/bin\nHOME=/workspace\nPLANNED=value with = and space\nTOKEN=s3cret\nEMPTY=\n");
}

TEST(Launch, PassesArgumentsByteForByte) {
  const auto outcome = RunCell(PlanFor({"printf", "%s|", "", "a b", "--", "\xff\x01", "$HOME"}));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out, "|a b|--|\xff\x01|$HOME|");
}

TEST(Launch, TakesAnEnvironmentAndArgumentsOfAMegabyte) {
  plan::Plan plan = PlanFor({"sh", "-c", "echo ${#0} ${#1}", std::string(120000, 'a'), std::string(120000, 'b')});
  const auto outcome = RunCell(plan, {.secrets = {"BIG=" + std::string(100000, 'c')}});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out, "120000 120000\n");
}

TEST(Launch, TellsWhyExecFailed) {
  const struct { const char* program; int error; } cases[] = {
      {"no-such-program", ENOENT}, {"/no/such", ENOENT}, {"/etc/passwd", EACCES}, {"/tmp", EACCES},
      {"/etc/passwd/x", ENOTDIR}};
  for (const auto& [program, error] : cases) {
    const auto outcome = RunCell(PlanFor({program}));
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->ExecError(), error) << program;
    EXPECT_FALSE(outcome->Has(CellEventKind::kExecuted)) << program;
    EXPECT_TRUE(outcome->Has(CellEventKind::kGone)) << program;
  }
}

TEST(Launch, SearchesPathInsideTheCell) {
  plan::Plan plan = PlanFor({"tool"});
  plan.environment[0].second = "/nowhere:/tools:/usr/bin";
  const std::vector<plan::Mount> tools = {
      {.kind = Kind::kDirectory, .target = "/tools", .mode = 0755},
      {.kind = Kind::kFile, .target = "/tools/tool", .content = "#!/bin/sh\necho found\n", .mode = 0555}};
  plan.mounts.insert(plan.mounts.begin() + 1, tools.begin(), tools.end());
  const auto outcome = RunCell(plan);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out, "found\n");
}

TEST(Launch, NothingRunsBeforeTheBarrierOpens) {
  const std::string before = testing::Inventory();
  {
    const plan::Plan plan = PlanFor({"sh", "-c", "echo ran"});
    auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
    ASSERT_TRUE(cell) << cell.error().message;
    usleep(50000);
    EXPECT_FALSE(*cell->ReadEvent());
    const auto name = sys::ReadFile(AT_FDCWD, "/proc/" + std::to_string(cell->workload_pid()) + "/comm", 64);
    // Still a fork of the reaper: exec would have changed the name to "sh".
    EXPECT_NE(name.value_or("sh\n"), "sh\n");
  }
  EXPECT_EQ(testing::Inventory(), before);
}

// The first process may end before its parent's word reaches it, and with that word unread.
TEST(Launch, AnEndBeforeTheFirstWordStillTellsItsReason) {
  const std::string before = testing::Inventory();
  for (int i = 0; i < 50; ++i) {
    const plan::Plan plan = PlanFor({"true"});
    LaunchOptions options = testing::OptionsFor(plan, {});
    options.cgroup_tasks.push_back(*sys::OpenAt(AT_FDCWD, "/dev/full", O_WRONLY));
    const auto cell = Cell::Launch(std::move(options));
    ASSERT_FALSE(cell);
    EXPECT_NE(cell.error().message.find("the leaf's tasks"), std::string::npos) << i << ": " << cell.error().message;
  }
  EXPECT_EQ(testing::Inventory(), before);
}

TEST(Launch, WhatFailsMeanwhileEndsTheStartAndLeavesNothing) {
  const std::string before = testing::Inventory();
  pid_t outer = 0;
  {
    const plan::Plan plan = PlanFor({"sleep", "100"});
    LaunchOptions options = testing::OptionsFor(plan, {});
    options.meanwhile = [&](pid_t pid) -> base::Result<> {
      outer = pid;
      return base::Fail(base::ErrorKind::kIo, "no space for the end of the log");
    };
    const auto cell = Cell::Launch(std::move(options));
    ASSERT_FALSE(cell);
    EXPECT_EQ(cell.error().message, "no space for the end of the log");
  }
  ASSERT_GT(outer, 0);
  EXPECT_EQ(kill(outer, 0), -1);
  EXPECT_EQ(testing::Inventory(), before);
}

TEST(Launch, ACellThatIsDroppedIsGone) {
  const std::string before = testing::Inventory();
  pid_t outer = 0, workload = 0;
  {
    const plan::Plan plan = PlanFor({"sleep", "100"});
    auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
    ASSERT_TRUE(cell) << cell.error().message;
    ASSERT_TRUE(cell->OpenBarrier({}));
    outer = cell->outer_pid();
    workload = cell->workload_pid();
  }
  EXPECT_EQ(kill(outer, 0), -1);
  EXPECT_EQ(kill(workload, 0), -1);
  EXPECT_EQ(testing::Inventory(), before);
}

TEST(Launch, SignalsReachTheLeadersProcessGroup) {
  const Outcome outcome = RunShell("trap 'echo got; exit 9' TERM; echo up; sleep 100 & wait",
                                   {.after_barrier = [](Cell& cell) {
                                     usleep(300000);
                                     EXPECT_TRUE(cell.Signal(SIGTERM));
                                   }});
  EXPECT_EQ(outcome.End().exit_code, 9);
  EXPECT_EQ(outcome.out, "up\ngot\n");
}

TEST(Launch, RefusesAWorkingDirectoryThatIsNotThere) {
  plan::Plan plan = PlanFor({"true"});
  plan.working_directory = "/nowhere";
  const auto outcome = RunCell(plan);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().step, "workdir");
  EXPECT_EQ(outcome.error().os_errno, ENOENT);
}

TEST(Launch, RefusesAWorkingDirectoryThroughADescriptor) {
  for (int fd = 0; fd < 12; ++fd) {
    plan::Plan plan = PlanFor({"true"});
    plan.working_directory = "/proc/self/fd/" + std::to_string(fd);
    const auto outcome = RunCell(plan);
    ASSERT_FALSE(outcome) << fd;
    EXPECT_EQ(outcome.error().step, "workdir") << fd;
  }
  plan::Plan plan = PlanFor({"true"});
  plan.working_directory = "/proc/1/root";  // the reaper can't be looked into
  const auto outcome = RunCell(plan);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().step, "workdir");
}

TEST(Launch, NamesThePhaseAndTheObjectOfAMountThatFails) {
  const std::string before = testing::Inventory();
  plan::Plan plan = PlanFor({"true"});
  plan.mounts.insert(plan.mounts.begin() + 1, {.kind = Kind::kBind, .target = "/usr", .source = "/no/such/source"});
  const auto outcome = RunCell(plan);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().step, "mount");
  EXPECT_NE(outcome.error().message.find("/no/such/source"), std::string::npos) << outcome.error().message;
  EXPECT_EQ(testing::Inventory(), before);
}

TEST(Launch, RefusesAPlanWithoutFilter) {
  plan::Plan plan = PlanFor({"true"});
  plan.seccomp.clear();
  EXPECT_FALSE(RunCell(plan));
  plan = PlanFor({"true"});
  plan.guard_seccomp.clear();
  EXPECT_FALSE(RunCell(plan));
}

TEST(Launch, RefusesAPlanThatInitCouldNotHold) {
  plan::Plan plan = PlanFor({"true"});
  plan.rlimits.assign(wire::kMaxInitRlimits + 1, {RLIMIT_CORE, "core", 1, 1});
  const auto outcome = RunCell(plan);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, base::ErrorKind::kLimit);
}

TEST(Launch, WhatTheBarrierCannotCarryIsRefusedAndItStaysShut) {
  const plan::Plan plan = PlanFor({"true"});
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_TRUE(cell) << cell.error().message;
  const std::string_view nul("A=b\0c", 5);
  EXPECT_EQ(cell->OpenBarrier({&nul, 1}).error().kind, base::ErrorKind::kInvalid);
  const std::vector<std::string_view> many(wire::kMaxBarrierTexts + 1, "A=b");
  EXPECT_EQ(cell->OpenBarrier(many).error().kind, base::ErrorKind::kLimit);
  const std::string text(wire::kMaxBarrierBytes, 'x');  // one more with its end
  const std::string_view large = text;
  EXPECT_EQ(cell->OpenBarrier({&large, 1}).error().kind, base::ErrorKind::kLimit);
  for (const int signal : {0, -1, 65}) EXPECT_EQ(cell->Signal(signal).error().kind, base::ErrorKind::kInvalid) << signal;
  EXPECT_FALSE(testing::WaitGone(cell->workload_pid(), std::chrono::milliseconds(0)));
  EXPECT_TRUE(cell->OpenBarrier({}));
  EXPECT_EQ(cell->OpenBarrier({}).error().kind, base::ErrorKind::kInternal) << "once";
  EXPECT_TRUE(testing::WaitGone(cell->outer_pid(), std::chrono::milliseconds(5000)));
  EXPECT_TRUE(cell->Signal(SIGTERM)) << "nobody is left to take it";
}

TEST(Launch, GivesAPseudoTerminalOfTheCellsOwn) {
  plan::Plan plan = PlanFor({"sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all; : >/dev/tty && echo tty"});
  plan.terminal = true;
  const std::vector<plan::Mount> pty = {
      {.kind = Kind::kDirectory, .target = "/dev/pts", .mode = 0755},
      {.kind = Kind::kDevpts, .target = "/dev/pts"},
      {.kind = Kind::kLink, .target = "/dev/ptmx", .source = "pts/ptmx"}};
  std::size_t at = 0;
  while (plan.mounts[at].target != "/dev") ++at;
  plan.mounts.insert(plan.mounts.begin() + static_cast<std::ptrdiff_t>(at) + 1, pty.begin(), pty.end());
  const auto outcome = RunCell(plan);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out, "/dev/pts/0\r\nall\r\ntty\r\n");
  EXPECT_EQ(outcome->End().exit_code, 0);
}

TEST(Launch, RootDirectoryServesExportsAfterTheWorkloadEnded) {
  const plan::Plan plan = PlanFor({"sh", "-c", "echo result > /workspace/out"});
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_TRUE(cell) << cell.error().message;
  ASSERT_TRUE(cell->OpenBarrier({}));
  ASSERT_TRUE(testing::WaitGone(cell->outer_pid(), milliseconds(5000)));
  const auto file = sys::OpenAt2(cell->root_directory(), "workspace/out", O_RDONLY, 0, sys::kBeneath);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(sys::ReadAll(file->get(), 100).value_or(""), "result\n");
}

TEST(Launch, ManyCellsLeaveNothing) {
  ASSERT_TRUE(RunCell(PlanFor({"true"})));  // what is made once per process is made now
  const std::string before = testing::Inventory();
  plan::Plan bad = PlanFor({"true"});
  bad.working_directory = "/nowhere";
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(RunCell(PlanFor({"true"})));
    EXPECT_FALSE(RunCell(bad));
  }
  EXPECT_EQ(testing::Inventory(), before);
}

}  // namespace
}  // namespace sandbox
