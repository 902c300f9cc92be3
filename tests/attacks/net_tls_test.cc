// SPDX-License-Identifier: Apache-2.0
// Rows TL of the threats: TLS, HTTP and the relay. "Nothing out": the world saw no packet for that address.
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "net_harness.h"

namespace attacks {
namespace {

constexpr char kFlow[] = "observability.v1.network_flow_decision", kL7[] = "observability.v1.l7_egress_decision",
               kClosed[] = "observability.v1.network_flow_closed";

class Streams : public NetTest {
 protected:
  static void Zone() {
    NameAt("secure.test", 40);
    NameAt("other.test", 41);
    NameAt("plain.test", 42);
    NameAt("raw.test", 43);
    NameAt("mail.test", 44);
    NameAt("two-a.test", 45);
    NameAt("two-b.test", 46);
    NameAt("tunnel.test", 47);
    for (const char* other : {"h2a.test", "redirect.test"}) NameAt(other, 48);
  }
  Net Document() const {
    return {.rules = {Rule("secure.test", 443), Rule("other.test", 443), Rule("plain.test", 80),
                      Rule("plain.test", 8080, "http"), Rule("raw.test", 5432, "tcp"), Rule("mail.test", 25, "tcp"),
                      Rule("two-a.test", 443), Rule("two-b.test", 8443, "https"), Rule(At(60), 443, "tcp"),
                      Rule(At(61), 80, "tcp")},
            .names = {"secure.test", "other.test", "plain.test", "raw.test", "mail.test", "two-a.test", "two-b.test"},
            .dns = R"("blockUdpHttp3":true)"};
  }
  static std::string Sni(const std::string& name) { return "\"sniHost\":\"" + name + "\""; }
  std::string To(int n) const { return "\"dstAddr\":\"" + At(n) + "\""; }
  static std::string Port(int port) { return "\"dstPort\":" + std::to_string(port); }

