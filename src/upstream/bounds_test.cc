// SPDX-License-Identifier: Apache-2.0
// What one questioner can hold up: every number of questions has its end, and packets that cannot be are nothing.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/socket.h"
#include "upstream/config.h"
#include "upstream/dialler.h"
#include "upstream/exchanger.h"
#include "upstream/forwarder.h"
#include "upstream/message.h"
#include "upstream/process_fixture.h"
#include "upstream/service.h"
#include "upstream/signed_zone_fixture.h"
#include "upstream/validator_link.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using wire::UpstreamOutcome;

// No connection ever comes.
class NobodyDials final : public Dialler {
 public:
  Ticket Dial(std::uint32_t, wire::IpProtocol, Answer) override { return ++dialled; }
  void Cancel(Ticket) override {}
  Ticket dialled = 0;
};

class SilentExchanger final : public Exchanger {
 public:
  void Ask(std::string, Answer answer) override { asked.push_back(std::move(answer)); }
  std::vector<Answer> asked;
};

std::string NumberedQuery(std::size_t number) { return MakeQuery("n" + std::to_string(number) + ".example", kTypeA); }

class Bounds : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = sys::SocketPair(SOCK_SEQPACKET);
    ASSERT_TRUE(pair);
    std::tie(ours_, theirs_) = std::move(*pair);
  }
  void Rounds(int count = 5) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(loop_->Round(0ms));
  }
  // Sent to the part under test, which gets its turn.
  template <class Header>
  void Send(const Header& header, std::string_view bytes) {
    std::string packet(reinterpret_cast<const char*>(&header), sizeof(header));
    packet += bytes;
    ASSERT_EQ(::send(ours_.get(), packet.data(), packet.size(), MSG_DONTWAIT), static_cast<ssize_t>(packet.size()));
    Rounds(2);
  }
  // The head of the next packet from there.
  template <class Header>
  std::optional<Header> Next() {
    Rounds();
    char buffer[2048];
    Header header;
    const ssize_t got = ::recv(ours_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(sizeof(header))) return std::nullopt;
    std::memcpy(&header, buffer, sizeof(header));
    return header;
  }
  // The number of the first question that `exchanger` refuses at once.
  std::size_t FirstRefused(Exchanger& exchanger) {
    const auto refused = std::make_shared<std::optional<base::ErrorKind>>();
    for (std::size_t number = 1; number <= 2 * kMaxInFlight; ++number) {
      exchanger.Ask(NumberedQuery(number), [refused](const base::Result<std::string>& reply) {
        *refused = reply ? base::ErrorKind::kInternal : reply.error().kind;
      });
      Rounds(1);
      if (!*refused) continue;
      EXPECT_EQ(**refused, base::ErrorKind::kLimit);
      return number;
    }
    return 0;
  }

  std::unique_ptr<Loop> loop_ = *Loop::Create();
  base::UniqueFd ours_, theirs_;
  NobodyDials dialler_;
};

TEST_F(Bounds, OneResolverHasSoManyExchangesByDatagram) {
  auto tcp = MakeStreamExchanger(*loop_, dialler_, 0, PlainTcpCarrier(), {.exchange = 60s, .connect = 60s});
  auto udp = MakeUdpExchanger(*loop_, dialler_, 0, std::move(tcp), {.exchange = 60s});
  EXPECT_EQ(FirstRefused(*udp), kMaxInFlight + 1);
  EXPECT_EQ(dialler_.dialled, kMaxInFlight);
}

TEST_F(Bounds, OneResolverHasSoManyExchangesByStream) {
  const auto tcp = MakeStreamExchanger(*loop_, dialler_, 0, PlainTcpCarrier(), {.exchange = 60s, .connect = 60s});
  EXPECT_EQ(FirstRefused(*tcp), kMaxInFlight + 1);
  EXPECT_EQ(dialler_.dialled, 1u);
}

