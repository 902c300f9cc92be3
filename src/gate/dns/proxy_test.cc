// SPDX-License-Identifier: Apache-2.0
// What a client sees and what is told of it, row by row of dns.md §4 (NS-04 to NS-09, NS-15, NS-18).
#include <gmock/gmock.h>

#include "gate/dns/proxy_fixture.h"

namespace gate::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::GateReason;

std::string NameOf(const wire::GateRecord& record) { return record.name; }
std::string ServerOf(const wire::GateRecord& record) {
  base::IpAddress address;
  std::memcpy(address.bytes.data(), record.address, 16);
  address.v6 = record.v6 != 0;
  return base::ToString(address);
}

TEST_F(ProxyTest, GrantedNameIsForwardedAndTheAnswerRelayedUnchanged) {
  Start();
  const Octets answer = AskUdp(Query("ok.example").bytes);
  EXPECT_EQ(ToHex(answer), ToHex(Reply("ok.example").A("@", "192.0.2.1").bytes));
  ASSERT_EQ(Queries().size(), 1u);
  const wire::GateRecord record = Queries()[0];
  EXPECT_EQ(record.reason, GateReason::kAllowedByAllowlist);
  EXPECT_EQ(record.rule.kind, wire::RuleKind::kHostnameAllowlist);
  EXPECT_EQ(record.rule.index, 0u);
  EXPECT_EQ(NameOf(record), "ok.example");
  EXPECT_EQ(record.type, kTypeA);
  EXPECT_EQ(record.rcode, 0);
  EXPECT_EQ(record.count, 1u);
  EXPECT_EQ(record.ttl_s, 60u);
  EXPECT_EQ(record.resolver, 0);
  EXPECT_EQ(record.transport, 0);
  EXPECT_EQ(ServerOf(record), "127.0.0.1");
  EXPECT_GT(record.source_port, 0);
  EXPECT_EQ(Totals().queries, 1u);
  EXPECT_EQ(Totals().queries_allowed, 1u);
}

TEST_F(ProxyTest, StreamAnswersAreTheSame) {
  Start();
  EXPECT_EQ(ToHex(AskTcp(Query("ok.example").bytes)), ToHex(Reply("ok.example").A("@", "192.0.2.1").bytes));
  ASSERT_EQ(Queries().size(), 1u);
  EXPECT_EQ(Queries()[0].transport, 1);
  EXPECT_EQ(Queries()[0].reason, GateReason::kAllowedByAllowlist);
}

