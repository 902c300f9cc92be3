// SPDX-License-Identifier: Apache-2.0
// How resolvers are asked and what counts as an answer: forgeries, letters, streams, fail-over (NS-06, NS-11, NS-13).
#include <gmock/gmock.h>

#include <set>

#include "gate/dns/proxy_fixture.h"

namespace gate::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::GateReason;

using UpstreamTest = ProxyTest;

Octets WithId(Octets message, std::uint16_t id) {
  Write16(message.data(), id);
  return message;
}
std::string Swapped(std::string text) {
  for (char& letter : text) {
    if (letter != '.') letter = static_cast<char>(letter ^ 0x20);
  }
  return text;
}

TEST_F(UpstreamTest, ForgedAnswersAreIgnoredAndCountedAndTheTrueOneIsTaken) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    const Octets forged = seen.Reply().A("@", "203.0.113.66").bytes;
    Octets question = forged;
    question[2] = 0x01;  // QR 0
    return {WithId(forged, static_cast<std::uint16_t>(seen.id() + 1)),
            WithId(forged, static_cast<std::uint16_t>(seen.id() ^ 0x8000)),
            seen.Reply("other.example", 0x8180).A("@", "203.0.113.66").bytes,
            question,
            Hex("00"),
            seen.Reply().A("@", "192.0.2.7").bytes};
  });
  Start();
  const Octets answer = AskUdp(Query("ok.example").bytes);
  EXPECT_EQ(ToHex(answer), ToHex(Reply("ok.example").A("@", "192.0.2.7").bytes));
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.7"));
  EXPECT_EQ(Totals().upstream_ignored, 5u);
}

TEST_F(UpstreamTest, AnswersFromAnotherSourceNeverArrive) {
  std::uint16_t port = 0;
  resolver.set_handler([&](const Seen& seen) -> std::vector<Octets> {
    port = seen.port;
    return {};
  });
  Start();
  const base::UniqueFd client = UdpClient();
  Send(client, Query("ok.example").bytes);
  ASSERT_TRUE(PumpUntil([&] { return port != 0; }));
  const base::UniqueFd stranger = Bound(SOCK_DGRAM, "127.0.0.1");
  socklen_t size = 0;
  const sockaddr_storage to = Address("127.0.0.1", port, &size);
  const Octets forged = resolver.log.back().Reply().A("@", "203.0.113.66").bytes;
  ::sendto(stranger.get(), forged.data(), forged.size(), 0, reinterpret_cast<const sockaddr*>(&to), size);
  Pump();
  Octets answer;
  EXPECT_FALSE(Receive(client, &answer));
  EXPECT_THAT(credits.credits, IsEmpty());
}

TEST_F(UpstreamTest, AddressesOfOtherOwnersAreNeverCredited) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    return {seen.Reply()
                .A("@", "192.0.2.7")
                .A("bank.example", "203.0.113.66")
                .Add(Section::kAdditional, "bank.example", kTypeA, 60, AddressData("203.0.113.67"))
                .bytes};
  });
  Start();
  AskUdp(Query("ok.example").bytes);
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.7"));
  EXPECT_EQ(credits.credits[0].second.name, "ok.example");
  EXPECT_EQ(credits.credits[0].second.query, Queries()[0].id);
}

TEST_F(UpstreamTest, IdsPortsAndLettersVary) {
  Start();
  std::set<std::uint16_t> ids, ports;
  std::set<std::string> letters;
  for (int i = 0; i < 40; ++i) {
    AskUdp(Query("n" + std::to_string(i) + ".abcdefghijklmnopqrstuvwxyz.wild.example").bytes);
  }
  ASSERT_THAT(resolver.log, SizeIs(40));
  for (const Seen& seen : resolver.log) {
    ids.insert(seen.id());
    ports.insert(seen.port);
    letters.insert(seen.name().substr(seen.name().find('.')));
  }
  EXPECT_GT(ids.size(), 35u);
  EXPECT_GE(ports.size(), 2u);
  EXPECT_GT(letters.size(), 35u);
}

