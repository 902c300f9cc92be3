// SPDX-License-Identifier: Apache-2.0
// Connections through the relay: what is let out, what is refused, what is said of it, what it costs.
#include "gate/relay/relay.h"

#include "gate/l7/test_bytes.h"
#include "gate/relay/relay_fixture.h"

namespace gate {
namespace {

using l7::test::HelloFor;
using std::chrono::milliseconds;
using wire::FlowProtocol;
using wire::GateReason;
using wire::GateRecordKind;

constexpr std::string_view kAlert = {"\x15\x03\x03\x00\x02\x02\x31", 7};  // fatal access_denied

TEST_F(RelayTest, ALiteralTcpGrantPassesBytesBothWaysAndHalfClosed) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(dialler->requests[0].index, 0u);
  EXPECT_EQ(dialler->requests[0].port, 22);
  server->Send("hello from the server");  // it speaks first: nothing is looked at (TL-17's twin)
  EXPECT_EQ(ReadSome(client, 21), "hello from the server");
  client.Send("ping");
  client.ShutdownWrite();
  std::string end;
  EXPECT_EQ(ReadAll(*server, &end), "ping");
  EXPECT_EQ(end, "eof");
  server->Send("late answer");
  server->Close();
  end.clear();
  EXPECT_EQ(ReadAll(client, &end), "late answer");
  EXPECT_EQ(end, "eof");
  ASSERT_TRUE(Until([&] { return relay->open() == 0; }));
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by workload");
  const auto closed = reporter.Of(GateRecordKind::kFlowClosed).at(0);
  EXPECT_EQ(closed.bytes_out, 4u);
  EXPECT_EQ(closed.bytes_in, 32u);
  EXPECT_EQ(closed.id, reporter.records[0].id);
}

TEST_F(RelayTest, AnAnsweredNameIsReachedByItsServerNameAndTheHelloArrivesUnchanged) {
  config.Allow("a.example", 443, FlowProtocol::kHttps);
  Answer("a.example", "93.184.216.34");
  Destination("93.184.216.34", 443);
  Start();
  Peer client = Connect();
  const std::string hello = HelloFor("A.Example.");
  for (const char& byte : hello) {  // TL-20
    ASSERT_TRUE(client.Send({&byte, 1}));
    ASSERT_TRUE(loop->Round(milliseconds(0)));
  }
  auto server = Accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(ReadSome(*server, hello.size()), hello);
  server->Send("reply");
  EXPECT_EQ(ReadSome(client, 5), "reply");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | l7 l7_sni_allowlist_match");
  EXPECT_STREQ(reporter.records[0].name, "a.example");
  EXPECT_EQ(reporter.records[0].has_sni, 1);
  EXPECT_EQ(reporter.records[0].query, 77u);
  EXPECT_EQ(reporter.records[1].id, reporter.records[0].id);
}

struct Refusal {
  const char* name;
  const char* address;
  std::uint16_t port;
  std::string sent;
  const char* story;
  std::string_view seen;  // by the workload, before the reset; "*": anything
};

class RefusalTest : public RelayTest, public testing::WithParamInterface<Refusal> {};

TEST_P(RefusalTest, IsResetAndToldAndNothingLeaves) {
  config.Allow("a.example", 443, FlowProtocol::kHttps)
      .Allow("b.example", 80, FlowProtocol::kHttp)
      .Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Answer("a.example", "93.184.216.34");
  Answer("b.example", "93.184.216.35");
  if (*GetParam().address != 0) Destination(GetParam().address, GetParam().port);
  Start();
  Peer client = Connect();
  if (!GetParam().sent.empty()) {
    ASSERT_TRUE(client.Send(GetParam().sent));
  }
  Settle();
  Pass(milliseconds(600));  // the peek deadline, and what a refusal's reader gets
  Pass(milliseconds(600));
  std::string end;
  const std::string seen = ReadAll(client, &end);
  if (GetParam().seen != "*") {
    EXPECT_EQ(seen, GetParam().seen);
  }
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), GetParam().story);
  EXPECT_EQ(relay->open(), 0u);
  ExpectNothingOut();
}

