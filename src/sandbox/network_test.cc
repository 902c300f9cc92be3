// SPDX-License-Identifier: Apache-2.0
// A cell with a gate: what its first process hands over, and what the workload sees of it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/cell_fixture.h"
#include "sandbox/effective_controls.h"
#include "sandbox/network_fixture.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::NetworkPlanFor;

base::Result<std::pair<Cell, sys::Received>> LaunchWithGate(const plan::Plan& plan, Streams streams) {
  auto [cell_end, gate_end] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  LaunchOptions options = testing::OptionsFor(plan, std::move(streams));
  options.gate_channel = cell_end.get();
  Cell cell = TRY(Cell::Launch(std::move(options)));
  cell_end.Reset();
  char bytes[64];
  sys::Received received = TRY(sys::RecvMsg(gate_end.get(), bytes, 0));
  return std::pair(std::move(cell), std::move(received));
}

// Lets the workload run to its end and gives what it wrote.
std::string Finish(Cell& cell, int out) {
  if (const auto open = cell.OpenBarrier({}); !open) return open.error().message;
  const auto text = sys::ReadAll(out, 1 << 20);
  return text ? *text : text.error().message;
}

struct Pipes {
  sys::PipeEnds out = *sys::Pipe();
  Streams ForCell() {
    Streams streams;
    streams.err = *sys::Dup(out.write.get());
    streams.out = std::move(out.write);
    return streams;
  }
};

TEST(Network, ListenersGoToTheGateInTheirOrderAndNetfilterSocketsToTheSupervisor) {
  const plan::Plan plan = NetworkPlanFor("true", false);
  Pipes pipes;
  auto launched = LaunchWithGate(plan, pipes.ForCell());
  ASSERT_TRUE(launched) << launched.error().message;
  auto& [cell, received] = *launched;
  ASSERT_EQ(received.fds.size(), static_cast<std::size_t>(wire::CellFd::kFirstUdp) + 2);
  std::string told;
  for (const base::UniqueFd& fd : received.fds) {
    int family = 0, type = 0, listening = 0;
    socklen_t size = sizeof family;
    getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size);
    getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    told += family == 0 ? "- " : std::string(family == AF_INET6 ? "6" : "4") + (type == SOCK_STREAM ? "t" : "u") +
                                     (listening != 0 ? "l " : " ");
  }
  EXPECT_EQ(told, "4tl 6tl 4tl 6tl 4u 6u - 4u 6u ");
  EXPECT_TRUE(cell.TakeDenials());
  EXPECT_GE(cell.netfilter(), 0);
  EXPECT_TRUE(cell.TakeNetfilter());
  EXPECT_TRUE(cell.TakeFlowLog());
  EXPECT_EQ(cell.netfilter(), -1);
}

TEST(Network, TheWorkloadReachesTheGateAndNothingElse) {
  const plan::Plan plan = NetworkPlanFor(
      "for to in 203.0.113.9/8080 203.0.113.9/8081; do (exec 3<>/dev/tcp/$to && echo $to ok) 2>&1 | tail -n1; done; "
      "cat /proc/sys/net/ipv4/tcp_tw_reuse /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait; "
      "cat /proc/net/dev | grep -c :",
      false);
  Pipes pipes;
  auto launched = LaunchWithGate(plan, pipes.ForCell());
  ASSERT_TRUE(launched) << launched.error().message;
  const std::string told = Finish(launched->first, pipes.out.read.get());
  EXPECT_THAT(told, HasSubstr("203.0.113.9/8080 ok\n"));
  EXPECT_THAT(told, HasSubstr("203.0.113.9/8081: Connection refused\n"));
  EXPECT_THAT(told, HasSubstr("\n1\n10\n1\n"));
  const auto accepted = sys::Accept(launched->second.fds[0].get());
  EXPECT_TRUE(accepted && *accepted);
}