  Words Lines() const {
    Words lines;
    for (const char* name : {"secure", "other", "plain", "raw", "mail", "two-a", "two-b"})
      lines.push_back(std::string("ask.") + name + " dns " + Server() + " " + name + ".test " + Type());
    lines.push_back("--");
    const auto tls = [&](const std::string& line, int n, const std::string& more, int port = 443) {
      lines.push_back(line + " tls " + At(n) + " " + std::to_string(port) + " " + more);
    };
    tls("TL01.unanswered", 90, "sni=secure.test");
    tls("TL02.none", 40, "shape=none");
    tls("TL02.empty", 40, "shape=empty");
    tls("TL02.literal", 40, "sni=" + At(40));
    tls("TL02.bare", 91, "shape=none");
    tls("TL02.twin", 60, "shape=none");
    tls("TL04.other-name", 40, "sni=other.test");
    tls("TL04.ungranted", 40, "sni=evil.test");
    tls("TL04.twin", 40, "sni=secure.test");
    lines.push_back("TL03.twin http " + At(42) + " 80 host=evil.test");
    lines.push_back("TL05.ssh tcp " + At(40) + " 443 send=SSH-2.0-x%0d%0a");
    lines.push_back("TL05.raw tcp " + At(40) + " 443 send=%00%01%02%03rubbish-rubbish-rubbish");
    tls("TL05.tls-on-80", 42, "sni=plain.test", 80);
    lines.push_back("TL05.upgrade http " + At(42) +
                    " 80 host=plain.test path=/upgrade head=Upgrade:%20echo%0d%0aConnection:%20Upgrade%0d%0a");
    lines.push_back("TL05.twin tcp " + At(43) + " 5432 send=SSH-2.0-x%0d%0a want=11");
    lines.push_back("TL06.quic udp " + At(40) + " 443 size=1200 wait=700");
    lines.push_back("TL07.on-80 http " + At(40) + " 80 host=secure.test");
    lines.push_back("TL07.on-8081 http " + At(40) + " 8081 host=secure.test");
    lines.push_back("TL07.twin http " + At(42) + " 8080 host=plain.test");
    lines.push_back("TL10.redirect http " + At(42) + " 80 host=plain.test path=/redirect?denied.test");
    lines.push_back("TL10.next dns " + Server() + " denied.test " + Type());
    lines.push_back("TL10.next-flow http " + At(92) + " 80 host=denied.test");
    lines.push_back("TL12.pinned tls-real " + At(40) + " 443 secure.test");
    lines.push_back("--");
    lines.push_back("TL14.keep-alive http " + At(42) + " 80 host=plain.test,evil14.test");
    lines.push_back("TL14.pipelined http " + At(42) + " 80 host=plain.test,evil14p.test pipelined");
    lines.push_back("TL14.absolute http " + At(42) + " 80 host=plain.test absolute=evil14a.test");
    lines.push_back("TL14.two-hosts http " + At(42) + " 80 host=plain.test head=Host:%20evil14b.test%0d%0a");
    lines.push_back("TL14.no-host http " + At(42) + " 80 host=-");
    lines.push_back("TL14.connect http " + At(42) + " 80 method=CONNECT path=evil14c.test:443 host=plain.test");
    lines.push_back("TL14.twin http " + At(42) + " 80 host=plain.test,PLAIN.test.,plain.test:80 pipelined");
    lines.push_back("TL14.twin-chunked http " + At(42) + " 80 host=plain.test path=/chunked");
    lines.push_back("TL15.mixed h2c " + At(42) + " 8080 authority=plain.test,evil15.test");
    lines.push_back("TL15.foreign h2c " + At(42) + " 80 authority=evil15f.test");
    lines.push_back("TL15.twin h2c " + At(42) + " 80 authority=plain.test");
    for (const char* port : {"40000", "40053"}) {
      lines.push_back(std::string("TL16.gate-") + port + " tcp " + Server() + " " + port + " send=x");
      lines.push_back(std::string("TL16.loopback-") + port + " tcp " + Either("127.0.0.1", "::1") + " " + port +
                      " send=x");
    }
    lines.push_back("TL17.waits tcp " + At(40) + " 443 wait=6000");
    lines.push_back("TL17.waits-80 tcp " + At(42) + " 80 wait=6000");
    lines.push_back("TL17.twin tcp " + At(44) + " 25 want=9");
    lines.push_back("--");
    for (const char* shape :
         {"two-names", "two-lists", "other-type", "lying-name", "lying-list", "lying-extensions", "lying-hello"})
      tls(std::string("TL18.") + shape, 40, std::string("wait=6000 sni=secure.test other=evil.test shape=") + shape);
    tls("TL18.nul", 40, "sni=secure.test%00.evil.test");
    tls("TL18.space", 40, "sni=secure.test%20");
    tls("TL18.long", 40, "sni=" + std::string(300, 'a') + ".test");
    tls("TL18.ech", 40, "shape=ech sni=secure.test");
    tls("TL18.twin-case", 40, "sni=SeCuRe.TeSt.");
    tls("TL19.port-of-other", 46, "sni=two-b.test");
    tls("TL19.other-way", 45, "sni=two-a.test", 8443);
    lines.push_back("TL19.port-22 tcp " + At(45) + " 22");
    tls("TL19.twin", 46, "sni=two-b.test", 8443);
    tls("TL20.split", 40, "split sni=secure.test");
    tls("TL20.edge", 40, "edge sni=secure.test");
    tls("TL20.records", 40, "records=7 sni=secure.test");
    tls("TL20.split-denied", 40, "split sni=evil20.test");
    tls("TL20.edge-denied", 40, "edge sni=evil20e.test");
    tls("TL20.records-denied", 40, "records=9 sni=evil20r.test");
    lines.push_back("--");
    tls("LAST.twin", 40, "sni=secure.test");
    return lines;
  }

  const Trial& The() {
    return Once("streams", [this] {
      Zone();
      return TryAll(Document(), Lines(), {.environment = {"CELLOS_PER_FLOW_ENFORCEMENT_EVENTS=1"}});
    });
  }
  // A refused hello: an alert access_denied before the reset, or the reset alone.
  testing::AssertionResult Refused(const std::string& line) {
    return Said(The(), line, {"reset", "alert:49+reset", "alert:49+closed", "ECONNRESET"});
  }
  bool Starts(const std::string& line, const std::string& text) { return The().Said(line).starts_with(text); }
  // No connection of the world was asked for, by SNI, Host or bytes, what `text` names.
  testing::AssertionResult NeverOutside(const std::string& text) {
    for (const outside::Seen& seen : The().outcome.connections) {
      if (seen.port != 53 && (seen.bytes.find(text) != std::string::npos || seen.sni == text))
        return testing::AssertionFailure() << text << " reached " << seen.address << ":" << seen.port;
    }
    return testing::AssertionSuccess();
  }
};

TEST_P(Streams, TL01_AGrantedNameDoesNotOpenAnAddressThatWasNotAnsweredForIt) {
  EXPECT_TRUE(Refused("TL01.unanswered"));
  EXPECT_TRUE(NothingOut(The(), At(90)));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_not_answered", {To(90), Port(443), "\"ruleRef\":\""}));
}

