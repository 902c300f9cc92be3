// SPDX-License-Identifier: Apache-2.0
// nft's JSON: what is taken from it, and that netlink says the same.
#include "probe/ruleset_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/table.h"
#include "sys/file.h"

namespace probe {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ReprOf(const std::string& expressions) {
  const auto rows = ReadRulesetJson(R"({"nftables":[{"rule":{"expr":[)" + expressions + "]}}]}");
  return rows && rows->size() == 1 ? rows->front().repr : "no row";
}

TEST(RulesetJson, OnlyEqualityWithOneAddressOrPortIsShown) {
  const auto match = [](const char* op, const char* protocol, const char* field, const char* right) {
    return std::string(R"({"match":{"op":")") + op + R"(","left":{"payload":{"protocol":")" + protocol +
           R"(","field":")" + field + R"("}},"right":)" + right + "}}";
  };
  EXPECT_EQ(ReprOf(match("==", "ip", "daddr", R"("192.0.2.1")")), "ip daddr 192.0.2.1");
  EXPECT_EQ(ReprOf(match("==", "ip6", "daddr", R"("2001:db8::1")")), "ip6 daddr 2001:db8::1");
  EXPECT_EQ(ReprOf(match("==", "udp", "dport", "65535")), "udp dport 65535");
  EXPECT_EQ(ReprOf(match("!=", "ip", "daddr", R"("192.0.2.1")")), "");
  EXPECT_EQ(ReprOf(match("==", "ip", "saddr", R"("192.0.2.1")")), "");
  EXPECT_EQ(ReprOf(match("==", "ip", "daddr", R"("@hosts accept")")), "");
  EXPECT_EQ(ReprOf(match("==", "tcp", "dport", "65536")), "");
  EXPECT_EQ(ReprOf(match("==", "tcp", "dport", R"("443")")), "");
}

TEST(RulesetJson, ARuleThatIsNotUnderstoodKeepsItsCounters) {
  const auto rows = ReadRulesetJson(
      R"({"nftables":[{"rule":{"handle":7,"expr":[{"xt":null},{"counter":{"packets":3,"bytes":180}}]}}]})");
  ASSERT_TRUE(rows);
  ASSERT_THAT(*rows, SizeIs(1));
  EXPECT_EQ(rows->front().packets, 3u);
  EXPECT_EQ(rows->front().bytes, 180u);
  EXPECT_EQ(rows->front().repr, "");
}

TEST(RulesetJson, WhatIsNoRulesetIsRefused) {
  EXPECT_EQ(ReadRulesetJson("").error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(ReadRulesetJson(R"({"nftables":[]}x)").error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(ReadRulesetJson(std::string(40, '[')).error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(ReadRulesetJson(R"({"nftables":{}})").error().kind, base::ErrorKind::kNotFound);
  EXPECT_EQ(ReadRulesetJson("null").error().kind, base::ErrorKind::kNotFound);
  EXPECT_THAT(*ReadRulesetJson(R"({"nftables":[]})"), IsEmpty());
}

std::string OutputOf(const std::string& command) {
  FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  std::string text;
  char buffer[4096];
  for (std::size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, count);
  pclose(pipe);
  return text;
}

std::string Shown(const std::string& chain, std::uint64_t handle, std::uint64_t packets, std::uint64_t bytes,
                  const std::string& repr) {
  return chain + " " + std::to_string(handle) + " " + std::to_string(packets) + " " + std::to_string(bytes) + " " +
         repr + "\n";
}

// In namespaces of this process: a table made by nft, read over netlink and from nft's JSON.
std::string ReadBothWays() {
  if (OutputOf("nft --version").empty()) return "skip";
  const std::string uid = std::to_string(geteuid()), gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || !sys::WriteControl(AT_FDCWD, "/proc/self/setgroups", "deny") ||
      !sys::WriteControl(AT_FDCWD, "/proc/self/uid_map", "0 " + uid + " 1") ||
      !sys::WriteControl(AT_FDCWD, "/proc/self/gid_map", "0 " + gid + " 1")) {
    return "skip";
  }
  OutputOf(R"(nft 'table inet cellos_t { chain output { type filter hook output priority 0; policy drop;
    ip daddr 192.0.2.1 tcp dport 443 counter packets 3 bytes 180 accept
    ip6 daddr 2001:db8::1 udp dport 53 counter packets 4 bytes 99 accept
    ip daddr { 192.0.2.2, 192.0.2.3 } tcp dport 80 counter accept
    ip daddr != 192.0.2.4 udp dport 853 counter drop
    ip saddr 192.0.2.5 tcp dport { 80, 443 } counter packets 1 bytes 40 reject
    counter packets 2 bytes 80 drop
  }
  }')");
  const auto json = ReadRulesetJson(OutputOf("nft -j list table inet cellos_t"));
  const int netfilter = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  const auto netlink = net::ReadTable(netfilter, "cellos_t");
  close(netfilter);
  if (!json) return json.error().message;
  if (!netlink) return netlink.error().message;
  std::string by_json, by_netlink;
  for (const RulesetRow& row : *json) by_json += Shown(row.chain, row.handle, row.packets, row.bytes, row.repr);
  for (const net::RuleReading& row : netlink->rules) {
    by_netlink += Shown(row.chain, row.handle, row.packets, row.bytes, row.repr);
  }
  return by_json == by_netlink ? "same " + std::to_string(json->size()) : by_json + "but netlink:\n" + by_netlink;
}

TEST(RulesetJson, NetlinkSaysTheSameOfATable) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    (void)sys::WriteAll(ends[1], ReadBothWays());
    _exit(0);
  }
  close(ends[1]);
  const auto text = sys::ReadAll(ends[0], 1 << 20);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(text);
  if (*text == "skip") GTEST_SKIP() << "no namespaces or no nft here";
  EXPECT_EQ(*text, "same 6");
}

}  // namespace
}  // namespace probe
