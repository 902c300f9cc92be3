// SPDX-License-Identifier: Apache-2.0
// Datagrams through the relay.
#include "gate/relay/udp_relay.h"

#include "gate/relay/relay_fixture.h"

namespace gate {
namespace {

using std::chrono::milliseconds;
using wire::FlowProtocol;
using wire::GateReason;
using wire::GateRecordKind;

constexpr std::uint16_t kGranted = 5000;

class UdpRelayTest : public testing::Test {
 protected:
  void SetUp() override {
    clock.boot = std::chrono::seconds(1000);
    loop = std::move(*Loop::Create(clock));
    listener = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in any = {};
    any.sin_family = AF_INET;
    socklen_t size = sizeof any;
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size);
    listener_port = ntohs(any.sin_port);
    ASSERT_TRUE(sys::SetPacketInfo(listener.get(), false));
    server = BoundSocket(SOCK_DGRAM, &server_port);
    dialler = std::make_unique<FakeDialler>(*loop, server_port, SOCK_DGRAM);
    // The address that the relay sees as the destination; metadata, loopback and the like are opened by it alone.
    config.Allow("127.0.0.2", kGranted, FlowProtocol::kUdp);
  }
  void TearDown() override { relay.reset(); }
  void Start(std::size_t bound = 100) {
    grants.emplace(config.Make());
    relay = std::move(
        *UdpRelay::Create({*loop, *grants, credits, reporter, *dialler}, {{kGranted, listener.get(), -1}}, bound));
  }
  void Settle() {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(loop->Round(milliseconds(1)));
  }
  // A client that expects its answers from `to` alone.
  base::UniqueFd Client(std::uint32_t to = 0x7f000002) {
    base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address = Loopback(listener_port);
    address.sin_addr.s_addr = htonl(to);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }
  static void Send(int fd, std::string_view text) {
    ASSERT_EQ(::send(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  static std::string Receive(int fd) {
    char buffer[65536];
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    return got < 0 ? "" : std::string(buffer, static_cast<std::size_t>(got));
  }
  // What came to the server, and an answer to its sender.
  std::string Serve(std::string_view answer) {
    char buffer[65536];
    sockaddr_in from = {};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(server.get(), buffer, sizeof buffer, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return "";
    if (!answer.empty()) {
      EXPECT_GT(::sendto(server.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size), 0);
    }
    return {buffer, static_cast<std::size_t>(got)};
  }

  std::uint64_t Dropped() const {
    wire::GateTotals totals = {};
    relay->AddTo(&totals);
    return totals.udp_datagrams_dropped;
  }

  base::FakeClock clock;
  ConfigFixture config;
  std::optional<Grants> grants;
  Credits credits{100};
  FakeReporter reporter;
  std::unique_ptr<Loop> loop;
  base::UniqueFd listener, server;
  std::uint16_t listener_port = 0, server_port = 0;
  std::unique_ptr<FakeDialler> dialler;
  std::unique_ptr<UdpRelay> relay;
};

TEST_F(UdpRelayTest, AnswersComeFromTheAddressThatWasAsked) {
  Start();
  const auto client = Client();
  Send(client.get(), "one");
  Send(client.get(), "two");
  Settle();
  EXPECT_EQ(Serve("answer"), "one");
  EXPECT_EQ(Serve(""), "two");
  Settle();
  EXPECT_EQ(Receive(client.get()), "answer");  // a connected socket takes nothing from another address
  ASSERT_EQ(dialler->requests.size(), 1u) << "one association, one dial";
  EXPECT_EQ(dialler->requests[0].port, kGranted);
  EXPECT_EQ(dialler->requests[0].protocol, wire::IpProtocol::kUdp);
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match");
  clock.boot += std::chrono::seconds(61);
  Settle();
  EXPECT_EQ(relay->open(), 0u);
  const auto closed = reporter.Of(GateRecordKind::kFlowClosed).at(0);
  EXPECT_EQ(closed.bytes_out, 6u);
  EXPECT_EQ(closed.bytes_in, 6u);
  EXPECT_EQ(closed.protocol, wire::IpProtocol::kUdp);
}

TEST_F(UdpRelayTest, ADestinationWithoutGrantGetsNothingOut) {  // PK-05
  Start();
  const auto client = Client(0x7f000003);
  Send(client.get(), "x");
  Settle();
  EXPECT_TRUE(dialler->requests.empty());
  EXPECT_EQ(Serve(""), "");
  EXPECT_EQ(reporter.Story(), "flow gate_address_class");
  wire::GateTotals totals = {};
  relay->AddTo(&totals);
  EXPECT_EQ(totals.udp_datagrams_dropped, 1u);
}

TEST_F(UdpRelayTest, ANameGrantNeedsAnAnswerAndATcpGrantIsNone) {
  config.rules.clear();
  config.Allow("a.example", kGranted, FlowProtocol::kUdp).Allow("127.0.0.2", kGranted, FlowProtocol::kTcp);
  Start();
  const auto client = Client();
  Send(client.get(), "x");
  Settle();
  EXPECT_EQ(reporter.Story(), "flow gate_protocol");
}

TEST_F(UdpRelayTest, ClientsAreKeptApart) {
  Start();
  const auto a = Client(), b = Client();
  Send(a.get(), "a");
  Settle();
  Serve("to a");
  Send(b.get(), "b");
  Settle();
  Serve("to b");
  Settle();
  EXPECT_EQ(Receive(a.get()), "to a");
  EXPECT_EQ(Receive(b.get()), "to b");
  EXPECT_EQ(relay->open(), 2u);
}

TEST_F(UdpRelayTest, AssociationsAreBoundedAndIdleOnesMakeRoom) {
  Start(2);
  const auto a = Client(), b = Client(), c = Client();
  for (const auto* client : {&a, &b, &c}) Send(client->get(), "x");
  Settle();
  EXPECT_EQ(relay->open(), 2u);
  EXPECT_EQ(reporter.Of(GateRecordKind::kFlow).at(0).reason, GateReason::kGateLimit);
  clock.boot += std::chrono::seconds(6);
  Send(b.get(), "x");
  Settle();
  Send(c.get(), "x");
  Settle();
  EXPECT_EQ(relay->open(), 2u);
  EXPECT_EQ(reporter.records.back().reason, GateReason::kGateGrantMatch);
}

TEST_F(UdpRelayTest, RevokeEndsEverything) {
  Start();
  const auto client = Client();
  Send(client.get(), "x");
  Settle();
  EXPECT_EQ(Serve("late"), "x");
  relay->Revoke();
  Send(client.get(), "y");
  Settle();
  EXPECT_EQ(Receive(client.get()), "");
  EXPECT_EQ(Serve(""), "");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by gate gate_revoked | flow gate_revoked");
}

TEST_F(UdpRelayTest, AFailedDialIsTold) {
  dialler->error = ENETUNREACH;
  Start();
  const auto client = Client();
  Send(client.get(), "x");
  Settle();
  EXPECT_EQ(relay->open(), 0u);
  EXPECT_EQ(reporter.Story(), "flow gate_upstream_failure");
}

TEST_F(UdpRelayTest, BytesOfAnAssociationAreBounded) {
  config.header.limits.flow_bytes = 10;
  Start();
  const auto client = Client();
  Send(client.get(), "12345678");
  Settle();
  EXPECT_EQ(Serve("12345678"), "12345678");
  Settle();
  EXPECT_EQ(Receive(client.get()), "");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by gate gate_budget");
}

TEST_F(UdpRelayTest, ABudgetEndsAnAssociationInEitherDirection) {
  config.header.limits.flow_bytes_out = 10;
  config.header.limits.flow_bytes = 25;
  Start();
  const auto sending = Client(), receiving = Client();
  Send(sending.get(), "0123456789");
  Send(receiving.get(), "01234");
  Settle();
  EXPECT_EQ(relay->open(), 2u);
  Send(sending.get(), "x");
  Settle();
  EXPECT_EQ(relay->open(), 1u) << "one byte more than may leave";
  EXPECT_EQ(Serve(""), "0123456789");
  EXPECT_EQ(Serve("01234567890123456789"), "01234");
  Settle();
  EXPECT_EQ(Receive(receiving.get()), "01234567890123456789");
  Send(receiving.get(), "");
  Settle();
  EXPECT_EQ(Serve("x"), "") << "an empty datagram came, and one byte more than may pass goes back";
  Settle();
  EXPECT_EQ(Receive(receiving.get()), "");
  EXPECT_EQ(relay->open(), 0u);
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | flow gate_grant_match | closed by gate gate_budget | "
                              "closed by gate gate_budget");
  EXPECT_EQ(Serve(""), "") << "nothing of what ended an association leaves";
}

TEST_F(UdpRelayTest, TheLifeOfAnAssociationIsBounded) {
  config.header.limits.flow_ms = 10'000;
  Start();
  const auto client = Client();
  for (int second = 0; second < 9; ++second) {
    Send(client.get(), "x");
    Settle();
    clock.boot += std::chrono::seconds(1);
  }
  Settle();
  EXPECT_EQ(relay->open(), 1u);
  clock.boot += std::chrono::seconds(2);
  Settle();
  EXPECT_EQ(relay->open(), 0u) << "however busy it is";
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by gate gate_budget");
}

TEST_F(UdpRelayTest, ADialThatNeverEndsEndsAtItsDeadlineAndHoldsFewDatagrams) {
  Start();
  dialler->silent = true;
  const auto client = Client();
  for (int i = 0; i < 9; ++i) Send(client.get(), "x");
  Settle();
  EXPECT_EQ(relay->open(), 1u);
  EXPECT_EQ(Dropped(), 1u) << "eight wait";
  clock.boot += milliseconds(config.header.limits.connect_ms - 1);
  Settle();
  EXPECT_EQ(relay->open(), 1u);
  clock.boot += std::chrono::seconds(2);
  Settle();
  EXPECT_EQ(relay->open(), 0u);
  EXPECT_EQ(reporter.Story(), "flow gate_upstream_failure");
}

TEST_F(UdpRelayTest, BytesThatWaitForADialAreBounded) {
  Start();
  dialler->silent = true;
  const auto client = Client();
  for (int i = 0; i < 3; ++i) Send(client.get(), std::string(30'000, 'x'));
  Settle();
  EXPECT_EQ(Dropped(), 1u) << "two of three are below 64 KiB";
}

TEST_F(UdpRelayTest, AnAssociationThatWasUsedLatelyDoesNotMakeRoom) {
  Start(1);
  const auto first = Client(), second = Client();
  Send(first.get(), "x");
  Settle();
  clock.boot += milliseconds(4'999);
  Send(second.get(), "y");
  Settle();
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | flow gate_limit");
  clock.boot += milliseconds(1);
  Send(second.get(), "y");
  Settle();
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | flow gate_limit | closed by gate gate_limit | flow gate_grant_match");
}

}  // namespace
}  // namespace gate