TEST_F(UpstreamTest, SocketsAreRenewedByUseAndByTime) {
  config.header.limits.names_per_minute = 100000;
  config.header.limits.label_bytes_per_minute = 10000000;
  Start();
  for (int i = 0; i < 1200; ++i) AskUdp(Query("n" + std::to_string(i) + ".wild.example").bytes);
  std::set<std::uint16_t> ports;
  for (const Seen& seen : resolver.log) ports.insert(seen.port);
  EXPECT_GE(ports.size(), 5u) << "at most 256 uses each";
  resolver.log.clear();
  Advance(std::chrono::seconds(31));
  for (int i = 0; i < 40; ++i) AskUdp(Query("m" + std::to_string(i) + ".wild.example").bytes);
  std::set<std::uint16_t> later;
  for (const Seen& seen : resolver.log) later.insert(seen.port);
  EXPECT_GE(later.size(), 3u) << "the old ones served once more at most, then new ones";
}

TEST_F(UpstreamTest, AnswerInOtherLettersIsDroppedAndAskedAgainByStream) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    if (seen.tcp) return {seen.Reply().A("@", "192.0.2.7").bytes};
    return {seen.Reply(Swapped(seen.name()), 0x8180).A("@", "203.0.113.66").bytes};
  });
  Start();
  EXPECT_EQ(ToHex(AskUdp(Query("Ok.Example").bytes)), ToHex(Reply("Ok.Example").A("@", "192.0.2.7").bytes));
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.7"));
  ASSERT_THAT(resolver.log, SizeIs(2));
  EXPECT_TRUE(resolver.log[1].tcp);
  EXPECT_EQ(Totals().upstream_ignored, 1u);
}

TEST_F(UpstreamTest, TruncatedAnswerIsFetchedByStream) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    if (!seen.tcp) return {seen.Reply(0x8380).bytes};
    Message reply = seen.Reply();
    for (int i = 1; i <= 100; ++i) reply.A("@", "192.0.2." + std::to_string(i));
    return {reply.bytes};
  });
  Start();
  const Octets answer = AskTcp(Query("ok.example").bytes);
  EXPECT_EQ(Read16(answer, 6), 100);
  EXPECT_EQ(answer[2] & 2, 0) << "TC";
  EXPECT_EQ(Queries().back().count, 100u);
}

TEST_F(UpstreamTest, StreamResolverIsAskedByStreamAloneOnOneConnection) {
  AddResolver(resolver, wire::Transport::kTcp);
  Start();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(AskUdp(Query("n" + std::to_string(i) + ".wild.example").bytes).empty());
  for (const Seen& seen : resolver.log) EXPECT_TRUE(seen.tcp);
  EXPECT_EQ(resolver.connections, 1);
  EXPECT_EQ(dialler.requests[0].protocol, wire::IpProtocol::kTcp);
  EXPECT_EQ(dialler.requests[0].purpose, wire::DialPurpose::kResolver);
}

TEST_F(UpstreamTest, FramesOfAStreamThatAnswerNobodyAreCountedAndHarmNothing) {
  AddResolver(resolver, wire::Transport::kTcp);
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    const Octets forged = seen.Reply().A("@", "203.0.113.66").bytes;
    const Octets truth = seen.Reply().A("@", "192.0.2.7").bytes;
    return {Hex("00"), WithId(forged, static_cast<std::uint16_t>(seen.id() + 1)), truth, forged};
  });
  Start();
  // Small frames one by one: the kernel may hold the later ones back until the first is acknowledged.
  constexpr int kRounds = 200'000;
  const Octets answer = AskUdp(Query("ok.example").bytes, "127.0.0.1", kRounds);
  EXPECT_EQ(ToHex(answer), ToHex(Reply("ok.example").A("@", "192.0.2.7").bytes));
  EXPECT_THAT(credits.Addresses(), ElementsAre("192.0.2.7"));
  EXPECT_TRUE(PumpUntil([&] { return Totals().upstream_ignored == 3; }, kRounds)) << "one came when all was answered";
  EXPECT_FALSE(AskUdp(Query("b.wild.example").bytes, "127.0.0.1", kRounds).empty());
  EXPECT_EQ(resolver.connections, 1) << "the stream goes on";
}

TEST_F(UpstreamTest, StreamThatTheResolverClosedIsMadeAnew) {
  AddResolver(resolver, wire::Transport::kTcp);
  Start();
  EXPECT_FALSE(AskUdp(Query("a.wild.example").bytes).empty());
  resolver.CloseStreams();
  EXPECT_EQ(AskUdp(Query("b.wild.example").bytes)[3] & 0xf, kRcodeNoError);
  EXPECT_EQ(resolver.connections, 2);
}