TEST_F(Bounds, TheValidatorAsksSoManyThroughTheRelay) {
  Link link(*loop_, theirs_.get(), [](const LinkHeader&, std::string_view) {}, [] {});
  std::uint64_t next = 1;
  std::map<std::uint64_t, Exchanger::Answer> waiting;
  LinkExchanger exchanger(*loop_, link, 0, next, waiting);
  for (std::size_t i = 0; i < kMaxInFlight; ++i) {
    exchanger.Ask(NumberedQuery(i), [](base::Result<std::string>) {});
    ASSERT_TRUE(Next<LinkHeader>()) << i;
  }
  std::optional<base::Result<std::string>> refused;
  exchanger.Ask(NumberedQuery(0), [&refused](base::Result<std::string> reply) { refused = std::move(reply); });
  EXPECT_FALSE(Next<LinkHeader>());
  ASSERT_TRUE(refused && !*refused);
  EXPECT_EQ(refused->error().kind, base::ErrorKind::kLimit);
}

TEST_F(Bounds, TheRelayAsksSoManyForTheValidator) {
  ValidatorClient client(*loop_, theirs_.get(), 60s, [] {});
  SilentExchanger resolver;
  const auto validator = client.Attach(3, resolver);
  ASSERT_TRUE(client.Start());
  const std::string query = NumberedQuery(1);
  LinkHeader header{.kind = LinkHeader::kAsk, .resolver = 3, .bytes = static_cast<std::uint32_t>(query.size())};
  for (header.number = 1; header.number <= kMaxInFlight; ++header.number) {
    Send(header, query);
    ASSERT_FALSE(Next<LinkHeader>()) << header.number;
  }
  EXPECT_EQ(resolver.asked.size(), kMaxInFlight);
  Send(header, query);
  const auto refused = Next<LinkHeader>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, LinkHeader::kReply);
  EXPECT_EQ(refused->value, 1u);
  EXPECT_EQ(resolver.asked.size(), kMaxInFlight);
  // One that is answered makes room for another.
  resolver.asked[0](std::string(12, 'x'));
  ASSERT_TRUE(Next<LinkHeader>());
  Send(header, query);
  EXPECT_EQ(resolver.asked.size(), kMaxInFlight + 1);
}

TEST_F(Bounds, PacketsBetweenRelayAndValidatorThatAreNotWholeAreDropped) {
  int taken = 0, lost = 0;
  Link link(*loop_, theirs_.get(), [&taken](const LinkHeader&, std::string_view) { ++taken; }, [&lost] { ++lost; });
  ASSERT_TRUE(link.Start());
  Send(LinkHeader{.kind = LinkHeader::kFound, .bytes = 5}, "four");
  Send(LinkHeader{.kind = LinkHeader::kFound, .bytes = 3}, "four");
  Send(std::uint64_t{1}, "");  // shorter than a header
  EXPECT_EQ(taken, 0);
  Send(LinkHeader{.kind = LinkHeader::kFound, .bytes = 4}, "four");
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(lost, 0);
}

TEST_F(Bounds, ALookupThatIsFoundWithoutNeedChangesNothing) {
  ValidatorClient client(*loop_, theirs_.get(), 60s, [] {});
  SilentExchanger resolver;
  const auto validator = client.Attach(0, resolver);
  ASSERT_TRUE(client.Start());
  std::optional<Validation> found;
  validator->Look(*QuestionOf(NumberedQuery(1)), [&found](Validation validation) { found = std::move(validation); });
  const auto look = Next<LinkHeader>();
  ASSERT_TRUE(look);
  const auto validated = static_cast<std::uint32_t>(UpstreamOutcome::kValidated);
  Send(LinkHeader{.number = look->number + 1, .kind = LinkHeader::kFound, .value = validated}, "");
  EXPECT_FALSE(found) << "another number";
  Send(LinkHeader{.number = look->number, .kind = LinkHeader::kFound, .value = 99}, "");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->outcome, UpstreamOutcome::kFailed) << "no outcome of ours";
}