struct Refused {
  const char* name;
  std::uint16_t type;
  GateReason reason;
};
constexpr Refused kRefused[] = {
    {"evil.example", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiytemzug.evil.test", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"wild.example", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"evilwild.example", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"sub.ok.example", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"xn--k-vlb.example", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"ok.example", kTypeTxt, GateReason::kDeniedQueryType},
    {"ok.example", 10, GateReason::kDeniedQueryType},
    {"ok.example", 255, GateReason::kDeniedQueryType},
    {"ok.example", kTypeSrv, GateReason::kDeniedQueryType},
    {"ok.example", 65280, GateReason::kDeniedQueryType},
    {"1.2.0.192.in-addr.arpa", kTypePtr, GateReason::kDeniedQueryType},
    {"_dns.resolver.arpa", kTypeA, GateReason::kDeniedNotInAllowlist},
    {"dns.google", kTypeA, GateReason::kDeniedNotInAllowlist},
};

TEST_F(ProxyTest, WhatIsNotGrantedIsRefusedOverBothTransportsAndNothingGoesUpstream) {
  Start();
  for (const Refused& row : kRefused) {
    for (const bool stream : {false, true}) {
      const Octets query = Query(row.name, row.type).bytes;
      const Octets answer = stream ? AskTcp(query) : AskUdp(query);
      Octets expected = query;  // REFUSED, RA cleared, all else as asked
      expected[2] = 0x81;
      expected[3] = 0x05;
      EXPECT_EQ(ToHex(answer), ToHex(expected)) << row.name << " " << row.type << (stream ? " tcp" : " udp");
      ASSERT_FALSE(Queries().empty());
      EXPECT_EQ(Queries().back().reason, row.reason) << row.name << " " << row.type;
      EXPECT_EQ(Queries().back().rcode, kRcodeRefused);
      EXPECT_EQ(Queries().back().transport, stream ? 1 : 0);
    }
  }
  EXPECT_THAT(resolver.log, IsEmpty());
  EXPECT_EQ(Totals().queries_denied, 2 * std::size(kRefused));
  EXPECT_THAT(credits.credits, IsEmpty());
}

TEST_F(ProxyTest, RefusalNamesItsRuleWhereTheClientSpeaksEdns) {
  Start();
  const Octets answer = AskUdp(Query("evil.example").Opt().bytes);
  const std::string text(answer.begin(), answer.end());
  EXPECT_NE(text.find("default"), text.npos);
  EXPECT_NE(ToHex(answer).find("000f"), std::string::npos) << "extended error";
  const Octets typed = AskUdp(Query("ok.example", kTypeTxt).Opt().bytes);
  EXPECT_NE(std::string(typed.begin(), typed.end()).find("dnsAuthority.allowedQueryTypes"), std::string::npos);
}

TEST_F(ProxyTest, KnownResolverHostUnderAWildcardNeedsItsOwnGrant) {
  config.Ask("*.google").Ask("one.one.one.one");
  Start();
  EXPECT_EQ(AskUdp(Query("dns.google").bytes)[3] & 0xf, kRcodeRefused);
  EXPECT_EQ(Queries().back().reason, GateReason::kDeniedDohHost);
  EXPECT_THAT(resolver.log, IsEmpty());
  EXPECT_EQ(AskUdp(Query("one.one.one.one").bytes)[3] & 0xf, kRcodeNoError) << "granted by its own name";
}

std::vector<std::pair<const char*, Octets>> Malformed() {
  Octets two = Query("ok.example").bytes;
  two[5] = 2;
  Octets none = Query("ok.example").bytes;
  none[5] = 0;
  Octets many = Query("ok.example").bytes;
  many[4] = many[5] = 0xff;
  Octets pointer = Query("ok.example").bytes;
  pointer.resize(12);
  Append(&pointer, Hex("c00c00010001"));
  Octets cut = Query("ok.example").bytes;
  cut.resize(11);
  return {
      {"QDCOUNT 2", two},
      {"QDCOUNT 0", none},
      {"QDCOUNT 65535", many},
      {"pointer in the question", pointer},
      {"11 bytes", cut},
      {"QR 1", std::move(Message(0x8100).Ask("ok.example", kTypeA)).bytes},
      {"opcode UPDATE", std::move(Message(0x2900).Ask("ok.example", kTypeA)).bytes},
      {"class CH", std::move(Message(0x0100).Ask("ok.example", kTypeA, 3)).bytes},
      {"answer in a query", std::move(Message(0x0100).Ask("ok.example", kTypeA).A("@", "192.0.2.9")).bytes},
  };
}

TEST_F(ProxyTest, MalformedQuestionGetsNoReplyByDatagram) {
  Start();
  for (const auto& [what, bytes] : Malformed()) {
    const std::size_t before = Queries().size();
    EXPECT_THAT(AskUdp(bytes, "127.0.0.1", 20), IsEmpty()) << what;
    ASSERT_EQ(Queries().size(), before + 1) << what;
    EXPECT_EQ(Queries().back().reason, GateReason::kMalformedQuery) << what;
    EXPECT_EQ(NameOf(Queries().back()), "(unknown)");
    EXPECT_EQ(Queries().back().type, kTypeA);
    EXPECT_EQ(Queries().back().rcode, 0xff) << "none was sent";
  }
  EXPECT_THAT(resolver.log, IsEmpty());
  EXPECT_EQ(Totals().queries_malformed, Malformed().size());
}

TEST_F(ProxyTest, MalformedQuestionEndsItsStream) {
  Start();
  std::vector<std::pair<const char*, Octets>> rows = Malformed();
  rows.emplace_back("zero length", Octets{});
  for (const auto& [what, bytes] : rows) {
    StreamClient client = TcpClient();
    client.Send(bytes);
    EXPECT_TRUE(PumpUntil([&] { client.Poll(); return client.closed; }, 300)) << what;
    EXPECT_THAT(client.in, IsEmpty()) << what;
    EXPECT_EQ(Queries().back().reason, GateReason::kMalformedQuery) << what;
  }
  EXPECT_THAT(resolver.log, IsEmpty());
}

TEST_F(ProxyTest, RefusedThenAllowedOnOneStream) {
  Start();
  StreamClient client = TcpClient();
  client.Send(Query("evil.example").bytes);
  client.Send(Query("ok.example").bytes);
  std::vector<Octets> answers;
  EXPECT_TRUE(PumpUntil([&] {
    client.Poll();
    for (Octets one; client.Take(&one);) answers.push_back(one);
    return answers.size() == 2;
  }));
  EXPECT_EQ(answers[0][3] & 0xf, kRcodeRefused);
  EXPECT_EQ(ToHex(answers[1]), ToHex(Reply("ok.example").A("@", "192.0.2.1").bytes));
  EXPECT_FALSE(client.closed);
}

TEST_F(ProxyTest, SilentUpstreamIsServfailWithinItsTime) {
  Start();
  resolver.set_handler([](const Seen&) { return std::vector<Octets>{}; });
  const base::UniqueFd client = UdpClient();
  Send(client, Query("ok.example").bytes);
  Pump();
  Octets answer;
  EXPECT_FALSE(Receive(client, &answer));
  Advance(std::chrono::milliseconds(201));
  EXPECT_FALSE(Receive(client, &answer));
  EXPECT_EQ(resolver.log.size(), 2u) << "sent once more at half time";
  Advance(std::chrono::milliseconds(200));
  ASSERT_TRUE(Receive(client, &answer));
  Octets expected = Query("ok.example").bytes;
  expected[2] = 0x81;
  expected[3] = 0x02;
  EXPECT_EQ(ToHex(answer), ToHex(expected));
  const wire::GateRecord record = Queries().back();
  EXPECT_EQ(record.reason, GateReason::kUpstreamFailure);
  EXPECT_EQ(record.resolver, 0);
  EXPECT_EQ(record.rcode, kRcodeServfail);
  EXPECT_EQ(record.count, 0u);
  EXPECT_GE(record.latency_us, 400000u);
  EXPECT_EQ(Totals().upstream_failures, 1u);
  EXPECT_EQ(Totals().queries_denied, 0u);
}

TEST_F(ProxyTest, UpstreamRcodesAreRelayedAsAllowed) {
  for (const std::uint8_t rcode : {kRcodeServfail, kRcodeNxdomain, kRcodeRefused}) {
    resolver.set_handler([rcode](const Seen& seen) -> std::vector<Octets> {
      return {seen.Reply(static_cast<std::uint16_t>(0x8180 | rcode)).bytes};
    });
    if (!proxy) Start();
    EXPECT_EQ(AskUdp(Query("ok.example").bytes)[3] & 0xf, rcode);
    EXPECT_EQ(Queries().back().reason, GateReason::kAllowedByAllowlist);
    EXPECT_EQ(Queries().back().rcode, rcode);
    EXPECT_EQ(Queries().back().count, 0u);
  }
}

TEST_F(ProxyTest, MalformedUpstreamAnswerIsAnUpstreamFailure) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    Octets bytes = seen.Reply().A("@", "192.0.2.1").bytes;
    bytes[bytes.size() - 5] = 200;  // RDLENGTH past the end
    return {bytes};
  });
  Start();
  EXPECT_EQ(AskUdp(Query("ok.example").bytes)[3] & 0xf, kRcodeServfail);
  EXPECT_EQ(Queries().back().reason, GateReason::kUpstreamFailure);
}

