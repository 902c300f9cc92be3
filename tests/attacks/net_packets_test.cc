// SPDX-License-Identifier: Apache-2.0
// Rows PK of the threats: packets and sockets.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>

#include "net_harness.h"

namespace attacks {
namespace {

constexpr char kFlow[] = "observability.v1.network_flow_decision";

class Packets : public NetTest {
 protected:
  static void Zone() {
    NameAt("udp.test", 72);
    NameAt("name.test", 73);
  }
  Net Document() const {
    return {.rules = {Rule(At(70), 5432, "tcp"), Rule(At(71), 5000, "udp"), Rule("udp.test", 5000, "udp"),
                      Rule("name.test", 443), Rule(Either("10.77.0.0/16", "fd77::/32"), 5432, "tcp"),
                      Rule(Either("100.100.100.200", "fd20:ce::254"), 80, "tcp")},
            .names = {"udp.test", "name.test"}};
  }
  std::string To(const std::string& address) const { return "\"dstAddr\":\"" + address + "\""; }
  std::string To(int n) const { return To(At(n)); }
  static std::string Port(int port) { return "\"dstPort\":" + std::to_string(port); }
  Words Metadata() const {
    if (v6()) return {"fd00:ec2::254"};
    return {"169.254.169.254", "168.63.129.16"};
  }
  Words Loopback() const {
    if (v6()) return {"::1", "::ffff:127.0.0.1", "::"};
    return {"127.0.0.1", "127.1.2.3", "0.0.0.0"};
  }

  Words Lines() const {
    Words lines = {"ask.udp dns " + Server() + " udp.test " + Type(),
                   "ask.name dns " + Server() + " name.test " + Type(),
                   "PK09.name dns " + Server() + " metadata.google.internal " + Type(), "--"};
    const auto add = [&](const std::string& line, const std::string& verb, const std::string& address,
                         const std::string& more) { lines.push_back(line + " " + verb + " " + address + " " + more); };
    for (const char* attempt : {"raw-icmp4", "raw-icmp6", "ping4", "ping6"})
      add(std::string("PK02.") + attempt, "try", attempt, "");
    for (const char* attempt :
         {"sctp4", "sctp6", "dccp4", "dccp6", "udplite4", "udplite6", "smc", "l2tp4", "l2tp6", "gre"})
      add(std::string("PK03.") + attempt, "try", attempt, "");
    for (const char* attempt : {"vsock-stream", "vsock-dgram"}) add(std::string("PK06.") + attempt, "try", attempt, "");
    for (const char* attempt : {"packet", "packet-dgram"}) add(std::string("PK10.") + attempt, "try", attempt, "");
    for (const char* attempt :
         {"hop-options6", "source-route6", "transparent4", "transparent6", "mark", "netfilter", "igmp-raw"})
      add(std::string("PK11.") + attempt, "try", attempt, "");
    if (v6()) add("PK01.link-local", "tcp", "fe80::1%1", "5432");
    add("PK01.unique-local", "tcp", Either("10.1.1.1", "fd01::1"), "5432");
    add("PK01.twin", "tcp", Either("10.77.3.4", "fd77::3"), "5432 send=hi want=2");
    add("PK03.mptcp", "tcp", At(98), "5432 send=leak mptcp");
    lines.push_back("--");
    add("PK04.fast-open", "tcp", At(97), "5432 send=leak fastopen");
    add("PK04.connect-later", "tcp", At(97), "5432 send=leak connect-later");
    add("PK04.fast-open-closed", "tcp", At(97), "4444 send=leak fastopen");
    add("PK04.twin", "tcp", At(70), "5432 send=hi want=2 fastopen");
    add("PK04.twin-later", "tcp", At(70), "5432 send=hi want=2 connect-later");
    add("PK05.host", "tls", At(96), "443 sni=name.test");
    add("PK05.port", "tcp", At(73), "5432 send=x");
    add("PK05.udp", "udp", At(96), "5000 send=x wait=700");
    add("PK05.udp-port", "udp", At(71), "5001 send=x wait=700");
    add("PK05.twin", "udp", At(71), "5000 send=hey");
    add("PK05.twin-name", "udp", At(72), "5000 send=hey");
    add("PK05.twin-unconnected", "udp", At(71), "5000 send=hey unconnected");
    for (const char* path :
         {"/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/systemd/private",
          "/run/dbus/system_bus_socket", "/tmp/.X11-unix/X0", "@/tmp/.X11-unix/X0", "@cellos-outside"}) {
      add(std::string("PK07.") + path, "path", path, "");
    }
    for (const std::string& address : Metadata()) {
      add("PK09." + address, "http", address, "80 host=" + (v6() ? "[" + address + "]" : address));
      add("PK09.closed." + address, "tcp", address, "8775 send=x");
      add("PK09.udp." + address, "udp", address, "5000 send=x wait=700");
    }
    add("PK09.twin", "http", Either("100.100.100.200", "fd20:ce::254"), "80 host=metadata");
    lines.push_back("--");
    add("PK11.large", "udp", At(71), "5001 size=65507 wait=700");
    add("PK11.fragments", "udp", At(71), "5001 size=9000 small-packets wait=700");
    add("PK11.ttl", "udp", At(71), "5001 send=x ttl=1 wait=700");
    if (!v6()) add("PK11.options", "udp", At(71), "5001 send=x record-route wait=700");
    add("PK11.twin-large", "udp", At(71), "5000 size=8000");
    add("PK11.twin-ttl", "udp", At(71), "5000 send=hey ttl=1");
    if (v6()) {
      add("PK15.group", "udp", "ff02::fb%1", "5353 send=x wait=300");
      add("PK15.granted-port", "udp", "ff0e::1", "5000 send=x wait=300");
      add("PK15.join", "try", "join6", "");
    } else {
      add("PK15.group", "udp", "224.0.0.251", "5353 send=x wait=300");
      add("PK15.granted-port", "udp", "224.0.1.1", "5000 send=x wait=300");
      add("PK15.broadcast", "udp", "255.255.255.255", "5000 send=x broadcast wait=300");
      add("PK15.join", "try", "join4", "");
    }
    int n = 0;
    for (const std::string& address : Loopback()) {
      const std::string line = "PK16." + std::to_string(n++);
      add(line + "closed", "tcp", address, "8080");
      add(line + "udp", "udp", address, "5000 send=x wait=300");
    }
    lines.push_back("--");
    n = 0;
    for (const std::string& address : Loopback()) add("PK16.own" + std::to_string(n++), "own", address, "6379");
    lines.push_back("--");
    add("LAST.twin", "tcp", At(70), "5432 send=hi want=2");
    return lines;
  }

