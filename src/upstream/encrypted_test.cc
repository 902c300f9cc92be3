// SPDX-License-Identifier: Apache-2.0
// DoT and DoH against a real TLS server: who is believed, how connections are used, what ends an exchange.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "upstream/exchanger.h"
#include "upstream/loopback_dialler_fixture.h"
#include "upstream/message.h"
#include "upstream/signed_zone_fixture.h"
#include "upstream/tls_server_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

std::string Echo(const std::string& query) {
  std::string reply = query;
  reply[2] = static_cast<char>(reply[2] | 0x80);
  return reply;
}

struct Way {
  const char* name;
  Speaks speaks;
};

class Encrypted : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    loop_ = *Loop::Create();
    options_.speaks = GetParam().speaks;
  }
  void Begin(TlsServer::Handler handler = Echo, TlsIdentity identity = {.name = "dns.example", .address = "127.0.0.1"}) {
    server_ = std::make_unique<TlsServer>(options_, std::move(handler));
    Trust(server_->authority(), std::move(identity));
  }
  void Trust(const std::string& authority, TlsIdentity identity = {.name = "dns.example", .address = "127.0.0.1"}) {
    tls_.emplace(std::move(*TlsContext::Create(authority)));
    dialler_.emplace(*loop_, server_->port());
    Carrier carrier = GetParam().speaks == Speaks::kDot
                          ? DotCarrier(*tls_, identity)
                          : DohCarrier(*tls_, identity, {.authority = "dns.example", .path = "/dns-query"});
    exchanger_ = MakeStreamExchanger(*loop_, *dialler_, 0, std::move(carrier), limits_);
  }
  void Ask(const std::string& query, std::optional<base::Result<std::string>>* into) {
    exchanger_->Ask(query, [into](base::Result<std::string> reply) {
      EXPECT_FALSE(into->has_value()) << "answered twice";
      into->emplace(std::move(reply));
    });
  }
  void Until(const std::function<bool()>& done) {
    for (int round = 0; round < 5000 && !done(); ++round) ASSERT_TRUE(loop_->Round(20ms));
    EXPECT_TRUE(done());
  }
  base::Result<std::string> AskOne(const std::string& query) {
    std::optional<base::Result<std::string>> reply;
    Ask(query, &reply);
    Until([&reply] { return reply.has_value(); });
    return reply ? *reply : base::Fail(base::ErrorKind::kInternal, "no answer");
  }

  TlsServerOptions options_;
  ExchangeLimits limits_{.exchange = 2000ms, .connect = 4000ms, .idle = 10s};
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<TlsServer> server_;
  std::optional<TlsContext> tls_;
  std::optional<LoopbackDialler> dialler_;
  std::unique_ptr<Exchanger> exchanger_;
};

INSTANTIATE_TEST_SUITE_P(Ways, Encrypted, testing::Values(Way{"Dot", Speaks::kDot}, Way{"Doh", Speaks::kDoh}),
                         [](const auto& way) { return way.param.name; });

TEST_P(Encrypted, AnAnswerHasTheQuestionAndTheIdOfTheQuery) {
  Begin();
  const std::string query = MakeQuery("wWw.zone.example", kTypeA);
  const auto reply = AskOne(query);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(*reply, Echo(query));
}

TEST_P(Encrypted, ManyQuestionsUseOneConnection) {
  Begin();
  std::vector<std::optional<base::Result<std::string>>> replies(50);
  for (std::size_t i = 0; i < replies.size(); ++i) Ask(MakeQuery("n" + std::to_string(i) + ".example", kTypeA), &replies[i]);
  Until([&replies] { return std::ranges::all_of(replies, [](const auto& reply) { return reply.has_value(); }); });
  for (std::size_t i = 0; i < replies.size(); ++i) {
    ASSERT_TRUE(*replies[i]) << replies[i]->error().message;
    EXPECT_EQ(**replies[i], Echo(MakeQuery("n" + std::to_string(i) + ".example", kTypeA)));
  }
  EXPECT_TRUE(AskOne(MakeQuery("later.example", kTypeA)));
  EXPECT_EQ(server_->connections(), 1);
  EXPECT_EQ(dialler_->dialled, 1);
}

TEST_P(Encrypted, AnotherNameInTheCertificateIsRefusedBeforeAQuestionLeaves) {
  options_.alt_names = "DNS:other.example,IP:127.0.0.1";
  Begin();
  const auto reply = AskOne(MakeQuery("www.example", kTypeA));
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find("certificate is refused"), std::string::npos) << reply.error().message;
  EXPECT_EQ(server_->requests(), 0);
}

TEST_P(Encrypted, TheCommonNameOfACertificateProvesNothing) {
  options_.alt_names = "";
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
  EXPECT_EQ(server_->requests(), 0);
}

TEST_P(Encrypted, AnotherAuthorityIsRefusedBeforeAQuestionLeaves) {
  Begin();
  TlsServer other(options_, Echo);
  Trust(other.authority());
  const auto reply = AskOne(MakeQuery("www.example", kTypeA));
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find("certificate is refused"), std::string::npos) << reply.error().message;
  EXPECT_EQ(server_->requests(), 0);
}

TEST_P(Encrypted, AnExpiredCertificateIsRefused) {
  options_.valid_until = -60;
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
  EXPECT_EQ(server_->requests(), 0);
}

TEST_P(Encrypted, TlsBefore12IsRefused) {
  options_.max_version = 0x0302;  // TLS 1.1
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
  EXPECT_EQ(server_->requests(), 0);
}

