// SPDX-License-Identifier: Apache-2.0
// Which bytes reach the server, what the workload is told, and the one decision on each.
#include "gate/l7/inspector.h"

#include <gtest/gtest.h>

#include "gate/l7/test_bytes.h"

namespace gate::l7 {
namespace {

using namespace test;

std::vector<wire::GateRule> ByName() {
  return {Rule(4, kName, kHttps, "a.example"), Rule(5, kWildcard, kHttps, "*.files.example"),
          Rule(6, kName, kHttp, "a.example"), Rule(7, kWildcard, kHttp, "*.files.example")};
}
std::vector<wire::GateRule> ByAddress() {
  return {Rule(2, kAddress, kHttps, "192.0.2.1"), Rule(3, kAddress, kHttp, "192.0.2.1")};
}
const std::string kGet = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const std::string kForeign = "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n";

TEST(InspectTls, AGrantedNameIsForwardedUnchangedWithItsRule) {
  Connection one(ByName());
  const std::string hello = HelloFor("A.Example.");
  one.Trickle(hello);
  EXPECT_EQ(one.out.to_server, hello);
  EXPECT_EQ(one.out.next, Next::kSplice);
  ASSERT_EQ(one.out.decisions.size(), 1u);
  EXPECT_EQ(one.out.decisions[0].name, "a.example");
  EXPECT_EQ(one.out.decisions[0].rule.index, 4u);
  EXPECT_TRUE(one.out.decisions[0].has_sni);
}

TEST(InspectTls, NothingLeavesBeforeTheHelloIsWhole) {
  Connection one(ByName());
  const std::string hello = HelloFor("a.example");
  one.Trickle(hello.substr(0, hello.size() - 1));
  EXPECT_TRUE(one.out.to_server.empty());
  EXPECT_TRUE(one.inspector().Undecided());
}

TEST(InspectTls, AWildcardTakesNamesBelowItAndNotItself) {
  EXPECT_EQ(Connection(ByName()).Send(HelloFor("x.y.files.example")).Reasons(), "l7_sni_allowlist_match");
  EXPECT_EQ(Connection(ByName()).Send(HelloFor("files.example")).Reasons(), "l7_sni_allowlist_miss");
  EXPECT_EQ(Connection(ByName()).Send(HelloFor("xfiles.example")).Reasons(), "l7_sni_allowlist_miss");
}

TEST(InspectTls, WhatNamesNothingIsRefusedUnderANameAndTakenUnderAnAddress) {
  for (const std::string& hello : {Record(Hello("")), HelloFor("192.0.2.1"), HelloFor(".")}) {
    Connection named(ByName()), addressed(ByAddress());
    EXPECT_EQ(named.Send(hello).Reasons(), "l7_sni_missing");
    EXPECT_TRUE(named.out.to_server.empty());
    EXPECT_EQ(addressed.Send(hello).out.next, Next::kSplice);
  }
  EXPECT_EQ(Connection(ByAddress()).Send(HelloFor("any.example")).out.decisions[0].rule.index, 2u);
}

TEST(InspectTls, AnEncryptedHelloNeedsAnAddressGrant) {
  const std::string hello = Record(Hello(ServerName(NameEntry("a.example")) + Extension(0xfe0d, "x")));
  Connection named(ByName());
  EXPECT_EQ(named.Send(hello).Reasons(), "l7_ech_not_granted");
  EXPECT_EQ(named.out.decisions[0].name, "a.example");
  EXPECT_TRUE(named.out.to_server.empty());
  EXPECT_EQ(Connection(ByAddress()).Send(hello).out.next, Next::kSplice);
}

TEST(InspectTls, HellosNoClientSendsAreMalformed) {
  using namespace std::string_literals;
  for (const std::string& hello :
       {Record(Hello(ServerName(NameEntry("a.example") + NameEntry("b.example")))),
        Record(Hello(ServerName(NameEntry("a.example", 1)))), HelloFor("a.example\0.evil"s),
        HelloFor(std::string(300, 'a')), HelloFor("a b"), HelloFor("a.example.."), Record("\x02" + Block("x", 3))}) {
    Connection one(ByName());
    EXPECT_EQ(one.Send(hello).Reasons(), "l7_malformed_hello");
    EXPECT_EQ(one.out.next, Next::kEnd);
    EXPECT_TRUE(one.out.to_server.empty());
    EXPECT_TRUE(one.out.to_client.empty());
  }
}

TEST(InspectTls, ARefusalIsToldAsAlertUnlessPublishedRepliesAreAsked) {
  Connection explained(ByName(), Replies::kExplained), published(ByName());
  EXPECT_EQ(explained.Send(HelloFor("b.example")).out.to_client, std::string("\x15\x03\x03\x00\x02\x02\x31", 7));
  EXPECT_TRUE(published.Send(HelloFor("b.example")).out.to_client.empty());
}

TEST(Inspect, EachRuleTakesItsOwnProtocolOnly) {
  const std::vector<wire::GateRule> https = {Rule(0, kName, kHttps, "a.example")};
  const std::vector<wire::GateRule> http = {Rule(0, kName, kHttp, "a.example")};
  EXPECT_EQ(Connection(https).Send(kGet).Reasons(), "l7_unknown_protocol");
  EXPECT_EQ(Connection(https).Send(kStart).Reasons(), "l7_unknown_protocol");
  EXPECT_EQ(Connection(http).Send(HelloFor("a.example")).Reasons(), "l7_unknown_protocol");
  EXPECT_EQ(Connection(http).Send(kGet).Reasons(), "l7_http_host_allowlist_match");
}

TEST(Inspect, OtherProtocolsAreRefusedAtTheirFirstByte) {
  for (const char* bytes :
       {"SSH-2.0-x\r\n", "\x15", "get / HTTP/1.1", "TRACE /", "GETX / ", "PRI / HTTP/1.1", "GET\r\n"}) {
    Connection one(ByName());
    EXPECT_EQ(one.Send(bytes).Reasons(), "l7_unknown_protocol") << bytes;
    EXPECT_TRUE(one.out.to_client.empty());
  }
}

TEST(Inspect, TheDeadlineAndTheEndDecideWhatIsNotWhole) {
  for (const std::string& bytes :
       {std::string(), std::string("\x16\x03"), std::string("G"), kGet.substr(0, 20), kStart}) {
    Connection late(ByName()), ended(ByName());
    late.Send(bytes);
    late.inspector().TimedOut(&late.out);
    EXPECT_EQ(late.Reasons(), "l7_peek_timeout") << bytes;
    EXPECT_EQ(late.out.next, Next::kEnd);
    EXPECT_FALSE(late.inspector().Undecided());
    ended.Send(bytes);
    ended.inspector().ClientEnded(&ended.out);
    EXPECT_EQ(ended.out.next, Next::kEnd) << bytes;
    EXPECT_TRUE(ended.out.to_server.empty());
  }
}

TEST(InspectHttp, EveryRequestOfAConnectionIsJudged) {
  for (const bool pipelined : {true, false}) {
    Connection one(ByName());
    if (pipelined) {
      one.Send(kGet + kGet + kForeign + kGet);
    } else {
      one.Trickle(kGet + kGet + kForeign + kGet);
    }
    EXPECT_EQ(one.Reasons(), "l7_http_host_allowlist_match l7_http_host_allowlist_miss");
    EXPECT_EQ(one.out.to_server, kGet + kGet);
    EXPECT_EQ(one.out.next, Next::kEnd);
  }
}

TEST(InspectHttp, ARequestBehindABodyIsJudged) {
  for (const char* head :
       {"Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"}) {
    const std::string post = "POST / HTTP/1.1\r\nHost: a.example\r\n" + std::string(head);
    Connection one(ByName());
    one.Trickle(post + kForeign);
    EXPECT_EQ(one.out.to_server, post);
    EXPECT_EQ(one.Reasons(), "l7_http_host_allowlist_match l7_http_host_allowlist_miss");
  }
}

TEST(InspectHttp, ALargeBodyMayPassUnseenAndTheNextRequestIsJudged) {
  Connection one(ByName());
  const std::string head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n";
  one.Send(head + std::string(10, 'b'));
  EXPECT_EQ(one.out.to_server, head + std::string(10, 'b'));
  EXPECT_EQ(one.out.unseen, 99990u);
  one.Send(kForeign);
  EXPECT_EQ(one.Reasons(), "l7_http_host_allowlist_match l7_http_host_allowlist_miss");
}

TEST(InspectHttp, SmuggledRequestsNeverLeave) {
  for (const char* fields : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: x\r\n",
                             "Content-Length: 5\r\nContent-Length: 6\r\n", "X: y\n Host: b\r\n", "Upgrade: h2c\r\n"}) {
    Connection one(ByName());
    one.Send("POST / HTTP/1.1\r\nHost: a.example\r\n" + std::string(fields) + "\r\n0\r\n\r\n" + kForeign);
    EXPECT_EQ(one.Reasons(), "l7_unknown_protocol") << fields;
    EXPECT_TRUE(one.out.to_server.empty()) << fields;
  }
}

TEST(InspectHttp, HostsThatDisagreeAreAMismatch) {
  EXPECT_EQ(Connection(ByName()).Send("GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").Reasons(),
            "l7_host_mismatch");
  EXPECT_EQ(Connection(ByName()).Send("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n").Reasons(),
            "l7_host_mismatch");
}

TEST(InspectHttp, ConnectIsRefusedForAGrantedNameToo) {
  Connection one(ByName());
  one.Send("CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
  EXPECT_EQ(one.Reasons(), "l7_http_host_allowlist_miss");
  EXPECT_TRUE(one.out.to_server.empty());
}

TEST(InspectHttp, TheAnswerNamesCodeAndRule) {
  Connection one(ByName(), Replies::kExplained);
  one.Send(kForeign);
  EXPECT_NE(one.out.to_client.find("HTTP/1.1 403 Forbidden\r\n"), std::string::npos);
  EXPECT_NE(one.out.to_client.find("CellOS-Denied: l7_http_host_allowlist_miss default\r\n"), std::string::npos);
  EXPECT_NE(one.out.to_client.find("b.example"), std::string::npos);
}

TEST(InspectHttp, NoAnswerIsWrittenIntoOneThatMayBeUnderWay) {
  Connection waiting(ByName()), answered(ByName());
  EXPECT_TRUE(waiting.Send(kGet + kForeign).out.to_client.empty());
  answered.Send(kGet);
  answered.inspector().ServerSpoke();
  EXPECT_TRUE(answered.Send(kForeign).out.to_client.starts_with("HTTP/1.1 403"));
}

TEST(InspectHttp, AnAddressGrantTakesAnyHostAndNone) {
  EXPECT_EQ(Connection(ByAddress()).Send(kForeign).Reasons(), "l7_http_host_allowlist_match");
  EXPECT_EQ(Connection(ByAddress()).Send("GET / HTTP/1.0\r\n\r\n").Reasons(), "l7_http_host_allowlist_match");
  EXPECT_EQ(Connection(ByName()).Send("GET / HTTP/1.0\r\n\r\n").Reasons(), "l7_http_host_missing");
}

TEST(Inspect, ADecisionFillsItsRecord) {
  Connection one(ByName());
  one.Send(Record(Hello(ServerName(NameEntry("a.example")) + Extension(16, Block(Block("h2", 1), 2)))));
  wire::GateRecord record;
  one.out.decisions.at(0).Fill(&record);
  EXPECT_EQ(record.kind, wire::GateRecordKind::kL7);
  EXPECT_STREQ(record.name, "a.example");
  EXPECT_STREQ(record.alpn, "h2");
  EXPECT_EQ(record.has_sni, 1);
  EXPECT_EQ(record.rule.index, 4u);
}

}  // namespace
}  // namespace gate::l7
