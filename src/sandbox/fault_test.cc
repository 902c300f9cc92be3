// SPDX-License-Identifier: Apache-2.0
// A start in which any one system call fails, or kills the supervisor. Links the lying twin of the sys room.
#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/socket.h"
#include "wire/agent_config.h"

namespace sandbox {
namespace {

using std::chrono::milliseconds;
using testing::PlanFor;

constexpr auto kSources = wire::SourceBit(wire::ProbeSource::kProcessSpawned);

// A launch that is given up at the barrier.
base::Result<> LaunchOnce(const plan::Plan& plan) {
  LaunchOptions options = testing::OptionsFor(plan, {});
  std::pair<base::UniqueFd, base::UniqueFd> channel;
  if (plan.telemetry) {
    auto made = sys::SocketPair(SOCK_STREAM);
    if (!made) return std::unexpected(std::move(made).error().With("channel"));
    channel = std::move(*made);
    options.agent_channel = channel.second.get();
  }
  options.phase_deadline = milliseconds(3000);
  auto cell = Cell::Launch(std::move(options));
  if (!cell) return std::unexpected(std::move(cell).error());
  return {};
}

// How many calls a start makes, and every how many of them are tried: all with CELLOS_FAULTS=all.
std::uint64_t CallsOfAStart(const plan::Plan& plan) {
  sys::fault::Arm(0, 0);
  EXPECT_TRUE(LaunchOnce(plan));
  return sys::fault::Count();
}
// Without a witness and with one.
class Start : public ::testing::TestWithParam<bool> {
 protected:
  plan::Plan plan() const { return GetParam() ? testing::Watched(PlanFor({"true"}), kSources) : PlanFor({"true"}); }
};
INSTANTIATE_TEST_SUITE_P(Cells, Start, ::testing::Bool(), [](const auto& cell) {
  return std::string(cell.param ? "WithAWitness" : "Alone");
});

std::uint64_t Stride() { return getenv("CELLOS_FAULTS") != nullptr ? 1 : 7; }

TEST_P(Start, MayFailAtEveryCallAndLeavesNothing) {
  const plan::Plan plan = this->plan();
  ASSERT_TRUE(LaunchOnce(plan));  // what is made once per process
  const std::string before = testing::Inventory();
  const std::uint64_t calls = CallsOfAStart(plan);
  ASSERT_GT(calls, 200u);
  const int errors[] = {ENOSPC, EMFILE, ENOMEM, EPERM};
  std::size_t failed = 0, offset = 0;
  for (const int error : errors) {
    for (std::uint64_t at = 1 + offset++; at <= calls; at += Stride()) {
      sys::fault::Arm(at, error);
      const auto started = LaunchOnce(plan);
      sys::fault::Disarm();
      if (!started) {
        ++failed;
        const bool before_launch = started.error().message.starts_with("channel");
        EXPECT_TRUE(before_launch || !started.error().step.empty()) << at << " " << started.error().message;
        EXPECT_FALSE(started.error().message.empty());
      }
      ASSERT_EQ(testing::Inventory(), before) << "call " << at << " failing with " << error;
    }
  }
  EXPECT_GT(failed, calls / Stride());
}

TEST_P(Start, DoesNotSeeAnInterruptionOfAnyCall) {
  const plan::Plan plan = this->plan();
  const std::uint64_t calls = CallsOfAStart(plan);
  for (std::uint64_t at = 1; at <= calls; at += Stride()) {
    sys::fault::Arm(at, EINTR);
    const auto started = LaunchOnce(plan);
    sys::fault::Disarm();
    EXPECT_TRUE(started) << at << " " << started.error().message;
  }
}

// Calls that only the child makes, each in a phase of its own.
TEST(Fault, AHangIsAnErrorThatNamesThePhase) {
  const plan::Plan plan = PlanFor({"true"});
  ASSERT_TRUE(LaunchOnce(plan));
  const std::string before = testing::Inventory();
  const struct { const char* call; std::string_view phase; } hangs[] = {
      {"setresuid", "ids"}, {"fsmount", "mount"}, {"sethostname", "hostname"}, {"pivot_root", "root"},
      {"execveat", "init"}};
  for (const auto& [call, phase] : hangs) {
    LaunchOptions options = testing::OptionsFor(plan, {});
    options.phase_deadline = milliseconds(400);
    sys::fault::ArmCall(call, sys::fault::kHang);
    const auto cell = Cell::Launch(std::move(options));
    sys::fault::Disarm();
    ASSERT_FALSE(cell) << call;
    EXPECT_EQ(cell.error().kind, base::ErrorKind::kDeadline) << cell.error().message;
    EXPECT_EQ(cell.error().step, phase) << call;
    EXPECT_NE(cell.error().message.find(phase), std::string::npos) << cell.error().message;
    EXPECT_EQ(testing::Inventory(), before) << call;
  }
}

// The supervisor, or its child, is killed at each step: nothing of the cell outlives it.
TEST_P(Start, KilledAtAnyStepLeavesNoProcess) {
  const plan::Plan plan = this->plan();
  const std::uint64_t calls = CallsOfAStart(plan);
  for (std::uint64_t at = 1; at <= calls; at += Stride()) {
    // The descendants of a killed process come to us, so that none is missed.
    ASSERT_TRUE(sys::Prctl(36 /* PR_SET_CHILD_SUBREAPER */, 1));
    const pid_t supervisor = fork();
    if (supervisor == 0) {
      sys::fault::Arm(at, sys::fault::kKill);
      (void)LaunchOnce(plan);
      _exit(0);
    }
    waitpid(supervisor, nullptr, 0);
    bool empty = false;
    for (int i = 0; i < 400 && !empty; ++i) {
      while (waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
      }
      empty = waitpid(-1, nullptr, WNOHANG | __WALL) < 0 && errno == ECHILD;
      if (!empty) usleep(5000);
    }
    EXPECT_TRUE(empty) << "a process outlived the kill at call " << at;
  }
}

}  // namespace
}  // namespace sandbox