INSTANTIATE_TEST_SUITE_P(
    Threats, RefusalTest,
    testing::Values(
        Refusal{"TL01AddressNeverAnswered", "93.184.216.99", 443, HelloFor("a.example"), "flow gate_not_answered", ""},
        Refusal{"TL02NoServerName", "93.184.216.34", 443, l7::test::Record(l7::test::Hello("")), "l7 l7_sni_missing",
                kAlert},
        Refusal{"TL04OtherNameOnTheSameAddress", "93.184.216.34", 443, HelloFor("b.example"),
                "l7 l7_sni_allowlist_miss", kAlert},
        Refusal{"TL05SshOnAnHttpsGrant", "93.184.216.34", 443, "SSH-2.0-OpenSSH_9.2\r\n", "l7 l7_unknown_protocol",
                "*"},
        Refusal{"TL05TlsOnAnHttpGrant", "93.184.216.35", 80, HelloFor("b.example"), "l7 l7_unknown_protocol", "*"},
        Refusal{"TL05UpgradeOnHttp", "93.184.216.35", 80,
                "GET / HTTP/1.1\r\nHost: b.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                "l7 l7_unknown_protocol", "*"},
        Refusal{"TL07HttpToANameGrantedOn443", "93.184.216.34", 80, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
                "flow gate_port", ""},
        Refusal{"TL14ForeignHost", "93.184.216.35", 80, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
                "l7 l7_http_host_allowlist_miss", "*"},
        Refusal{"TL16TheGateItself", "192.0.0.8", 40000, "x", "flow gate_not_redirected", ""},
        Refusal{"TL16TheGateItself6", "fd00:ce11::1", 40000, "x", "flow gate_not_redirected", ""},
        Refusal{"TL16NotSteered", "", 0, "x", "flow gate_not_redirected", ""},
        Refusal{"TL17WaitsForTheServer", "93.184.216.34", 443, "", "l7 l7_peek_timeout", ""},
        Refusal{"TL18MalformedHello", "93.184.216.34", 443,
                l7::test::Record(l7::test::Hello(l7::test::ServerName(l7::test::NameEntry("a.example") +
                                                                      l7::test::NameEntry("b.example")))),
                "l7 l7_malformed_hello", "*"},
        Refusal{"TL18NameWithNul", "93.184.216.34", 443, HelloFor(std::string_view("a.example\0.evil", 15)),
                "l7 l7_malformed_hello", "*"},
        Refusal{"TL19PortOfOneRuleHostOfAnother", "93.184.216.34", 22, HelloFor("a.example"), "flow gate_port", ""},
        Refusal{"PK09Metadata", "169.254.169.254", 80, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
                "flow gate_metadata", ""},
        Refusal{"PK09Metadata6", "fd00:ec2::254", 80, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", "flow gate_metadata",
                ""},
        Refusal{"PK16Private", "10.0.0.1", 22, "x", "flow gate_address_class", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(RelayTest, AConnectionThatIsNotLookedAtKeepsNothingOfTheOneBefore) {
  config.Allow("a.example", 443, FlowProtocol::kHttps).Allow("192.0.2.1", 443, FlowProtocol::kTcp);
  Answer("a.example", "93.184.216.34");
  Destination("93.184.216.34", 443);
  Start();
  Peer refused = Connect();
  refused.Send("SSH-2.0-x\r\n");
  Settle();
  Pass(milliseconds(600));
  ASSERT_EQ(relay->open(), 0u);
  Destination("192.0.2.1", 443);
  Peer client = Connect();
  client.Send("anything");
  auto server = Accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(ReadSome(*server, 8), "anything");
}

TEST_F(RelayTest, AForeignHostIsToldWhyBeforeTheReset) {
  config.Allow("b.example", 80, FlowProtocol::kHttp);
  Answer("b.example", "93.184.216.35");
  Destination("93.184.216.35", 80);
  Start();
  Peer client = Connect();
  client.Send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  const std::string reply = ReadSome(client, 12);
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 403 ")) << reply;
  EXPECT_NE(reply.find("l7_http_host_allowlist_miss"), reply.npos) << reply;
}

TEST_F(RelayTest, TheSecondRequestOfAConnectionIsJudgedToo) {  // TL-14
  config.Allow("b.example", 80, FlowProtocol::kHttp);
  Answer("b.example", "93.184.216.35");
  Destination("93.184.216.35", 80);
  Start();
  Peer client = Connect();
  const std::string first = "GET /1 HTTP/1.1\r\nHost: b.example\r\n\r\n";
  client.Send(first);
  auto server = Accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(ReadSome(*server, first.size()), first);
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  server->Send(answer);
  EXPECT_EQ(ReadSome(client, answer.size()), answer);
  client.Send("GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_TRUE(ReadSome(client, 12).starts_with("HTTP/1.1 403 "));
  std::string end;
  EXPECT_EQ(ReadAll(*server, &end), "") << "the second request reached the server";
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(),
            "flow gate_grant_match | l7 l7_http_host_allowlist_match | l7 l7_http_host_allowlist_miss | "
            "closed by gate l7_http_host_allowlist_miss");
}

TEST_F(RelayTest, AStreamToAForeignAuthorityNeverReachesTheServer) {  // TL-15
  using namespace l7::test;
  config.Allow("b.example", 80, FlowProtocol::kHttp);
  Answer("b.example", "93.184.216.35");
  Destination("93.184.216.35", 80);
  Start();
  Peer client = Connect();
  client.Send(kStart + Request(1, "b.example"));
  auto server = Accept();
  ASSERT_TRUE(server);
  client.Send(Request(3, "evil.example"));
  Settle();
  std::string end, out = server->Read(&end);
  EXPECT_TRUE(out.starts_with("PRI * HTTP/2.0"));
  EXPECT_EQ(out.find("evil.example"), out.npos);
  EXPECT_EQ(reporter.Of(GateRecordKind::kL7).size(), 2u);
  EXPECT_EQ(reporter.Of(GateRecordKind::kL7).at(1).reason, GateReason::kL7H2AuthorityAllowlistMiss);
  EXPECT_EQ(reporter.Of(GateRecordKind::kL7).at(1).stream, 3u);
}

TEST_F(RelayTest, ARefusedFirstStreamIsToldAtOnceAndTheNextOneJudged) {
  using namespace l7::test;
  config.Allow("b.example", 80, FlowProtocol::kHttp);
  Answer("b.example", "93.184.216.35");
  Destination("93.184.216.35", 80);
  Start();
  Peer client = Connect();
  client.Send(kStart + Request(1, "evil.example"));
  EXPECT_TRUE(ReadSome(client, 100).ends_with(Reset(1)));
  client.Send(Request(3, "b.example"));
  auto server = Accept();
  ASSERT_TRUE(server);
  EXPECT_TRUE(ReadSome(*server, 24).starts_with("PRI * HTTP/2.0"));
}

TEST_F(RelayTest, MegabytesArriveWholeBothWaysAtOnceAndAreCountedExactly) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  std::string data(5'000'000, 0);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 251);
  std::size_t up = 0, down = 0;
  std::string at_server, at_client, end;
  const auto push = [&](Peer& peer, std::size_t* at) {
    while (*at < data.size()) {
      const ssize_t sent = ::send(peer.fd(), data.data() + *at, data.size() - *at, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent <= 0) return;
      *at += static_cast<std::size_t>(sent);
    }
  };
  ASSERT_TRUE(Until([&] {
    push(client, &up);
    push(*server, &down);
    at_server += server->Read(&end);
    at_client += client.Read(&end);
    return at_server.size() >= data.size() && at_client.size() >= data.size();
  }));
  EXPECT_TRUE(at_server == data);
  EXPECT_TRUE(at_client == data);
  client.Close();
  server->Close();
  ASSERT_TRUE(Until([&] { return relay->open() == 0; }));
  const auto closed = reporter.Of(GateRecordKind::kFlowClosed).at(0);
  EXPECT_EQ(closed.bytes_out, data.size());
  EXPECT_EQ(closed.bytes_in, data.size());
}

TEST_F(RelayTest, AServerThatNeverReadsStopsTheWorkloadNotTheMemory) {  // TL-13
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  const std::string chunk(65536, 'x');
  std::uint64_t sent = 0;
  int full = 0;
  while (full < 50) {
    const ssize_t took = ::send(client.fd(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took > 0) {
      sent += static_cast<std::uint64_t>(took);
    } else {
      ++full;
    }
    ASSERT_TRUE(loop->Round(milliseconds(0)));
    ASSERT_LT(sent, 64u << 20);
  }
  std::string end, all;
  client.ShutdownWrite();
  Until([&] {
    all += server->Read(&end);
    return !end.empty();
  });
  EXPECT_EQ(all.size(), sent);
}

TEST_F(RelayTest, AFailedDialIsOneDenialWithItsErrno) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  dialler->error = ECONNREFUSED;
  Start();
  Peer client = Connect();
  std::string end;
  EXPECT_EQ(ReadAll(client, &end), "");
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_upstream_failure");
  EXPECT_EQ(reporter.records[0].code, static_cast<std::uint32_t>(ECONNREFUSED));
}

TEST_F(RelayTest, ADialThatNeverEndsEndsAtItsDeadline) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  dialler->silent = true;
  Start();
  Peer client = Connect();
  Until([&] { return relay->open() == 1; });
  Pass(milliseconds(4900));
  EXPECT_EQ(relay->open(), 1u);
  Pass(milliseconds(300));
  EXPECT_EQ(relay->open(), 0u);
  EXPECT_EQ(reporter.Story(), "flow gate_upstream_failure");
}

TEST_F(RelayTest, AResetOfOneSideIsAResetOfTheOther) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  client.Send("x");
  EXPECT_EQ(ReadSome(*server, 1), "x");
  client.Reset();
  std::string end;
  ReadAll(*server, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by workload");
}

TEST_F(RelayTest, ALoopbackAddressThatARuleNamesIsTheHosts) {
  config.Allow("127.0.0.2", 22, FlowProtocol::kTcp);
  Destination("127.0.0.2", 22);
  Start();
  Peer client = Connect();
  EXPECT_TRUE(Accept());
  Until([&] { return !reporter.Story().empty(); });
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match");
}

TEST_F(RelayTest, RevokeResetsEveryFlowAtOnceAndRefusesWhatComes) {  // PK-13
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp).Allow("a.example", 443, FlowProtocol::kHttps);
  Answer("a.example", "93.184.216.34");
  Destination("192.0.2.1", 22);
  Start();
  Peer open = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  Destination("93.184.216.34", 443);
  Peer peeking = Connect();
  Until([&] { return relay->open() == 2; });
  relay->Revoke();
  std::string end;
  open.Read(&end);  // no round of the loop in between
  EXPECT_EQ(end, "reset");
  end.clear();
  server->Read(&end);
  EXPECT_EQ(end, "reset");
  Peer late = Connect();
  end.clear();
  ReadAll(late, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Of(GateRecordKind::kFlowClosed).at(0).reason, GateReason::kGateRevoked);
  EXPECT_EQ(reporter.records.back().reason, GateReason::kGateRevoked);
  EXPECT_EQ(relay->open(), 0u);
}

TEST_F(RelayTest, AnEstablishedFlowOutlivesItsAnswer) {  // NS-12
  config.Allow("a.example", 22, FlowProtocol::kTcp);
  credits.Remember(*base::ParseIpAddress("93.184.216.34"), {"a.example", 1, clock.boot + std::chrono::seconds(5)});
  Destination("93.184.216.34", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  Pass(milliseconds(10000));
  client.Send("still here");
  EXPECT_EQ(ReadSome(*server, 10), "still here");
  Peer second = Connect();
  std::string end;
  ReadAll(second, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | flow gate_expired");
}

}  // namespace
}  // namespace gate
