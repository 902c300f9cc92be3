// SPDX-License-Identifier: Apache-2.0
// Rows NS of the threats: questions, answers and resolvers.
#include "net_harness.h"

namespace attacks {
namespace {

constexpr char kDns[] = "observability.v1.dns_query", kFlow[] = "observability.v1.network_flow_decision";

std::string Q(const std::string& name) { return "\"queryName\":\"" + name + "\""; }

class Names : public NetTest {
 protected:
  static void Zone() {
    NameAt("granted.test", 10);
    NameAt("*.wild.test", 11);
    Table(
        "rebind.test A 0 203.0.113.12 @1\nrebind.test AAAA 0 2001:db8:113::c @1\nrebind.test A 0 127.0.0.1 "
        "@2\nrebind.test A 0 10.0.0.1 @3+\nrebind.test AAAA 0 ::1 @2\n"
        "rebind.test AAAA 0 fd12::1 @3+\n");
    Name("loopback.class.test", "127.0.0.1", "::1");
    Name("private.class.test", "10.0.0.1", "fd12::1");
    Name("linklocal.class.test", "169.254.1.1", "fe80::1");
    Name("metadata.class.test", "169.254.169.254", "fd00:ec2::254");
    Name("multicast.class.test", "224.0.0.1", "ff02::1");
    Name("unspecified.class.test", "0.0.0.0", "::");
    Name("host.class.test", outside::kHost4, outside::kHost6);
    Name("mapped.class.test", "100.64.0.1", "::ffff:10.0.0.1");
    Name("nat64.class.test", "192.168.7.7", "64:ff9b::a00:1");
    Name("mixed.class.test", "192.168.1.1", "fd34::1");
    NameAt("mixed.class.test", 13);
    Name("opened.class.test", "10.9.9.9", "fd99::9");
    Table("cdn.test CNAME 300 edge.cdn-inside.test\n");
    NameAt("edge.cdn-inside.test", 14);
    Table("loop-a.test CNAME 300 loop-b.test\nloop-b.test CNAME 300 loop-a.test\n");
    for (int i = 0; i < 17; ++i)
      Table("l" + std::to_string(i) + ".long.test CNAME 300 l" + std::to_string(i + 1) + ".long.test\n");
    NameAt("l17.long.test", 15);
    NameAt("tc.wild.test", 16);
    NameAt("forge.wild.test", 17);
    for (const char* liar : {"wrong-id", "wrong-port", "wrong-source", "wrong-question", "garbage", "qr-zero",
                             "pointer-loop", "long-rdlength", "silent"}) {
      NameAt(std::string(liar) + ".lies.test", 18);
      Table(std::string(liar) + ".lies.test !" + liar + "\n");
    }
    Table(
        "tc.wild.test !truncate\nforge.wild.test !forge 40\nupper.wild.test !upper-case\n"
        "extra.wild.test !extra victim.wild-not.test 203.0.113.19\n");
    NameAt("upper.wild.test", 20);
    NameAt("extra.wild.test", 21);
    NameAt("dns.quad9.net", 22);
    NameAt("other.quad9.net", 23);
    Table(
        "https.wild.test HTTPS 300 1 . alpn=h2 port=8443 ipv4hint=10.0.0.1 ech=0001020304 ipv6hint=fd12::1\n"
        "hints.wild.test HTTPS 300 1 . alpn=h2 ipv4hint=203.0.113.24 ipv6hint=2001:db8:113::18\n"
        "v4only.test A 300 203.0.113.25\nv6only.test AAAA 300 2001:db8:113::19\n");
  }

  Net Document() const {
    return {
        .rules = {Rule("granted.test", 443), Rule("*.wild.test", 443), Rule("rebind.test", 443),
                  Rule(Either("10.9.9.9", "fd99::9"), 5432, "tcp"), Rule("v4only.test", 443), Rule("v6only.test", 443)},
        .names = {"granted.test", "*.wild.test", "rebind.test", "*.class.test", "cdn.test", "loop-a.test",
                  "*.long.test", "*.lies.test", "*.quad9.net", "v4only.test", "v6only.test"}};
  }