class GateSide : public Bounds {
 protected:
  void Serve() {
    std::vector<std::unique_ptr<Resolver>> resolvers;
    const auto resolver = LoopbackResolver(wire::Transport::kTcp, wire::DnssecMode::kOff, 53);
    for (std::uint32_t index = 0; index < 2; ++index) {
      resolvers.push_back(*Resolver::Create(*loop_, dialler_, index, resolver, nullptr, nullptr, 60s));
    }
    resolvers.push_back(nullptr);
    service_.emplace(*loop_, theirs_.get(), std::move(resolvers), [] {});
    ASSERT_TRUE(service_->Start());
  }
  void Ask(std::uint64_t id, std::string_view query, int more_bytes = 0, std::uint32_t resolver = 0) {
    Send(wire::UpstreamRequest{.id = id,
                               .resolver = resolver,
                               .bytes = static_cast<std::uint32_t>(static_cast<int>(query.size()) + more_bytes)},
         query);
  }
  std::optional<Service> service_;
};

TEST_F(GateSide, HasSoManyQuestionsInFlight) {
  Serve();
  const std::string query = NumberedQuery(1);
  for (std::uint64_t id = 1; id <= kMaxInFlight; ++id) {
    Ask(id, query);
    ASSERT_FALSE(Next<wire::UpstreamReply>()) << id;
  }
  EXPECT_EQ(service_->in_flight(), kMaxInFlight);
  Ask(kMaxInFlight + 1, query, 0, 1);  // a resolver that has none of them
  const auto refused = Next<wire::UpstreamReply>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->id, kMaxInFlight + 1);
  EXPECT_EQ(refused->outcome, UpstreamOutcome::kFailed);
}

TEST_F(GateSide, IsRefusedWhatIsNoRequest) {
  Serve();
  const std::string query = NumberedQuery(1);
  std::uint64_t id = 0;
  const auto refused = [&](std::string_view what) {
    const auto reply = Next<wire::UpstreamReply>();
    EXPECT_TRUE(reply && reply->id == id && reply->outcome == UpstreamOutcome::kFailed) << what;
    EXPECT_EQ(service_->in_flight(), 0u) << what;
  };
  Ask(++id, query, 1);
  refused("more bytes were promised");
  Ask(++id, query, -1);
  refused("fewer bytes were promised");
  Ask(++id, query, 0, 2);
  refused("a resolver that the gate asks by itself");
  Ask(++id, query, 0, 3);
  refused("no resolver");
  Ask(++id, "no question");
  refused("no message");
  Send(std::uint64_t{7}, "");
  EXPECT_FALSE(Next<wire::UpstreamReply>()) << "shorter than a request";
  Ask(++id, query);
  EXPECT_EQ(service_->in_flight(), 1u);
}