TEST_P(Encrypted, WithoutANameTheAddressMustBeInTheCertificate) {
  options_.alt_names = "IP:127.0.0.1";
  Begin(Echo, {.name = "", .address = "127.0.0.1"});
  EXPECT_TRUE(AskOne(MakeQuery("www.example", kTypeA)));
  Trust(server_->authority(), {.name = "", .address = "127.0.0.2"});
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
}

TEST_P(Encrypted, AConnectionThatTheServerClosedIsReplacedWithoutAFailure) {
  options_.close_after = 1;
  Begin();
  for (int i = 0; i < 5; ++i) {
    const auto reply = AskOne(MakeQuery("www.example", kTypeA));
    ASSERT_TRUE(reply) << i << ": " << reply.error().message;
  }
  EXPECT_GE(server_->connections(), 5);
}

TEST_P(Encrypted, ASilentServerEndsTheExchangeInTime) {
  options_.silent = true;
  limits_ = {.exchange = 200ms, .connect = 4000ms};
  Begin();
  const Moment before = Now();
  const auto reply = AskOne(MakeQuery("www.example", kTypeA));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, base::ErrorKind::kDeadline);
  EXPECT_LT(Now() - before, 4s);
}

TEST_P(Encrypted, AServerThatNeverShakesHandsEndsTheExchangeInTime) {
  limits_ = {.exchange = 100ms, .connect = 200ms};
  const auto [listener, port] = BindLoopback(SOCK_STREAM);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  Begin();
  dialler_.emplace(*loop_, port);
  const auto reply = AskOne(MakeQuery("www.example", kTypeA));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, base::ErrorKind::kDeadline);
}

TEST_P(Encrypted, AnAnswerToAnotherQuestionIsNoAnswer) {
  Begin([](const std::string& query) {
    std::string reply = Echo(MakeQuery("evil.example", kTypeA));
    reply[0] = query[0];
    reply[1] = query[1];
    return reply;
  });
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
}

TEST_P(Encrypted, AReplyOf65535BytesArrivesWhole) {
  Begin([](const std::string& query) {
    std::string reply = Echo(query);
    reply.resize(65535, 'x');
    return reply;
  });
  const auto reply = AskOne(MakeQuery("www.example", kTypeA));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->size(), 65535u);
}

TEST_P(Encrypted, AConnectionWithoutQuestionsIsClosed) {
  limits_.idle = 50ms;
  Begin();
  ASSERT_TRUE(AskOne(MakeQuery("www.example", kTypeA)));
  Until([this] { return server_->ended() == 1; });
  ASSERT_TRUE(AskOne(MakeQuery("www.example", kTypeA)));
  EXPECT_EQ(server_->connections(), 2);
}

class Dot : public Encrypted {};
INSTANTIATE_TEST_SUITE_P(Only, Dot, testing::Values(Way{"Dot", Speaks::kDot}), [](const auto& way) { return way.param.name; });

TEST_P(Dot, RepliesInAnotherOrderFindTheirQuestions) {
  options_.reverse_pairs = true;
  Begin();
  std::optional<base::Result<std::string>> first, second;
  Ask(MakeQuery("first.example", kTypeA), &first);
  Ask(MakeQuery("second.example", kTypeA), &second);
  Until([&] { return first && second; });
  ASSERT_TRUE(*first) << first->error().message;
  EXPECT_EQ(**first, Echo(MakeQuery("first.example", kTypeA)));
  EXPECT_EQ(**second, Echo(MakeQuery("second.example", kTypeA)));
}

TEST_P(Dot, AQuestionUnderWayOnAUsedConnectionThatBreaksIsAskedOnceMore) {
  options_.cut_at = 2;
  Begin();
  ASSERT_TRUE(AskOne(MakeQuery("first.example", kTypeA)));
  const auto second = AskOne(MakeQuery("second.example", kTypeA));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(server_->connections(), 2);
  EXPECT_EQ(server_->requests(), 3);
}

TEST_P(Dot, AQuestionOnAFreshConnectionThatBreaksHasFailed) {
  options_.cut_at = 1;
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("first.example", kTypeA)));
  EXPECT_EQ(server_->connections(), 1);
}

class Doh : public Encrypted {};
INSTANTIATE_TEST_SUITE_P(Only, Doh, testing::Values(Way{"Doh", Speaks::kDoh}), [](const auto& way) { return way.param.name; });

TEST_P(Doh, TheRequestIsAPostWithIdZero) {
  std::string seen;
  Begin([&seen](const std::string& query) {
    seen = query;
    return Echo(query);
  });
  ASSERT_TRUE(AskOne(MakeQuery("www.example", kTypeA)));
  EXPECT_EQ(seen.substr(0, 2), std::string(2, '\0'));
  const std::string headers = server_->last_headers();
  for (const char* line : {":method: POST\n", ":scheme: https\n", ":authority: dns.example\n", ":path: /dns-query\n",
                           "content-type: application/dns-message\n", "accept: application/dns-message\n"}) {
    EXPECT_NE(headers.find(line), std::string::npos) << line << "in\n" << headers;
  }
}

TEST_P(Doh, AnotherStatusOrMediaTypeIsNoAnswer) {
  options_.status = "503";
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
  options_.status = "200";
  options_.content_type = "text/html";
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
}

TEST_P(Doh, ABodyOver65535BytesIsNoAnswer) {
  Begin([](const std::string& query) {
    std::string reply = Echo(query);
    reply.resize(65536, 'x');
    return reply;
  });
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
}

TEST_P(Doh, AServerWithoutHttp2IsRefused) {
  options_.answers_http1 = true;
  Begin();
  EXPECT_FALSE(AskOne(MakeQuery("www.example", kTypeA)));
  EXPECT_EQ(server_->requests(), 0);
}

}  // namespace
}  // namespace upstream