  std::string Ask(const std::string& line, const std::string& name, const std::string& more = "") const {
    return line + " dns " + Server() + " " + name + " " +
           (more.empty() || more[0] == '+' ? Type() + more.substr(!more.empty()) : more);
  }

  Words Lines() const {
    Words lines;
    const auto add = [&](const std::string& line, const std::string& name, const std::string& more = "") {
      lines.push_back(Ask(line, name, more));
    };
    add("NS01.first", "rebind.test");
    for (const char* name : {"loopback", "private", "linklocal", "metadata", "multicast", "unspecified", "host",
                             "mapped", "nat64", "mixed", "opened"}) {
      add(std::string("NS02.") + name, std::string(name) + ".class.test");
    }
    lines.push_back("--");
    add("NS01.second", "rebind.test");
    add("NS03.cdn", "cdn.test");
    add("NS03.target", "edge.cdn-inside.test");
    add("NS03.loop", "loop-a.test");
    add("NS03.long", "l0.long.test");
    add("NS04.tunnel", "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiytemzugu3d.evil.test");
    add("NS04.suffix", "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiytemzugu3d.evil.test.granted.test");
    for (const char* type : {"TXT", "NULL", "ANY", "SRV", "TYPE65280", "PTR", "MX", "SVCB"})
      add(std::string("NS05.") + type, "granted.test", type);
    add("NS05.chaos", "granted.test", Type() + " class=3 wait=700");
    add("NS05.arpa", "_dns.resolver.arpa", "SVCB");
    lines.push_back("--");
    const std::string foreign = Either("9.9.9.9", "2620:fe::fe");
    lines.push_back("NS06.granted dns " + foreign + " granted.test " + Type() + " tcp");
    lines.push_back("NS06.denied dns " + foreign + " denied.test " + Type() + " tcp");
    lines.push_back("NS06.type dns " + foreign + " granted.test TXT tcp");
    lines.push_back("NS06.private dns " + foreign + " private.class.test " + Type() + " tcp");
    add("NS06.truncated", "tc.wild.test");
    lines.push_back("NS07.literal tls " + Either("1.1.1.1", "2606:4700:4700::1111") + " 443 shape=none");
    add("NS07.google", "dns.google");
    add("NS07.wildcard", "dns.quad9.net");
    add("NS07.twin", "other.quad9.net");
    add("NS08.https", "https.wild.test", "HTTPS");
    add("NS08.hints", "hints.wild.test", "HTTPS");
    int n = 0;
    for (const std::string& server : {Either("8.8.8.8", "2001:4860:4860::8888"), Either("127.0.0.53", "::1"),
                                      Either(outside::kHost4, outside::kHost6)}) {
      const std::string line = "NS09." + std::to_string(n++);
      lines.push_back(line + "granted dns " + server + " granted.test " + Type());
      lines.push_back(line + "denied dns " + server + " denied9.test " + Type());
    }
    lines.push_back("--");
    add("NS10.upper", "GRANTED.TEST");
    add("NS10.dot-in-label", "granted%2etest", "+ wait=600");
    add("NS10.look-alike", "xn--grnted-jta.test");
    add("NS10.long-label", std::string(64, 'a') + ".wild.test", "+ wait=600");
    std::string name255;
    for (int i = 0; i < 5; ++i) name255 += std::string(50, 'a') + ".";
    add("NS10.long-name", name255 + "wild.test", "+ wait=600");
    add("NS10.nul", "granted.test%00.evil.test", "+ wait=600");
    add("NS10.nul-inside", "a%00b.wild.test", "+ wait=600");
    add("NS10.backslash", "a%5cb.wild.test", "+ wait=600");
    add("NS11.forge", "forge.wild.test");
    add("NS11.extra", "extra.wild.test");
    for (const char* liar : {"wrong-id", "wrong-port", "wrong-source", "wrong-question", "garbage", "qr-zero",
                             "pointer-loop", "long-rdlength", "silent"}) {
      add(std::string(std::string(liar).find("wrong") == 0 ? "NS11." : "NS15.") + liar,
          std::string(liar) + ".lies.test");
    }
    add("NS13.case", "gRaNtEd.TeSt");
    add("NS13.upper", "upper.wild.test");
    const std::string tail = "0774657374696e670000010001";  // a label that names nothing, then type and class
    const std::pair<const char*, std::string> messages[] = {
        {"no-question", "123401000000000000000000"},
        {"two-questions", "123401000002000000000000" + tail + tail},
        {"65535-questions", "12340100ffff000000000000" + tail},
        {"pointer", "123401000001000000000000c00c00010001"},
        {"pointer-chain", "12340100000100000000000003616263c00c00010001"},
        {"response", "123481000001000000000000" + tail},
        {"update", "123428000001000000000000" + tail},
        {"eleven-bytes", "1234010000010000000000"},
        {"rdlength", "123401000001000000000001" + tail + "00002904d000000000ffff"},
        {"answer", "123401000001000100000000" + tail + "c00c000100010000003c000401010101"}};
    for (const auto& [what, hex] : messages)
      lines.push_back(std::string("NS15.") + what + " dns-raw " + Server() + " " + hex + " wait=600");
    add("NS18.v4only", "v4only.test");
    add("NS18.v6only", "v6only.test");
    lines.push_back("--");
    lines.push_back("NS01.dial tls " + Either("10.0.0.1", "fd12::1") + " 443 sni=rebind.test");
    lines.push_back("NS11.victim tls 203.0.113.19 443 sni=extra.wild.test");
    lines.push_back("NS03.connect tls " + At(14) + " 443 sni=cdn.test");
    add("NS15.twin", "granted.test");
    lines.push_back("NS15.twin-connect tls " + At(10) + " 443 sni=granted.test");
    return lines;
  }