  // A listener of the host in the abstract space, which belongs to a network namespace.
  void HostSocket() {
    constexpr std::string_view kName = "cellos-outside";
    sockaddr_un at = {};
    at.sun_family = AF_UNIX;
    kName.copy(at.sun_path + 1, kName.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    ASSERT_EQ(::listen(listener_, 8), 0);
  }
  void TearDown() override {
    if (listener_ >= 0) ::close(listener_);
    NetTest::TearDown();
  }

  const Trial& The() {
    return Once("packets", [this] {
      Zone();
      HostSocket();
      return TryAll(Document(), Lines(), {.environment = {"CELLOS_PER_FLOW_ENFORCEMENT_EVENTS=1"}});
    });
  }
  // Every line of the row got one of these.
  testing::AssertionResult Row(const std::string& row, const Words& errors) {
    std::string wrong;
    int seen = 0;
    for (const auto& [line, verdict] : The().said) {
      if (!line.starts_with(row + ".") || line.find("twin") != line.npos) continue;
      ++seen;
      if (std::find(errors.begin(), errors.end(), verdict) == errors.end()) wrong += line + ": " + verdict + "\n";
    }
    if (seen == 0) return testing::AssertionFailure() << row << " was not tried";
    return wrong.empty() ? testing::AssertionSuccess() : testing::AssertionFailure() << wrong;
  }

  int listener_ = -1;
};

const Words kNoSocket = {"EPERM", "EACCES", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EINVAL"};

TEST_P(Packets, PK01_AddressesThatNoGrantOpens) {
  EXPECT_NE(The().Said("PK01.link-local").substr(0, 4), "data");
  EXPECT_TRUE(Said(The(), "PK01.unique-local", {"reset", "ECONNRESET"}));
  EXPECT_TRUE(NothingOut(The(), Either("10.1.1.1", "fd01::1")));
  EXPECT_TRUE(NothingOut(The(), "fe80::1"));
  EXPECT_TRUE(
      Denied(The(), kFlow, "gate_address_class", {To(Either("10.1.1.1", "fd01::1")), "\"ruleRef\":\"builtin."}) ||
      Denied(The(), kFlow, "gate_not_answered", {To(Either("10.1.1.1", "fd01::1"))}));
  EXPECT_TRUE(Said(The(), "PK01.twin", {"data:hi"})) << "inside a granted prefix";
}

TEST_P(Packets, PK02_NoEchoRequests) { EXPECT_TRUE(Row("PK02", kNoSocket)); }

TEST_P(Packets, PK03_NoOtherTransport) {
  for (const char* attempt :
       {"sctp4", "sctp6", "dccp4", "dccp6", "udplite4", "udplite6", "smc", "l2tp4", "l2tp6", "gre"})
    EXPECT_TRUE(Said(The(), std::string("PK03.") + attempt, kNoSocket));
  const std::string mptcp = The().Said("PK03.mptcp");
  EXPECT_TRUE(mptcp.starts_with("socket:") || mptcp == "reset" || mptcp == "ECONNRESET") << mptcp;
  EXPECT_TRUE(NothingOut(The(), At(98)));
}

TEST_P(Packets, PK04_FastOpenIsJudgedAsAConnect) {
  for (const char* line : {"PK04.fast-open", "PK04.connect-later", "PK04.fast-open-closed"})
    EXPECT_TRUE(Said(The(), line, {"reset", "ECONNRESET", "ECONNREFUSED"}));
  EXPECT_TRUE(NothingOut(The(), At(97)));
  EXPECT_GE(The().Sum(kFlow, {"\"decision\":\"deny\"", To(97), Port(5432)}), 2u);
  EXPECT_TRUE(Said(The(), "PK04.twin", {"data:hi"}));
  EXPECT_TRUE(Said(The(), "PK04.twin-later", {"data:hi"}));
}

TEST_P(Packets, PK05_AddressPortAndNameBelongTogether) {
  EXPECT_TRUE(Said(The(), "PK05.host", {"reset", "alert:49+reset", "ECONNRESET"}));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_not_answered", {To(96), Port(443)}));
  EXPECT_TRUE(Said(The(), "PK05.port", {"reset", "ECONNRESET"}));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_port", {To(73), Port(5432)}));
  EXPECT_TRUE(Said(The(), "PK05.udp", {"silence", "ECONNREFUSED"}));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_not_answered", {To(96), Port(5000), "\"protocol\":\"udp\""}));
  EXPECT_TRUE(Said(The(), "PK05.udp-port", {"ECONNREFUSED"}));
  EXPECT_TRUE(NothingOut(The(), At(96)));
  EXPECT_TRUE(NothingOut(The(), At(73), 5432));
  EXPECT_TRUE(NothingOut(The(), At(71), 5001));
  for (const char* twin : {"PK05.twin", "PK05.twin-name", "PK05.twin-unconnected"})
    EXPECT_TRUE(Said(The(), twin, {"data:hey"}));
  EXPECT_TRUE(The().Logged(kFlow, {"gate_grant_match", To(71), "\"ruleRef\":\"authority.egressRules[1]\""}));
  EXPECT_TRUE(The().Logged(kFlow, {"gate_grant_match", To(72), "\"name\":\"udp.test\""}));
}

TEST_P(Packets, PK06_NoVsock) { EXPECT_TRUE(Row("PK06", {"EAFNOSUPPORT", "EPERM"})); }

TEST_P(Packets, PK07_SocketsOfTheHostsServices) {
  EXPECT_TRUE(Row("PK07", {"ENOENT", "ECONNREFUSED", "EACCES", "EPERM"}));
}

TEST_P(Packets, PK09_MetadataServices) {
  for (const std::string& address : Metadata()) {
    EXPECT_TRUE(Said(The(), "PK09." + address, {"reset", "ECONNRESET"}));
    EXPECT_TRUE(Said(The(), "PK09.closed." + address, {"ECONNREFUSED"}));
    EXPECT_TRUE(Said(The(), "PK09.udp." + address, {"silence", "ECONNREFUSED"}));
    EXPECT_TRUE(NothingOut(The(), address));
    EXPECT_TRUE(Denied(The(), kFlow, "gate_metadata", {To(address), Port(80), "\"ruleRef\":\"builtin.metadata"}));
    EXPECT_TRUE(Denied(The(), kFlow, "gate_metadata", {To(address), Port(5000)}));
  }
  EXPECT_TRUE(The().Said("PK09.name").starts_with("REFUSED"));
  EXPECT_TRUE(Said(The(), "PK09.twin", {"200"})) << "an exact grant of one such address";
}

TEST_P(Packets, PK11_NoPacketOfTheWorkloadsOwnMaking) {
  for (const char* attempt : {"hop-options6", "transparent4", "transparent6", "mark", "netfilter", "igmp-raw"})
    EXPECT_TRUE(Said(The(), std::string("PK11.") + attempt, kNoSocket));
  for (const char* line : {"PK11.large", "PK11.ttl", "PK11.options"}) {
    if (!The().said.contains(line)) continue;
    EXPECT_TRUE(Said(The(), line, {"ECONNREFUSED", "send:EPERM", "send:EMSGSIZE", "silence"}));
  }
  EXPECT_TRUE(Said(The(), "PK11.fragments", {"ECONNREFUSED", "send:EPERM", "silence"}));
  EXPECT_TRUE(NothingOut(The(), At(71), 5001));
  EXPECT_TRUE(The().Logged(kFlow, {"nft_default_drop", "\"nftRuleRef\":\"default-drop\"", "\"packetCount\":"}));
  EXPECT_TRUE(Said(The(), "PK11.twin-large", {"data:8000"}));
  EXPECT_TRUE(Said(The(), "PK11.twin-ttl", {"data:hey"})) << "the relay forwards data, not packets";
}

TEST_P(Packets, PK15_GroupsAndBroadcast) {
  for (const char* line : {"PK15.group", "PK15.granted-port", "PK15.broadcast"}) {
    if (!The().said.contains(line)) continue;
    EXPECT_TRUE(
        Said(The(), line, {"send:EPERM", "silence", "send:ENETUNREACH", "connect:ENETUNREACH", "connect:EACCES"}));
  }
  for (const char* address : {"224.0.0.251", "224.0.1.1", "255.255.255.255", "ff02::fb", "ff0e::1"})
    EXPECT_TRUE(NothingOut(The(), address));
}

TEST_P(Packets, PK16_LoopbackIsTheCellsOwn) {
  for (std::size_t i = 0; i < Loopback().size(); ++i) {
    const std::string line = "PK16." + std::to_string(i);
    EXPECT_TRUE(Said(The(), line + "closed", {"ECONNREFUSED"}));
    EXPECT_NE(The().Said(line + "udp").substr(0, 4), "data");
    EXPECT_TRUE(Said(The(), "PK16.own" + std::to_string(i), {"own"}));
  }
  EXPECT_EQ(The().outcome.reached_host, 0u);
}

TEST_P(Packets, TheGrantedFlowStillPassesAtTheEnd) { EXPECT_TRUE(Said(The(), "LAST.twin", {"data:hi"})); }

// ------------------------------------------------------------------------------------- cells of their own

class TwoCells : public Packets {};

TEST_P(TwoCells, PK10_PK14_ACellIsReachedFromNowhere) {
  World().Forget();
  Write("rw/first.json", TrialDocument(Document(), "net-first", {"listening listen 7777 ms=2500"}));
  Write("rw/second.json",
        TrialDocument(Document(), "net-second",
                      {"same tcp " + Server() + " 7777", "loopback tcp " + Either("127.0.0.1", "::1") + " 7777",
                       "any tcp " + Either("0.0.0.0", "::") + " 7777"}));
  const std::string script =
      "#!/bin/bash\ncd " + Rw() +
      "\n" CELLOS_BIN_DIR
      "/cellos run --json --spec first.json > first.out 2>&1 &\n"
      "for i in {1..200}; do grep -qs listening first.out && break; sleep 0.05; done\n"
      // The host's own way to the cell's addresses.
      "for to in " +
      Server() +
      " 127.0.0.1 ::1; do (exec 3<>/dev/tcp/$to/7777) 2> /dev/null && echo reached; done\n" CELLOS_BIN_DIR
      "/cellos run --json --spec second.json 2>&1\nwait\n";
  UseProgram(Write("both", script));
  ASSERT_EQ(::chmod((top() + "/both").c_str(), 0755), 0);
  const Finished both = Cellos({});
  EXPECT_EQ(both.out.find("reached"), std::string::npos);
  const Answers second = ParseAnswers(both.out);
  for (const char* line : {"same", "loopback", "any"})
    EXPECT_EQ(second.contains(line) ? second.at(line) : both.out, "ECONNREFUSED") << line;
  EXPECT_NE(Read(Rw() + "/first.out").find("listening nobody"), std::string::npos) << Read(Rw() + "/first.out");
  EXPECT_EQ(World().Now().reached_host, 0u);
  EXPECT_EQ(LeftOvers("net-", ""), "");
}

NET_ATTACK_AS_EVERYBODY(Packets);
NET_ATTACK_IN_TWO_WAYS(TwoCells);

}  // namespace
}  // namespace attacks