TEST_F(ProxyTest, AnyServerAddressIsAnsweredByTheProxyFromThatAddress) {
  Start();
  for (const char* server : {"127.0.0.53", "127.8.8.8", "::1"}) {
    EXPECT_EQ(AskUdp(Query("ok.example").bytes, server).size(), 44u) << server;  // a connected socket takes no other
    EXPECT_EQ(ServerOf(Queries().back()), server);
    EXPECT_EQ(AskTcp(Query("evil.example").bytes, server).size(), 30u) << server;
    EXPECT_EQ(ServerOf(Queries().back()), server);
    EXPECT_EQ(Queries().back().reason, GateReason::kDeniedNotInAllowlist);
  }
}

TEST_F(ProxyTest, NameOfOneFamilyGivesNodataForTheOtherAtOnce) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    Message reply = seen.Reply();
    if (seen.type() == kTypeAaaa) reply.A("@", "2001:db8::7");
    return {reply.bytes};
  });
  Start();
  const Octets a = AskUdp(Query("ok.example", kTypeA).bytes), aaaa = AskUdp(Query("ok.example", kTypeAaaa).bytes);
  EXPECT_EQ(Read16(a, 6), 0) << "no answer record";
  EXPECT_EQ(a[3] & 0xf, kRcodeNoError);
  EXPECT_EQ(Read16(aaaa, 6), 1);
  EXPECT_THAT(credits.Addresses(), ElementsAre("2001:db8::7"));
}

TEST_F(ProxyTest, LettersOfTheQuestionComeBackAsAsked) {
  Start();
  EXPECT_EQ(ToHex(AskUdp(Query("oK.ExAmPlE").bytes)), ToHex(Reply("oK.ExAmPlE").A("@", "192.0.2.1").bytes));
  EXPECT_EQ(NameOf(Queries().back()), "ok.example");
  // From the cache too.
  EXPECT_EQ(ToHex(AskUdp(Query("OK.example").bytes)), ToHex(Reply("OK.example").A("@", "192.0.2.1").bytes));
  EXPECT_EQ(resolver.log.size(), 1u);
}

TEST_F(ProxyTest, LongAnswerIsCutByDatagramAndWholeByStream) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    Message reply = seen.Reply();
    for (int i = 1; i <= 60; ++i) reply.A("@", "192.0.2." + std::to_string(i));
    return {reply.bytes};
  });
  Start();
  const Octets cut = AskUdp(Query("ok.example").bytes);
  EXPECT_LE(cut.size(), 512u);
  EXPECT_TRUE((cut[2] & 2) != 0) << "TC";
  const Octets whole = AskTcp(Query("ok.example").bytes);
  EXPECT_EQ(Read16(whole, 6), 60);
  EXPECT_EQ(AskUdp(Query("ok.example").Opt(4096).bytes).size(), whole.size() + 0u);
}

TEST_F(ProxyTest, RevokedProxyAnswersNothing) {
  Start();
  proxy->Revoke();
  EXPECT_THAT(AskUdp(Query("ok.example").bytes, "127.0.0.1", 20), IsEmpty());
  StreamClient client = TcpClient();
  client.Send(Query("ok.example").bytes);
  EXPECT_TRUE(PumpUntil([&] { client.Poll(); return client.closed; }, 300));
  EXPECT_THAT(resolver.log, IsEmpty());
}

}  // namespace
}  // namespace gate::dns::testing