class Forwarding : public Bounds {
 protected:
  Forwarding() : forwarder_(*loop_, resolver_) {}
  void SetUp() override {
    Bounds::SetUp();
    ASSERT_TRUE(forwarder_.Start());
    client_ = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(forwarder_.port());
    ASSERT_EQ(::connect(client_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    const int room = 1 << 20;
    ::setsockopt(client_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  }
  void Ask(const std::string& query) {
    ASSERT_EQ(::send(client_.get(), query.data(), query.size(), 0), static_cast<ssize_t>(query.size()));
    Rounds(3);
  }
  // RCODE of the next reply; -1: there is none.
  int Rcode() {
    Rounds();
    char buffer[2048];
    const ssize_t got = ::recv(client_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    return got < 12 ? -1 : buffer[3] & 15;
  }

  SilentExchanger resolver_;
  Forwarder forwarder_;
  base::UniqueFd client_;
};

TEST_F(Forwarding, HasSoManyQuestionsUnderWayAndAnswersTheNextAtOnce) {
  constexpr std::size_t kUnderWay = 512;
  for (std::size_t i = 0; i < kUnderWay; ++i) Ask(NumberedQuery(i));
  EXPECT_EQ(resolver_.asked.size(), kUnderWay);
  EXPECT_EQ(Rcode(), -1);
  Ask(NumberedQuery(kUnderWay));
  EXPECT_EQ(resolver_.asked.size(), kUnderWay);
  EXPECT_EQ(Rcode(), 2) << "SERVFAIL";
  // The refused one is forgotten: after an answer there is room.
  resolver_.asked[0](NumberedQuery(0));
  EXPECT_EQ(Rcode(), 0);
  Ask(NumberedQuery(kUnderWay));
  EXPECT_EQ(resolver_.asked.size(), kUnderWay + 1);
}

TEST_F(Forwarding, AnswersSoManyWhoAskTheSame) {
  constexpr std::size_t kAskers = 64;
  for (std::size_t i = 0; i <= kAskers; ++i) Ask(NumberedQuery(1));
  ASSERT_EQ(resolver_.asked.size(), 1u) << "equal questions are asked once";
  resolver_.asked[0](NumberedQuery(1));
  std::size_t answers = 0;
  while (Rcode() == 0) ++answers;
  EXPECT_EQ(answers, kAskers);
}

class DiallersReplies : public Bounds {
 protected:
  void SetUp() override {
    Bounds::SetUp();
    dialler_.emplace(*loop_, theirs_.get(), resolvers_, [this] { ++lost_; });
    ASSERT_TRUE(dialler_->Start());
  }
  Dialler::Ticket Dial() {
    const auto ticket = dialler_->Dial(0, wire::IpProtocol::kTcp, [this](base::Result<base::UniqueFd> socket) {
      ++answered_;
      error_ = socket ? 0 : socket.error().os_errno;
    });
    EXPECT_TRUE(Next<wire::DialRequest>());
    return ticket;
  }
  void Reply(const wire::DialReply& reply, std::vector<int> fds, std::size_t bytes = sizeof(wire::DialReply)) {
    ASSERT_TRUE(sys::SendMsg(ours_.get(), {reinterpret_cast<const char*>(&reply), bytes}, fds));
    Rounds();
  }
  static std::size_t OpenDescriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
    return count;
  }

  std::vector<wire::GateResolver> resolvers_ = {LoopbackResolver(wire::Transport::kTcp, wire::DnssecMode::kOff, 53)};
  std::optional<SocketDialler> dialler_;
  int answered_ = 0, lost_ = 0, error_ = -1;
};

TEST_F(DiallersReplies, ToNobodyAreClosed) {
  const auto ticket = Dial();
  const std::size_t before = OpenDescriptors();
  Reply({.id = ticket + 1}, {0});
  EXPECT_EQ(answered_, 0);
  dialler_->Cancel(ticket);
  Reply({.id = ticket}, {0});
  EXPECT_EQ(answered_, 0);
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(lost_, 0);
}

TEST_F(DiallersReplies, WithoutExactlyOneDescriptorAreFailures) {
  const std::size_t before = OpenDescriptors();
  Reply({.id = Dial()}, {});
  EXPECT_EQ(answered_, 1);
  EXPECT_EQ(error_, EIO);
  Reply({.id = Dial()}, {0, 1});
  EXPECT_EQ(answered_, 2);
  EXPECT_EQ(error_, EIO);
  Reply({.id = Dial(), .error = ECONNREFUSED}, {0});
  EXPECT_EQ(answered_, 3);
  EXPECT_EQ(error_, ECONNREFUSED) << "what it says counts, whatever comes along";
  Reply({.id = Dial(), .error = -5}, {});
  EXPECT_EQ(error_, EIO);
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(lost_, 0);
}

TEST_F(DiallersReplies, OfAnotherSizeEndIt) {
  const auto ticket = Dial();
  Reply({.id = ticket}, {0}, sizeof(wire::DialReply) - 1);
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(answered_, 0);
}

TEST(LengthFraming, AFrameThatIsNoMessageEndsTheConnection) {
  const auto framing = MakeLengthFraming([](Framing::Tag, base::Result<std::string>) {});
  EXPECT_TRUE(framing->Feed(std::string("\0\14", 2) + std::string(12, 'x'))) << "nobody asked, and it is a message";
  EXPECT_FALSE(framing->Feed(std::string("\0\13", 2)));
}

TEST(LengthFraming, TakesNoQueryThatIsNoMessageAndSoManyAtATime) {
  const auto framing = MakeLengthFraming([](Framing::Tag, base::Result<std::string>) {});
  EXPECT_FALSE(framing->Submit(1, std::string(11, 'x')));
  EXPECT_FALSE(framing->Submit(1, std::string(65536, 'x')));
  for (Framing::Tag tag = 1; tag <= 1024; ++tag) ASSERT_TRUE(framing->Submit(tag, NumberedQuery(tag)));
  EXPECT_FALSE(framing->Submit(1025, NumberedQuery(1)));
}

}  // namespace
}  // namespace upstream
