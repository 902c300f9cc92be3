// SPDX-License-Identifier: Apache-2.0
// A parent that comes late to its two channels and finds everything of the start in both. Links the lying twin of sys.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "sandbox/network_fixture.h"
#include "sys/fault.h"
#include "sys/socket.h"
#include "wire/agent_config.h"
#include "wire/init_report.h"

namespace sandbox {
namespace {

pid_t g_parent = 0;
bool g_heard = false;

// The channel on which the leader announces itself is the one socket of ours that asks for credentials.
int LeadersChannel() {
  for (int fd = 3; fd < 256; ++fd) {
    int type = 0, credentials = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) continue;
    size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &credentials, &size) == 0 && credentials != 0) return fd;
  }
  return -1;
}

// Before the parent looks at either channel, the last word of the start has been sent: it is looked for behind the
// others, and left where it is.
void UntilTheLeaderIsReady() {
  if (getpid() != g_parent || g_heard) return;
  const int channel = LeadersChannel();
  const int from_the_first = 0, off = -1;
  const timeval limit = {20, 0};
  if (setsockopt(channel, SOL_SOCKET, SO_PEEK_OFF, &from_the_first, sizeof from_the_first) != 0) return;
  setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  wire::InitReport report;
  while (!g_heard && recv(channel, &report, sizeof report, MSG_PEEK) == sizeof report) {
    g_heard = report.kind == wire::ReportKind::kReady;
  }
  setsockopt(channel, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off);
}

// Launches with the parent held back until all of the start is in its channels.
base::Result<Cell> LaunchLate(LaunchOptions options) {
  g_parent = getpid();
  g_heard = false;
  sys::fault::ArmAction("ppoll", UntilTheLeaderIsReady);
  auto cell = Cell::Launch(std::move(options));
  sys::fault::Disarm();
  EXPECT_TRUE(g_heard) << "the parent was not held back";
  return cell;
}

bool IsOpen(const base::UniqueFd& fd) {
  struct stat status = {};
  return fd && fstat(fd.get(), &status) == 0;
}

// More is passed up than there are words before the leader's: the last is read after it, or lost with the cell.
TEST(LateParent, GetsAllThatWasPassedThoughTheLeaderIsHeardFirst) {
  plan::Plan plan = testing::Watched(testing::NetworkPlanFor("true", false),
                                     wire::SourceBit(wire::ProbeSource::kProcessSpawned));
  plan.terminal = true;
  using Kind = plan::Mount::Kind;
  const plan::Mount pty[] = {{.kind = Kind::kDirectory, .target = "/dev/pts", .mode = 0755},
                             {.kind = Kind::kDevpts, .target = "/dev/pts"},
                             {.kind = Kind::kLink, .target = "/dev/ptmx", .source = "pts/ptmx"}};
  const auto dev = std::ranges::find(plan.mounts, "/dev", &plan::Mount::target);
  ASSERT_NE(dev, plan.mounts.end());
  plan.mounts.insert(dev + 1, std::begin(pty), std::end(pty));

  auto gate = sys::SocketPair(SOCK_SEQPACKET);
  ASSERT_TRUE(gate);
  auto telemetry = sys::SocketPair(SOCK_STREAM);
  ASSERT_TRUE(telemetry);
  LaunchOptions options = testing::OptionsFor(plan, {});
  options.agent_channel = telemetry->second.get();
  options.gate_channel = gate->second.get();
  auto cell = LaunchLate(std::move(options));
  ASSERT_TRUE(cell) << cell.error().message;
  EXPECT_GT(cell->agent_pid(), 0);
  EXPECT_TRUE(IsOpen(cell->TakeTerminal()));
  EXPECT_TRUE(IsOpen(cell->TakeDenials()));
  EXPECT_TRUE(IsOpen(cell->TakeNetfilter()));
  EXPECT_TRUE(IsOpen(cell->TakeFlowLog()));
}

}  // namespace
}  // namespace sandbox