  const Trial& The() {
    return Once("names", [this] {
      Zone();
      return TryAll(Document(), Lines());
    });
  }
  // The answer of a line up to its first ';', and whether it holds `part`.
  std::string Code(const std::string& line) { return The().Said(line).substr(0, The().Said(line).find(';')); }
  bool Holds(const std::string& line, const std::string& part) {
    return The().Said(line).find(part) != std::string::npos;
  }
  // REFUSED, with an extended error of that number which names a rule; and so in the log.
  testing::AssertionResult Refused(const std::string& line, const std::string& name, const std::string& reason,
                                   int ede) {
    if (Code(line) != "REFUSED" || !Holds(line, ";ede=" + std::to_string(ede) + ":"))
      return testing::AssertionFailure() << line << ": " << The().Said(line);
    return Denied(The(), kDns, reason, {Q(name), "\"ruleRef\":\""});
  }
  testing::AssertionResult Silent(const std::string& line) { return Said(The(), line, {"timeout"}); }
};

TEST_P(Names, NS01_ASecondAnswerThatIsPrivateIsStripped) {
  EXPECT_TRUE(Holds("NS01.first", ";a=" + At(12))) << The().Said("NS01.first");
  EXPECT_EQ(Code("NS01.second"), "NOERROR");
  EXPECT_FALSE(Holds("NS01.second", ";a=")) << The().Said("NS01.second");
  EXPECT_TRUE(Denied(The(), kDns, "denied_address_class", {Q("rebind.test"), "\"ruleRef\":\"builtin."}));
  EXPECT_TRUE(NothingOut(The(), Either("10.0.0.1", "fd12::1")));
  EXPECT_TRUE(Said(The(), "NS01.dial", {"reset", "ECONNRESET"}));
}

TEST_P(Names, NS02_AnAddressThatNoNameOpensIsTakenOutOfTheAnswer) {
  for (const char* name :
       {"loopback", "private", "linklocal", "metadata", "multicast", "unspecified", "host", "mapped", "nat64"}) {
    const std::string line = std::string("NS02.") + name;
    EXPECT_EQ(Code(line), "NOERROR") << line << " " << The().Said(line);
    EXPECT_FALSE(Holds(line, ";a=")) << line << " " << The().Said(line);
    EXPECT_TRUE(Holds(line, ";ede=17:")) << line << " " << The().Said(line);
    EXPECT_TRUE(
        Denied(The(), kDns, "denied_address_class", {Q(std::string(name) + ".class.test"), "\"ruleRef\":\"builtin."}));
  }
  EXPECT_EQ(The().Said("NS02.mixed").find(";a=" + Either("192.168.1.1", "fd34::1")), std::string::npos);
  EXPECT_TRUE(Holds("NS02.mixed", ";a=" + At(13))) << The().Said("NS02.mixed");
  EXPECT_TRUE(Holds("NS02.opened", ";a=" + Either("10.9.9.9", "fd99::9"))) << The().Said("NS02.opened");
}

TEST_P(Names, NS03_AChainIsFollowedToItsBoundAndCreditsTheAskedName) {
  EXPECT_TRUE(Holds("NS03.cdn", ";a=" + At(14))) << The().Said("NS03.cdn");
  EXPECT_TRUE(Refused("NS03.target", "edge.cdn-inside.test", "denied_not_in_allowlist", 15));
  EXPECT_EQ(The().outcome.Asked("edge.cdn-inside.test"), 0u);
  for (const auto& [line, name] : {std::pair{"NS03.loop", "loop-a.test"}, std::pair{"NS03.long", "l0.long.test"}}) {
    EXPECT_FALSE(Holds(line, ";a=")) << line << " " << The().Said(line);
    EXPECT_TRUE(Denied(The(), kDns, "denied_cname_chain", {Q(name)}));
  }
}

TEST_P(Names, NS04_ATunnelOfLabelsReachesNobody) {
  const std::string label = "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiytemzugu3d";
  EXPECT_TRUE(Refused("NS04.tunnel", label + ".evil.test", "denied_not_in_allowlist", 15));
  EXPECT_TRUE(Refused("NS04.suffix", label + ".evil.test.granted.test", "denied_not_in_allowlist", 15));
  EXPECT_EQ(The().outcome.Asked(".evil.test"), 0u);
  EXPECT_EQ(The().outcome.Asked(".evil.test.granted.test"), 0u);
}

TEST_P(Names, NS05_TypesAndClassesThatWereNotGranted) {
  for (const char* type : {"TXT", "NULL", "ANY", "SRV", "TYPE65280", "PTR", "MX", "SVCB"}) {
    EXPECT_TRUE(Refused(std::string("NS05.") + type, "granted.test", "denied_query_type", 15)) << type;
    EXPECT_EQ(The().outcome.Asked("granted.test", type), 0u) << type;
  }
  EXPECT_EQ(Code("NS05.arpa"), "REFUSED");
  EXPECT_TRUE(Silent("NS05.chaos"));
  EXPECT_TRUE(The().Logged(kDns, {"\"reasonCode\":\"malformed_query\"", Q("(unknown)")}));
}

TEST_P(Names, NS06_TcpIsJudgedAsUdpIs) {
  EXPECT_TRUE(Holds("NS06.granted", ";a=" + At(10))) << The().Said("NS06.granted");
  EXPECT_EQ(Code("NS06.denied"), "REFUSED");
  EXPECT_EQ(Code("NS06.type"), "REFUSED");
  EXPECT_FALSE(Holds("NS06.private", ";a=")) << The().Said("NS06.private");
  EXPECT_TRUE(Denied(The(), kDns, "denied_not_in_allowlist", {Q("denied.test"), "\"transport\":\"tcp\""}));
  EXPECT_EQ(The().outcome.Asked("denied.test"), 0u);
  EXPECT_TRUE(Holds("NS06.truncated", ";a=" + At(16))) << The().Said("NS06.truncated");
  EXPECT_GE(The().outcome.Asked("tc.wild.test"), 2u) << "truncated, then asked over TCP";
  EXPECT_TRUE(NothingOut(The(), Either("9.9.9.9", "2620:fe::fe")));
}

TEST_P(Names, NS07_NoOtherWayToResolve) {
  EXPECT_TRUE(Said(The(), "NS07.literal", {"reset", "ECONNRESET"}));
  EXPECT_TRUE(NothingOut(The(), Either("1.1.1.1", "2606:4700:4700::1111")));
  EXPECT_TRUE(
      Denied(The(), kFlow, "gate_not_answered", {"\"dstAddr\":\"" + Either("1.1.1.1", "2606:4700:4700::1111")}));
  EXPECT_TRUE(Refused("NS07.google", "dns.google", "denied_not_in_allowlist", 15));
  EXPECT_TRUE(Refused("NS07.wildcard", "dns.quad9.net", "denied_doh_host", 15));
  EXPECT_TRUE(Holds("NS07.twin", ";a=" + At(23))) << The().Said("NS07.twin");
}

TEST_P(Names, NS08_ServiceRecordsLoseEchAndPrivateHints) {
  EXPECT_EQ(Code("NS08.https"), "NOERROR");
  EXPECT_FALSE(Holds("NS08.https", "5-")) << "ech: " << The().Said("NS08.https");
  EXPECT_FALSE(Holds("NS08.https", "4-")) << "a private hint: " << The().Said("NS08.https");
  EXPECT_FALSE(Holds("NS08.https", "6-")) << "a private hint: " << The().Said("NS08.https");
  EXPECT_TRUE(Holds("NS08.hints", "svcb=")) << The().Said("NS08.hints");
}

TEST_P(Names, NS09_WhateverServerIsAskedTheProxyAnswers) {
  const std::string servers[] = {Either("8.8.8.8", "2001:4860:4860::8888"), Either("127.0.0.53", "::1"),
                                 Either(outside::kHost4, outside::kHost6)};
  for (int i = 0; i < 3; ++i) {
    const std::string line = "NS09." + std::to_string(i);
    EXPECT_TRUE(Holds(line + "granted", ";a=" + At(10))) << The().Said(line + "granted");
    EXPECT_EQ(Code(line + "denied"), "REFUSED");
    EXPECT_TRUE(The().Logged(kDns, {Q("denied9.test"), "\"askedServer\":\"" + servers[i]})) << servers[i];
    EXPECT_TRUE(NothingOut(The(), servers[i]));
  }
  EXPECT_EQ(The().outcome.Asked("denied9.test"), 0u);
}

TEST_P(Names, NS10_OneCanonicalForm) {
  EXPECT_TRUE(Holds("NS10.upper", ";a=" + At(10))) << The().Said("NS10.upper");
  EXPECT_TRUE(The().Logged(kDns, {Q("granted.test"), "\"decision\":\"allow\""}));
  EXPECT_TRUE(Refused("NS10.look-alike", "xn--grnted-jta.test", "denied_not_in_allowlist", 15));
  for (const char* line :
       {"NS10.dot-in-label", "NS10.long-label", "NS10.long-name", "NS10.nul", "NS10.nul-inside", "NS10.backslash"}) {
    EXPECT_TRUE(Said(The(), line, {"timeout", "REFUSED"})) << line;
  }
  EXPECT_TRUE(Silent("NS10.dot-in-label"));
  EXPECT_TRUE(Silent("NS10.long-label"));
  for (const outside::DnsAsked& asked : The().outcome.asked) {
    EXPECT_EQ(asked.name.find_first_of(std::string_view("\0\\", 2)), std::string::npos) << asked.name;
    EXPECT_NE(asked.name, "(malformed)");
  }
}

TEST_P(Names, NS11_ForgedAnswersAreIgnored) {
  EXPECT_TRUE(Holds("NS11.forge", ";a=" + At(17))) << The().Said("NS11.forge");
  EXPECT_TRUE(Holds("NS11.extra", ";a=" + At(21))) << The().Said("NS11.extra");
  EXPECT_TRUE(Said(The(), "NS11.victim", {"reset", "ECONNRESET"})) << "what came along stands for nobody";
  EXPECT_TRUE(Denied(The(), kFlow, "gate_not_answered", {"\"dstAddr\":\"203.0.113.19\""}));
  EXPECT_TRUE(NothingOut(The(), "203.0.113.19"));
  for (const char* liar : {"wrong-port", "wrong-source", "wrong-question", "wrong-id"}) {
    const std::string line = std::string("NS11.") + liar;
    // Nothing true came over UDP: an error, or the truth over TCP.
    const bool true_one = Holds(line, ";a=" + At(18));
    EXPECT_TRUE(Code(line) == "SERVFAIL" || true_one) << line << " " << The().Said(line);
    if (!true_one) {
      EXPECT_TRUE(Denied(The(), kDns, "upstream_failure", {Q(std::string(liar) + ".lies.test")}));
    }
  }
}

TEST_P(Names, NS13_LetterCase) {
  EXPECT_TRUE(Holds("NS13.case", ";a=" + At(10))) << The().Said("NS13.case");
  EXPECT_FALSE(Holds("NS13.case", "question-changed")) << The().Said("NS13.case");
  EXPECT_TRUE(Holds("NS13.upper", ";a=" + At(20))) << "asked again over TCP: " << The().Said("NS13.upper");
  bool tcp = false;
  for (const outside::DnsAsked& asked : The().outcome.asked)
    tcp |= asked.tcp && outside::Lower(asked.name) == "upper.wild.test";
  EXPECT_TRUE(tcp);
}

TEST_P(Names, NS15_MalformedMessages) {
  for (const char* what : {"no-question", "two-questions", "65535-questions", "pointer", "pointer-chain", "response",
                           "update", "eleven-bytes", "rdlength", "answer"}) {
    EXPECT_TRUE(Silent(std::string("NS15.") + what));
  }
  EXPECT_GE(The().Sum(kDns, {"\"reasonCode\":\"malformed_query\""}), 11u);
  for (const char* liar : {"garbage", "qr-zero", "pointer-loop", "long-rdlength", "silent"}) {
    const std::string line = std::string("NS15.") + liar;
    EXPECT_EQ(Code(line), "SERVFAIL") << line << " " << The().Said(line);
    EXPECT_TRUE(Denied(The(), kDns, "upstream_failure", {Q(std::string(liar) + ".lies.test")}));
  }
  EXPECT_TRUE(Holds("NS15.twin", ";a=" + At(10)));
  EXPECT_TRUE(Said(The(), "NS15.twin-connect", {"serverhello"}));
}

TEST_P(Names, NS18_ANameOfOneFamilyHasNoDataInTheOther) {
  const std::string own = v6() ? "NS18.v6only" : "NS18.v4only", other = v6() ? "NS18.v4only" : "NS18.v6only";
  EXPECT_TRUE(Holds(own, ";a=" + At(25))) << The().Said(own);
  EXPECT_EQ(Code(other), "NOERROR");
  EXPECT_FALSE(Holds(other, ";a=")) << The().Said(other);
}

// ------------------------------------------------------------------------------------- cells of their own

TEST_P(Names, NS01_ARebindingPolicyIsToldAndRefuses) {
  Zone();
  Net net = Document();
  net.dns =
      R"("rebindingPolicy":{"maxNovelIpsPerHostname":2,"rejectOnRebind":true,"responseIpAllowlist":["rebind.test:)" +
      Either("203.0.113.0/24", "2001:db8:113::/48") + "\"]}";
  const Trial trial =
      TryAll(net, {Ask("first", "rebind.test"), "--", Ask("second", "rebind.test"), Ask("other", "granted.test"), "--",
                   "dial tls " + Either("10.0.0.1", "fd12::1") + " 443 sni=rebind.test"});
  EXPECT_NE(trial.Said("first").find(";a=" + At(12)), std::string::npos) << trial.Said("first");
  EXPECT_EQ(trial.Said("second").find(";a="), std::string::npos) << trial.Said("second");
  EXPECT_TRUE(trial.Logged("observability.v1.dns_authority_rebind_rejected", {"\"hostname\":\"rebind.test\""}))
      << "of the address that was not in the list";
  EXPECT_EQ(trial.Said("other").find(";a="), std::string::npos)
      << "a list that does not name it refuses all of its addresses";
  EXPECT_TRUE(NothingOut(trial, Either("10.0.0.1", "fd12::1")));
}

class LongNames : public Names {};

TEST_P(LongNames, NS12_AnAnswerEndsAndARunningFlowDoesNot) {
  Table(
      "short.test A 1 203.0.113.30\nshort.test AAAA 1 2001:db8:113::1e\n"
      "forever.test A 2147483647 203.0.113.31\nforever.test AAAA 2147483647 2001:db8:113::1f\n");
  const Trial trial =
      TryAll({.rules = {Rule("short.test", 5432, "tcp"), Rule("forever.test", 5432, "tcp")},
              .names = {"short.test", "forever.test"}},
             {Ask("ask", "short.test"), Ask("clamped", "forever.test"), "--",
              "running steady " + At(30) + " 5432 ms=23000", "before tcp " + At(30) + " 5432 send=hi want=2", "--",
              "after tcp " + At(30) + " 5432 send=hi want=2", "long tcp " + At(31) + " 5432 send=hi want=2"});
  EXPECT_TRUE(Said(trial, "before", {"data:hi"}));
  EXPECT_TRUE(Said(trial, "running", {"alive"}));
  EXPECT_TRUE(Said(trial, "after", {"reset", "ECONNRESET"}));
  EXPECT_TRUE(Denied(trial, kFlow, "gate_expired", {"\"dstAddr\":\"" + At(30)}));
  EXPECT_TRUE(Said(trial, "long", {"data:hi"}));
}

TEST_P(LongNames, NS14_SlowTcpClientsDoNotSlowDatagrams) {
  Zone();
  const Trial trial =
      TryAll(Document(), {"slow dns-slow " + Server() + " granted.test count=300", "--", Ask("twin", "granted.test")});
  int answered = 0, slowest = 0, ended = 0;
  ASSERT_EQ(std::sscanf(trial.Said("slow").c_str(), "answered:%d,slowest-ms:%d,ended:%d", &answered, &slowest, &ended),
            3)
      << trial.Said("slow");
  EXPECT_EQ(answered, 60);
  EXPECT_LT(slowest, 500);
  EXPECT_GE(ended, 300 - 64 - 16) << "more clients than a cell may have";
  EXPECT_TRUE(trial.Logged(kDns, {"\"reasonCode\":\"malformed_query\"", "\"transport\":\"tcp\""}));
  EXPECT_NE(trial.Said("twin").find(";a=" + At(10)), std::string::npos);
}

TEST_P(LongNames, NS16_ABudgetOfNames) {
  Zone();
  Net net = Document();
  net.dns = R"("budget":{"namesPerMinute":40,"labelBytesPerMinute":16384})";
  const Trial trial =
      TryAll(net, {Ask("known", "granted.test"), "--", "many dns-many " + Server() + " wild.test count=400", "--",
                   Ask("again", "granted.test")});
  EXPECT_NE(trial.Said("known").find(";a=" + At(10)), std::string::npos);
  EXPECT_NE(trial.Said("again").find(";a=" + At(10)), std::string::npos)
      << "a known name still answers: " << trial.Said("again");
  EXPECT_LE(trial.outcome.Asked(".wild.test"), 40u);
  EXPECT_GE(trial.outcome.Asked(".wild.test"), 30u);
  EXPECT_NE(trial.Said("many").find("REFUSED;ede=17*"), std::string::npos) << trial.Said("many");
  EXPECT_TRUE(Denied(trial, kDns, "denied_budget", {"\"ruleRef\":\"dnsAuthority.budget\""}));
  EXPECT_EQ(trial.Sum(kDns, {"\"reasonCode\":\"denied_budget\""}) + trial.outcome.Asked(".wild.test"), 400u)
      << "refusals are counted exactly";
}

NET_ATTACK_AS_EVERYBODY(Names);
NET_ATTACK_IN_TWO_WAYS(LongNames);

}  // namespace
}  // namespace attacks