TEST(Network, DenialsAreWrittenFromOutsideAndOnlyReadInside) {
  const plan::Plan plan = NetworkPlanFor(
      "cat /run/cellos/denials; (echo x > /run/cellos/denials) 2>&1 | tail -n1; chmod 0666 /run/cellos/denials 2>&1; "
      "rm -f /run/cellos/denials 2>&1; echo end",
      false);
  Pipes pipes;
  auto launched = LaunchWithGate(plan, pipes.ForCell());
  ASSERT_TRUE(launched) << launched.error().message;
  const base::UniqueFd denials = launched->first.TakeDenials();
  ASSERT_TRUE(sys::WriteAll(denials.get(), "told\n"));
  const std::string told = Finish(launched->first, pipes.out.read.get());
  EXPECT_THAT(told, HasSubstr("told\n"));
  EXPECT_THAT(told, HasSubstr("denials: Read-only file system\n"));
  EXPECT_THAT(told, HasSubstr("changing permissions of '/run/cellos/denials': Read-only file system"));
  EXPECT_THAT(told, HasSubstr("end\n"));
  ASSERT_TRUE(sys::WriteAll(denials.get(), "more\n"));
}

TEST(Network, TheSecretSocketIsTheCellsOwnAndItsListenerTheGates) {
  const plan::Plan plan = NetworkPlanFor("stat -c '%U %a %F' /run/cellos/secrets /run/cellos/secrets/broker.sock", true);
  Pipes pipes;
  auto launched = LaunchWithGate(plan, pipes.ForCell());
  ASSERT_TRUE(launched) << launched.error().message;
  int listening = 0;
  socklen_t size = sizeof listening;
  getsockopt(launched->second.fds[static_cast<int>(wire::CellFd::kSecrets)].get(), SOL_SOCKET, SO_ACCEPTCONN, &listening,
             &size);
  EXPECT_EQ(listening, 1);
  const std::string told = Finish(launched->first, pipes.out.read.get());
  EXPECT_THAT(told, HasSubstr("700 directory\n"));
  EXPECT_THAT(told, HasSubstr("700 socket\n"));
}

TEST(Network, APlanWithAGateDoesNotStartWithoutOne) {
  const plan::Plan plan = NetworkPlanFor("true", false);
  Pipes pipes;
  const auto cell = Cell::Launch(testing::OptionsFor(plan, pipes.ForCell()));
  ASSERT_FALSE(cell);
  EXPECT_THAT(cell.error().message, HasSubstr("its plan has a gate"));
}

TEST(Network, ARuleThatTheKernelRefusesStopsTheStart) {
  plan::Plan plan = NetworkPlanFor("true", false);
  std::string& batch = plan.network->nft_batch;
  const std::size_t at = batch.find("payload");
  ASSERT_NE(at, std::string::npos);
  batch[at] = 'q';  // no such expression
  Pipes pipes;
  const auto launched = LaunchWithGate(plan, pipes.ForCell());
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.error().step, "network");
  EXPECT_THAT(launched.error().message, HasSubstr("\"rules\""));
}

TEST(Network, RulesThatWereNotReadOrAreOtherOnesAreNamed) {
  const plan::Plan plan = NetworkPlanFor("true", false);
  EffectiveControls controls;
  const auto unread = CheckAgainstPlan(controls, plan);
  ASSERT_FALSE(unread);
  EXPECT_THAT(unread.error().message, HasSubstr("the rules of table \"cellos_job\" were not read"));
  controls.SetRules("cellos_job", "a", "b");
  EXPECT_THAT(CheckAgainstPlan(controls, plan).error().message, HasSubstr("the rules in force are other ones"));
  controls.SetRules("cellos_job", "a", "a");
  EXPECT_THAT(CheckAgainstPlan(controls, plan).error().message, Not(HasSubstr("rules")));
  EXPECT_THAT(controls.ToJson("c", "r"), HasSubstr(R"("nft":{"rulesSha256":"ca978112)"));
}

}  // namespace
}  // namespace sandbox
