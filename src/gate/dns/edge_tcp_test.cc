// SPDX-License-Identifier: Apache-2.0
// Slow, silent and greedy clients of the stream edge (NS-14).
#include "gate/dns/edge_tcp.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "gate/dns/proxy_fixture.h"

namespace gate::dns::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class EdgeTcpTest : public ProxyTest {
 protected:
  EdgeTcpTest() {
    config.header.limits.tcp_dns_clients = 16;
    config.header.limits.dns_idle_ms = 30000;
  }
  bool Closed(StreamClient& client, int rounds = 50) {
    return PumpUntil([&] { client.Poll(); return client.closed; }, rounds);
  }
};

TEST_F(EdgeTcpTest, OneByteAtATimeIsTakenWhileTheMessageHasTime) {
  Start();
  StreamClient client = TcpClient();
  const Octets query = Query("ok.example").bytes;
  const Octets frame = Joined({U16(static_cast<std::uint16_t>(query.size())), query});
  for (const std::uint8_t byte : frame) {
    client.SendRaw({byte});
    Advance(10ms);
  }
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] { client.Poll(); return client.Take(&answer); }, 300));
}

TEST_F(EdgeTcpTest, MessageThatTakesTooLongEndsItsStreamHoweverItTrickles) {
  Start();
  StreamClient client = TcpClient();
  client.SendRaw({0});
  int seconds = 0;
  while (!Closed(client) && seconds < 20) {
    Advance(1s);
    ++seconds;
    if (!client.closed) ::send(client.fd.get(), "x", 1, MSG_NOSIGNAL);
  }
  EXPECT_LE(seconds, 4);
}

TEST_F(EdgeTcpTest, SilentStreamEndsWhenItsIdleTimeIsOver) {
  Start();
  StreamClient client = TcpClient();
  Pump();
  Advance(29s);
  EXPECT_FALSE(Closed(client));
  Advance(2s);
  EXPECT_TRUE(Closed(client));
}

TEST_F(EdgeTcpTest, ThreeHundredIdleStreamsNeitherFillTheEdgeNorHurtDatagrams) {
  Start();
  std::vector<StreamClient> idle;
  for (int i = 0; i < 300; ++i) {
    idle.push_back(TcpClient());
    if (i % 3 == 0) idle.back().SendRaw({0xff, 0xff, 1});
    Step();
  }
  Pump();
  int open = 0;
  for (StreamClient& client : idle) {
    client.Poll();
    open += !client.closed;
  }
  EXPECT_EQ(open, 16);
  const auto told = reporter.Of(wire::GateRecordKind::kFlow);
  EXPECT_THAT(told, SizeIs(300 - 16)) << "each one that was cut is told";
  EXPECT_EQ(told[0].reason, wire::GateReason::kGateLimit);
  EXPECT_EQ(told[0].port, 53);
  // Rounds, not time: the same number with and without them.
  int rounds = 0;
  const base::UniqueFd client = UdpClient();
  Send(client, Query("ok.example").bytes);
  Octets answer;
  while (!Receive(client, &answer) && rounds < 100) {
    Step();
    ++rounds;
  }
  EXPECT_LE(rounds, 4);
  EXPECT_FALSE(AskTcp(Query("ok.example").bytes).empty()) << "room is made for one that asks";
}

TEST_F(EdgeTcpTest, ClientThatIsOwedAnAnswerIsNotCutForAnother) {
  config.header.limits.tcp_dns_clients = 1;
  resolver.set_handler([](const Seen&) { return std::vector<Octets>{}; });
  Start();
  StreamClient owed = TcpClient();
  owed.Send(Query("ok.example").bytes);
  Pump();
  StreamClient other = TcpClient();
  EXPECT_TRUE(Closed(other));
  EXPECT_FALSE(Closed(owed));
  Advance(201ms);
  Advance(201ms);
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] { owed.Poll(); return owed.Take(&answer); }, 300));
}

TEST_F(EdgeTcpTest, ManyQuestionsInOneWriteAreAllAnswered) {
  Start();
  StreamClient client = TcpClient();
  Octets all;
  for (int i = 0; i < 1000; ++i) {
    Octets query = Query(i % 2 == 0 ? "evil.example" : "ok.example").bytes;
    Write16(query.data(), static_cast<std::uint16_t>(i));
    Append(&all, Joined({U16(static_cast<std::uint16_t>(query.size())), query}));
  }
  client.SendRaw(all);
  std::vector<bool> seen(1000);
  std::size_t answers = 0;
  EXPECT_TRUE(PumpUntil([&] {
    client.Poll();
    for (Octets one; client.Take(&one); ++answers) seen[Read16(one, 0)] = true;
    return answers == 1000;
  }));
  EXPECT_EQ(std::ranges::count(seen, true), 1000);
}

TEST_F(EdgeTcpTest, ClientThatReadsNothingIsHeldBackAndThenEnded) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    Message reply = seen.Reply();
    for (int i = 0; i < 200; ++i) reply.A("@", "192.0.2." + std::to_string(i));
    return {reply.bytes};
  });
  config.header.limits.dns_idle_ms = 3000;
  Start();
  StreamClient client = TcpClient();
  const int small = 4096;
  ::setsockopt(client.fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  const Octets query = Query("ok.example").bytes;
  const Octets frame = Joined({U16(static_cast<std::uint16_t>(query.size())), query});
  std::size_t sent = 0;
  for (int i = 0; i < 20000; ++i) {
    if (::send(client.fd.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) ++sent;
    if (i % 50 == 0) Step();
  }
  EXPECT_LT(Totals().queries, sent) << "not all was read";
  for (int i = 0; i < 4; ++i) Advance(1s);
  const std::uint64_t before = Totals().queries;
  Pump();
  EXPECT_EQ(Totals().queries, before);
  Octets buffer(1 << 20);
  EXPECT_TRUE(PumpUntil([&] {
    const ssize_t count = ::recv(client.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }, 5000));
}

TEST_F(EdgeTcpTest, WithoutDescriptorsTheListenerRestsAndComesBack) {
  Start();
  StreamClient client = TcpClient();
  client.Send(Query("ok.example").bytes);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const base::UniqueFd next(::dup(0));
  const rlimit none{static_cast<rlim_t>(next.get()), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Step();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(loop->Round(100ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 90ms) << "nothing wakes the loop";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  Advance(300ms);
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] { client.Poll(); return client.Take(&answer); }, 300));
}

TEST_F(EdgeTcpTest, HalfClosedClientStillGetsWhatItIsOwed) {
  Start();
  StreamClient client = TcpClient();
  client.Send(Query("ok.example").bytes);
  ::shutdown(client.fd.get(), SHUT_WR);
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] { client.Poll(); return client.Take(&answer); }, 300));
  EXPECT_TRUE(Closed(client));
}

TEST_F(EdgeTcpTest, LargestFrameIsReadWhole) {
  Start();
  StreamClient client = TcpClient();
  Octets query = Query("evil.example").bytes;
  query.resize(65535);
  Octets frame = Joined({U16(65535), query});
  std::size_t sent = 0;
  Octets answer;
  EXPECT_TRUE(PumpUntil([&] {
    if (sent < frame.size()) {
      const ssize_t count = ::send(client.fd.get(), &frame[sent], frame.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<std::size_t>(count);
    }
    client.Poll();
    return client.Take(&answer) || client.closed;
  }));
  EXPECT_THAT(reporter.Of(wire::GateRecordKind::kDnsQuery), SizeIs(1));
}

}  // namespace
}  // namespace gate::dns::testing
