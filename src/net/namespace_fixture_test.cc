// SPDX-License-Identifier: Apache-2.0
// Namespaces of forked children.
#include "net/namespace_fixture.h"

#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "net/netlink.h"
#include "sys/file.h"

namespace net::testing {
namespace {

base::Result<> SetUp(const plan::NetworkPlan& network) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return base::FailOs(errno, "unshare");
  TRY(sys::WriteControl(AT_FDCWD, "/proc/self/setgroups", "deny"));
  TRY(sys::WriteControl(AT_FDCWD, "/proc/self/uid_map", "0 " + std::to_string(uid) + " 1"));
  TRY(sys::WriteControl(AT_FDCWD, "/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"));
  const int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  TRY_WITH("links", SendAndAwait(route, network.link_batch));
  close(route);
  const int netfilter = NetfilterSocket();
  TRY_WITH("rules", SendAndAwait(netfilter, network.nft_batch));
  close(netfilter);
  return {};
}

}  // namespace

plan::NetworkPlan PlanFor(std::vector<spec::EgressRule> rules, const std::function<void(spec::Authority&)>& change) {
  spec::CellDocument document;
  document.spec.id = "job";
  document.spec.authority.egress_rules = std::move(rules);
  change(document.spec.authority);
  base::HostFacts facts;
  facts.resolvers = {"192.0.2.53"};
  auto network = plan::MakeNetworkPlan(document, {}, facts);
  EXPECT_TRUE(network) << network.error().message;
  return network ? std::move(*network) : plan::NetworkPlan{};
}

std::string InCellNetwork(const plan::NetworkPlan& network, const std::function<std::string()>& body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const auto ready = SetUp(network);
    const std::string text = ready ? body() : ready.error().message;
    (void)sys::WriteAll(ends[1], text);
    _exit(0);
  }
  close(ends[1]);
  auto text = sys::ReadAll(ends[0], 1 << 20);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return "the child died";
  return text ? *text : text.error().message;
}

std::string OutputOf(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  char buffer[4096];
  for (std::size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, count);
  pclose(pipe);
  return text;
}

int NetfilterSocket() { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER); }

}  // namespace net::testing