TEST_F(UpstreamTest, StreamIsClosedWhenIdle) {
  AddResolver(resolver, wire::Transport::kTcp);
  Start();
  AskUdp(Query("a.wild.example").bytes);
  Advance(std::chrono::seconds(6));
  Advance(std::chrono::seconds(6));
  AskUdp(Query("b.wild.example").bytes);
  EXPECT_EQ(resolver.connections, 2);
}

TEST_F(UpstreamTest, SilentResolverIsFailedOverAndRememberedForAWhile) {
  StubResolver silent([](const Seen&) { return std::vector<Octets>{}; });
  AddResolver(silent);
  AddResolver(resolver);
  Start();
  const base::UniqueFd client = UdpClient();
  Send(client, Query("a.wild.example").bytes);
  Pump();
  Advance(std::chrono::milliseconds(201));
  Advance(std::chrono::milliseconds(201));
  Octets answer;
  ASSERT_TRUE(PumpUntil([&] { return Receive(client, &answer); }, 300));
  EXPECT_EQ(answer[3] & 0xf, kRcodeNoError);
  EXPECT_EQ(Queries().back().resolver, 1);
  const std::size_t asked = silent.log.size();
  EXPECT_FALSE(AskUdp(Query("b.wild.example").bytes).empty());
  EXPECT_EQ(silent.log.size(), asked) << "the second one first, for now";
  Advance(std::chrono::seconds(6));
  Send(client, Query("c.wild.example").bytes);
  EXPECT_TRUE(PumpUntil([&] { return silent.log.size() > asked; }, 300)) << "and the first one again";
}

TEST_F(UpstreamTest, ResolverThatRefusesDatagramsIsFailedOverAtOnce) {
  StubResolver gone([](const Seen&) { return std::vector<Octets>{}; });
  AddResolver(gone);
  AddResolver(resolver);
  Start();
  stubs = {&resolver};
  gone.CloseUdp();
  EXPECT_EQ(AskUdp(Query("ok.example").bytes)[3] & 0xf, kRcodeNoError) << "the clock stood still";
  EXPECT_EQ(Queries().back().resolver, 1);
}

TEST_F(UpstreamTest, RefusedDialIsAnUpstreamFailure) {
  class Refusing final : public Dialler {
   public:
    Ticket Dial(wire::DialRequest, Answer answer) override {
      answer(base::FailOs(EPERM, "dial"));
      return 1;
    }
    void Cancel(Ticket) override {}
  } refusing;
  used_dialler = &refusing;
  Start();
  EXPECT_EQ(AskUdp(Query("ok.example").bytes)[3] & 0xf, kRcodeServfail);
  EXPECT_EQ(Queries().back().reason, GateReason::kUpstreamFailure);
  proxy.reset();
}

TEST_F(UpstreamTest, EqualQuestionsUnderWayAreAskedOnce) {
  std::vector<Seen> held;
  resolver.set_handler([&](const Seen& seen) {
    held.push_back(seen);
    return std::vector<Octets>{};
  });
  Start();
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(UdpClient());
    Octets query = Query(i % 2 == 0 ? "ok.example" : "OK.EXAMPLE").bytes;
    Write16(query.data(), static_cast<std::uint16_t>(i + 1));
    Send(clients.back(), query);
  }
  StreamClient stream = TcpClient();
  stream.Send(Query("ok.example").bytes);
  Pump();
  ASSERT_THAT(held, SizeIs(1));
  resolver.set_handler([](const Seen& seen) { return std::vector<Octets>{seen.Reply().A("@", "192.0.2.7").bytes}; });
  Advance(std::chrono::milliseconds(201));  // the same datagram once more
  for (int i = 0; i < 20; ++i) {
    Octets answer;
    ASSERT_TRUE(PumpUntil([&] { return Receive(clients[static_cast<std::size_t>(i)], &answer); }, 300)) << i;
    EXPECT_EQ(Read16(answer, 0), i + 1);
    EXPECT_EQ(answer[13], i % 2 == 0 ? 'o' : 'O');
  }
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] { stream.Poll(); return stream.Take(&answer); }, 300));
  EXPECT_THAT(Queries(), SizeIs(21)) << "an event each";
}

TEST_F(UpstreamTest, QuestionsBeforeTheFirstSocketWaitForIt) {
  dialler.hold = true;
  Start();
  const base::UniqueFd client = UdpClient();
  Send(client, Query("ok.example").bytes);
  Pump();
  EXPECT_THAT(resolver.log, IsEmpty());
  dialler.hold = false;
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] { return Receive(client, &answer); }, 300));
}

}  // namespace
}  // namespace gate::dns::testing