TEST_P(Streams, TL02_TlsWithoutAName) {
  for (const char* line : {"TL02.none", "TL02.empty", "TL02.literal", "TL02.bare"}) EXPECT_TRUE(Refused(line));
  EXPECT_TRUE(NothingOut(The(), At(91)));
  EXPECT_GE(The().Sum(kL7, {"\"reasonCode\":\"l7_sni_missing\""}), 1u);
  EXPECT_TRUE(Denied(The(), kFlow, "gate_not_answered", {To(91)}));
  EXPECT_TRUE(Said(The(), "TL02.twin", {"serverhello"})) << "a grant of the address";
}

TEST_P(Streams, TL03_FrontingInPlainHttpIsRefusedAndReadmeTellsOfTls) {
  EXPECT_TRUE(Starts("TL03.twin", "403(")) << The().Said("TL03.twin");
  EXPECT_TRUE(Denied(The(), kL7, "l7_http_host_allowlist_miss", {Sni("evil.test")}));
  std::ifstream file(CELLOS_SOURCE_DIR "/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(readme.find("fronting"), std::string::npos) << "README.md says what is not seen inside TLS";
}

TEST_P(Streams, TL04_AnotherNameOnAGrantedNamesAddress) {
  EXPECT_TRUE(Refused("TL04.other-name"));
  EXPECT_TRUE(Refused("TL04.ungranted"));
  EXPECT_TRUE(Denied(The(), kL7, "l7_sni_allowlist_miss", {Sni("other.test")}));
  EXPECT_TRUE(Denied(The(), kL7, "l7_sni_allowlist_miss", {Sni("evil.test"), "\"ruleRef\":\""}));
  EXPECT_TRUE(NeverOutside("other.test"));
  EXPECT_TRUE(NeverOutside("evil.test"));
  EXPECT_TRUE(Said(The(), "TL04.twin", {"serverhello"}));
}

TEST_P(Streams, TL05_ProtocolsThatAGrantDoesNotSpeak) {
  for (const char* line : {"TL05.ssh", "TL05.raw", "TL05.tls-on-80"}) EXPECT_TRUE(Refused(line));
  EXPECT_FALSE(Starts("TL05.upgrade", "101")) << The().Said("TL05.upgrade");
  EXPECT_TRUE(Denied(The(), kL7, "l7_unknown_protocol", {}));
  EXPECT_GE(The().Sum(kL7, {"\"reasonCode\":\"l7_unknown_protocol\""}), 3u);
  EXPECT_TRUE(NeverOutside("SSH-2.0-x\r\n") || The().Said("TL05.twin") == "data:SSH-2.0-x%0d%0a");
  for (const outside::Seen& seen : The().outcome.To(At(40), 443))
    EXPECT_TRUE(seen.bytes.starts_with('\x16')) << seen.bytes;
  EXPECT_TRUE(Said(The(), "TL05.twin", {"data:SSH-2.0-x%0d%0a"}));
}

TEST_P(Streams, TL06_QuicIsRefusedAtOnce) {
  EXPECT_TRUE(Said(The(), "TL06.quic", {"ECONNREFUSED", "send:EPERM"}));
  EXPECT_EQ(The().outcome.Datagrams(At(40)), "");
  EXPECT_TRUE(Denied(The(), kFlow, "nft_http3_blocked", {"\"nftRuleRef\":\"dnsAuthority.blockUdpHttp3\""}));
  EXPECT_TRUE(Said(The(), "TL04.twin", {"serverhello"})) << "TCP works";
}

TEST_P(Streams, TL07_PlainHttpToANameThatIsGrantedOn443) {
  EXPECT_TRUE(Said(The(), "TL07.on-80", {"reset", "ECONNRESET"}));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_port", {To(40), Port(80)}));
  EXPECT_TRUE(Said(The(), "TL07.on-8081", {"ECONNREFUSED"}));
  EXPECT_TRUE(Denied(The(), kFlow, "nft_default_drop", {}));
  EXPECT_TRUE(NothingOut(The(), At(40), 80));
  EXPECT_TRUE(NothingOut(The(), At(40), 8081));
  EXPECT_TRUE(Said(The(), "TL07.twin", {"200"}));
}

TEST_P(Streams, TL08_AStockClientGetsTheSameVerdicts) {
  Zone();
  World().Forget();
  const std::string script =
      "getent ahosts secure.test > /dev/null && echo name; getent ahosts denied8.test > /dev/null || echo no-name; "
      "(exec 3<>/dev/tcp/" +
      At(95) +
      "/8081) 2>/dev/null || echo no-port; "
      "(exec 3<>/dev/tcp/raw.test/5432; echo hello >&3; read -t 5 line <&3; echo $line) 2>/dev/null";
  const Net net = Document();
  How how;
  how.options = {"--dns-resolver", (v6() ? "[" + Resolver() + "]" : Resolver()) + ":53",
                 "--allow",        "secure.test",
                 "--allow",        "raw.test:5432/tcp"};
  const Finished run = Run({"/bin/bash", "-c", script}, how);
  EXPECT_EQ(run.out, "name\nno-name\nno-port\nhello\n") << run.err << run.json;
  EXPECT_TRUE(run.Logged("observability.v1.dns_query", {"denied8.test", "denied_not_in_allowlist"}));
  EXPECT_EQ(World().Now().Out(At(95)), 0u);
}

TEST_P(Streams, TL10_ARedirectIsJudgedAsAnyOtherConnection) {
  EXPECT_TRUE(Said(The(), "TL10.redirect", {"302"}));
  EXPECT_TRUE(Starts("TL10.next", "REFUSED")) << The().Said("TL10.next");
  EXPECT_TRUE(Said(The(), "TL10.next-flow", {"reset", "ECONNRESET"}));
  EXPECT_TRUE(NothingOut(The(), At(92)));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_not_answered", {To(92)}));
}

TEST_P(Streams, TL11_WhatIsNotStoppedIsSaid) {
  std::ifstream file(CELLOS_SOURCE_DIR "/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(readme.find("timing"), std::string::npos) << "README.md tells of channels in timing and size";
  EXPECT_TRUE(The().Logged(kClosed, {"\"bytesOut\":", "\"bytesIn\":"}));
}

TEST_P(Streams, TL12_NothingIsTerminated) {
  EXPECT_TRUE(Said(The(), "TL12.pinned", {"peer:outside+HTTP/1.1_200"}));
  bool seen = false;
  for (const outside::Seen& connection : The().outcome.To(At(40), 443)) seen |= connection.client == "inside";
  EXPECT_TRUE(seen) << "the server sees the client's certificate";
}

TEST_P(Streams, TL14_EveryRequestOfAConnectionIsJudged) {
  EXPECT_TRUE(Starts("TL14.keep-alive", "200,403(")) << The().Said("TL14.keep-alive");
  const std::string piped = The().Said("TL14.pipelined");
  EXPECT_TRUE(piped.starts_with("200,403(") || piped.starts_with("403(") || piped.starts_with("reset")) << piped;
  EXPECT_TRUE(Denied(The(), kL7, "l7_http_host_allowlist_miss", {Sni("evil14.test")}));
  EXPECT_TRUE(Denied(The(), kL7, "l7_http_host_allowlist_miss", {Sni("evil14p.test")}));
  for (const char* line : {"TL14.absolute", "TL14.two-hosts", "TL14.no-host", "TL14.connect"})
    EXPECT_FALSE(Starts(line, "200")) << line << " " << The().Said(line);
  EXPECT_GE(The().Sum(kL7, {"\"reasonCode\":\"l7_host_mismatch\""}), 2u);
  EXPECT_GE(The().Sum(kL7, {"\"reasonCode\":\"l7_http_host_missing\""}), 1u);
  EXPECT_TRUE(NeverOutside("evil14"));
  EXPECT_TRUE(Said(The(), "TL14.twin", {"200,200,200"}));
  EXPECT_TRUE(Said(The(), "TL14.twin-chunked", {"200"}));
}

TEST_P(Streams, TL15_EveryStreamOfAnH2cConnectionIsJudged) {
  EXPECT_NE(The().Said("TL15.mixed").find("rst:3=7"), std::string::npos) << The().Said("TL15.mixed");
  EXPECT_TRUE(Denied(The(), kL7, "l7_h2_authority_allowlist_miss", {Sni("evil15.test"), "\"streamId\":3"}));
  EXPECT_TRUE(Denied(The(), kL7, "l7_h2_authority_allowlist_miss", {Sni("evil15f.test"), "\"streamId\":1"}));
  EXPECT_TRUE(The().Logged(kL7, {"l7_h2_authority_allowlist_match", "\"streamId\":1"}));
  EXPECT_TRUE(NeverOutside("evil15"));
  EXPECT_TRUE(NeverOutside("body-of-evil"));
  bool preface = false;
  for (const outside::Seen& seen : The().outcome.To(At(42)))
    preface |= seen.bytes.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") &&
               seen.bytes.find("body-of-plain.test") != std::string::npos;
  EXPECT_TRUE(preface);
  EXPECT_TRUE(Starts("TL15.twin", "settings")) << The().Said("TL15.twin");
}

TEST_P(Streams, TL16_TheGatesOwnListenersAreNoDestination) {
  for (const char* line : {"TL16.gate-40000", "TL16.gate-40053", "TL16.loopback-40000", "TL16.loopback-40053"})
    EXPECT_TRUE(Said(The(), line, {"ECONNREFUSED", "reset", "ECONNRESET"}));
  EXPECT_TRUE(The().Logged(kFlow, {"\"decision\":\"deny\"", Port(40000)})) << "told as refused";
}

TEST_P(Streams, TL17_WhoWaitsForTheServerIsClosed) {
  EXPECT_TRUE(Said(The(), "TL17.waits", {"closed", "reset", "alert:49+reset"}));
  EXPECT_TRUE(Said(The(), "TL17.waits-80", {"closed", "reset"}));
  EXPECT_TRUE(Denied(The(), kL7, "l7_peek_timeout", {}));
  EXPECT_TRUE(Said(The(), "TL17.twin", {"data:220_ready"}));
}

TEST_P(Streams, TL18_HellosThatCannotBeTrusted) {
  for (const char* shape : {"two-names", "two-lists", "other-type", "lying-name", "lying-list", "lying-extensions",
                            "nul", "space", "long"}) {
    EXPECT_TRUE(
        Said(The(), std::string("TL18.") + shape, {"reset", "alert:49+reset", "alert:50+reset", "alert:49+closed"}));
  }
  EXPECT_TRUE(Said(The(), "TL18.lying-hello", {"reset", "closed", "alert:49+reset", "alert:50+reset"}));
  EXPECT_GE(The().Sum(kL7, {"\"reasonCode\":\"l7_malformed_hello\""}), 5u);
  EXPECT_TRUE(Said(The(), "TL18.ech", {"reset", "alert:49+reset", "alert:49+closed"}));
  EXPECT_TRUE(Denied(The(), kL7, "l7_ech_not_granted", {}));
  EXPECT_TRUE(Said(The(), "TL18.twin-case", {"serverhello"}));
}

TEST_P(Streams, TL19_PortAndNameBelongTogether) {
  EXPECT_TRUE(Refused("TL19.port-of-other"));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_port", {To(46), Port(443)}));
  EXPECT_TRUE(Refused("TL19.other-way"));
  EXPECT_TRUE(Denied(The(), kFlow, "gate_port", {To(45), Port(8443)}));
  EXPECT_TRUE(Said(The(), "TL19.port-22", {"ECONNREFUSED"}));
  EXPECT_TRUE(NothingOut(The(), At(46), 443));
  EXPECT_TRUE(NothingOut(The(), At(45)));
  EXPECT_TRUE(Said(The(), "TL19.twin", {"serverhello"}));
}

TEST_P(Streams, TL20_AHelloInPiecesIsJudgedWholeAndForwardedUnchanged) {
  for (const char* line : {"TL20.split", "TL20.edge", "TL20.records"}) EXPECT_TRUE(Said(The(), line, {"serverhello"}));
  for (const char* line : {"TL20.split-denied", "TL20.edge-denied", "TL20.records-denied"}) EXPECT_TRUE(Refused(line));
  for (const char* name : {"evil20.test", "evil20e.test", "evil20r.test"}) {
    EXPECT_TRUE(Denied(The(), kL7, "l7_sni_allowlist_miss", {Sni(name)}));
    EXPECT_TRUE(NeverOutside(name));
  }
  EXPECT_TRUE(Said(The(), "LAST.twin", {"serverhello"}));
}

// ------------------------------------------------------------------------------------- cells of their own

class LongStreams : public Streams {};

TEST_P(LongStreams, TL09_ATunnelEndsAtItsBudget) {
  Zone();
  const Net net = {.rules = {Rule("raw.test", 5432, "tcp")}, .names = {"raw.test"}};
  const Words lines = {"ask dns " + Server() + " raw.test " + Type(), "--",
                       "within bulk " + At(43) + " 5432 bytes=500000", "--",
                       "tunnel bulk " + At(43) + " 5432 bytes=16777216"};
  const Trial trial = TryAll(net, lines, {.environment = {"CELLOS_FLOW_MAX_BYTES_OUT=1000000"}});
  EXPECT_TRUE(Said(trial, "within", {"bytes:500000"}));
  EXPECT_TRUE(trial.Logged(kClosed, {"\"bytesIn\":500000", "\"bytesOut\":500000"}));
  EXPECT_TRUE(trial.Said("tunnel").ends_with("+reset")) << trial.Said("tunnel");
  EXPECT_TRUE(
      trial.Logged(kClosed, {"\"bytesOut\":1000000", "\"reasonCode\":\"gate_budget\"", "\"closedBy\":\"gate\""}));
  std::uint64_t got = 0;
  for (const outside::Seen& seen : trial.outcome.To(At(43), 5432)) got = std::max(got, seen.count);
  EXPECT_LE(got, 1000000u);
}

TEST_P(LongStreams, TL13_SilentConnectionsDoNotStarveAGrantedOne) {
  Zone();
  World().Forget();
  const Net net = Document();
  const Started started =
      StartTrial(net, {"ask dns " + Server() + " secure.test " + Type(), "ask2 dns " + Server() + " raw.test " + Type(),
                       "--", "silent silent " + At(40) + " 443 count=2000 hold=3000",
                       "half silent " + At(43) + " 5432 count=1000 hold=500 half-close", "-- 2500",
                       "twin tls " + At(40) + " 443 sni=secure.test", "twin2 tcp " + At(43) + " 5432 send=hi want=2"});
  const auto resident = [&] {
    const pid_t gate = ProcessNamed("cellos-gate");
    std::istringstream status(Read("/proc/" + std::to_string(gate) + "/status"));
    for (std::string word; status >> word;) {
      long kilobytes = 0;
      if (word == "VmRSS:" && status >> kilobytes) return kilobytes;
    }
    return 0l;
  };
  long most = 0;
  for (int i = 0; i < 200 && Read(top() + "/out").find("twin2") == std::string::npos; ++i, ::usleep(20'000))
    most = std::max(most, resident());
  const Trial trial = FinishTrial(started);
  EXPECT_EQ(trial.run.Reason(), "completed") << trial.run.err;
  EXPECT_TRUE(Said(trial, "twin", {"serverhello"}));
  EXPECT_TRUE(Said(trial, "twin2", {"data:hi"}));
  EXPECT_TRUE(Denied(trial, kFlow, "gate_limit", {"\"ruleRef\":\"builtin."}));
  EXPECT_GT(most, 0);
  EXPECT_LT(most, 24'000) << "kilobytes of the gate";
  EXPECT_EQ(trial.outcome.To(At(40), 443).size(), 1u) << "a silent connection is not dialled";
}

NET_ATTACK_AS_EVERYBODY(Streams);
NET_ATTACK_IN_TWO_WAYS(LongStreams);

}  // namespace
}  // namespace attacks
