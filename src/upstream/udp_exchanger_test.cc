// SPDX-License-Identifier: Apache-2.0
// Do53 over UDP: only the true answer counts, a lost datagram is sent again, a truncated one is fetched over TCP.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "upstream/exchanger.h"
#include "upstream/loopback_dialler_fixture.h"
#include "upstream/message.h"
#include "upstream/signed_zone_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

std::string Echo(std::string query, int more_flags = 0) {
  query[2] = static_cast<char>(query[2] | 0x80 | more_flags);
  return query;
}

class TcpTwin final : public Exchanger {
 public:
  explicit TcpTwin(Loop& loop) : loop_(loop) {}
  void Ask(std::string query, Answer answer) override {
    ++asked;
    loop_.Defer([query, answer] { answer(Echo(query)); });
  }
  int asked = 0;

 private:
  Loop& loop_;
};

class UdpExchangerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::tie(server_, port_) = BindLoopback(SOCK_DGRAM | SOCK_NONBLOCK);
    dialler_.emplace(*loop_, port_);
    auto tcp = std::make_unique<TcpTwin>(*loop_);
    tcp_ = tcp.get();
    exchanger_ = MakeUdpExchanger(*loop_, *dialler_, 0, std::move(tcp), {.exchange = 400ms});
  }
  // What `serve` gives for a query that arrived is sent back, each as one datagram.
  std::optional<base::Result<std::string>> Ask(const std::function<std::vector<std::string>(const std::string&)>& serve) {
    std::optional<base::Result<std::string>> result;
    exchanger_->Ask(MakeQuery("www.example", kTypeA, true), [&result](base::Result<std::string> reply) { result = std::move(reply); });
    for (int round = 0; round < 2000 && !result; ++round) {
      EXPECT_TRUE(loop_->Round(5ms));
      char buffer[2048];
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      const ssize_t got = ::recvfrom(server_.get(), buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) continue;
      ++received_;
      last_ = std::string(buffer, static_cast<std::size_t>(got));
      ports_.insert(from.sin_port);
      for (const std::string& reply : serve(last_)) {
        ::sendto(server_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
    return result;
  }

  std::unique_ptr<Loop> loop_ = *Loop::Create();
  base::UniqueFd server_;
  std::uint16_t port_ = 0;
  std::optional<LoopbackDialler> dialler_;
  TcpTwin* tcp_ = nullptr;
  std::unique_ptr<Exchanger> exchanger_;
  int received_ = 0;
  std::string last_;
  std::set<std::uint16_t> ports_;
};

TEST_F(UdpExchangerTest, TheAnswerHasTheIdOfTheQuery) {
  const auto reply = Ask([](const std::string& query) { return std::vector{Echo(query)}; });
  ASSERT_TRUE(reply && *reply);
  EXPECT_EQ(IdOf(**reply), IdOf(MakeQuery("www.example", kTypeA)));
}

TEST_F(UdpExchangerTest, ForgedAnswersAreIgnoredAndTheTrueOneIsStillTaken) {
  const auto reply = Ask([](const std::string& query) {
    std::string other_id = Echo(query), other_name = Echo(query), no_reply = query, short_one = Echo(query).substr(0, 11);
    SetId(other_id, static_cast<std::uint16_t>(IdOf(query) + 1));
    other_name[13] ^= 1;
    std::string truth = Echo(query);
    truth += "true";
    return std::vector{other_id, other_name, no_reply, short_one, truth};
  });
  ASSERT_TRUE(reply && *reply);
  EXPECT_TRUE((*reply)->ends_with("true"));
}

TEST_F(UdpExchangerTest, EachQuestionHasItsOwnIdAndPort) {
  std::set<std::uint16_t> ids;
  for (int i = 0; i < 16; ++i) {
    Ask([](const std::string& query) { return std::vector{Echo(query)}; });
    ids.insert(IdOf(last_));
  }
  EXPECT_GT(ids.size(), 12u);
  EXPECT_GT(ports_.size(), 12u);
}

TEST_F(UdpExchangerTest, AnnouncesNoMoreThanCrossesTheInternetInOnePiece) {
  Ask([](const std::string& query) { return std::vector{Echo(query)}; });
  EXPECT_EQ(last_.substr(last_.size() - 8, 2), "\x04\xd0");
}

TEST_F(UdpExchangerTest, ALostDatagramIsSentAgainOnceAndThenTheTimeIsUp) {
  int seen = 0;
  const auto second = Ask([&seen](const std::string& query) {
    return ++seen == 1 ? std::vector<std::string>{} : std::vector{Echo(query)};
  });
  ASSERT_TRUE(second && *second);
  received_ = 0;
  const Moment before = Now();
  const auto none = Ask([](const std::string&) { return std::vector<std::string>{}; });
  ASSERT_TRUE(none && !*none);
  EXPECT_EQ(none->error().kind, base::ErrorKind::kDeadline);
  EXPECT_EQ(received_, 2);
  EXPECT_LT(Now() - before, 3s);
}

TEST_F(UdpExchangerTest, ATruncatedAnswerIsFetchedOverTcp) {
  const auto reply = Ask([](const std::string& query) { return std::vector{Echo(query, 0x02)}; });
  ASSERT_TRUE(reply && *reply);
  EXPECT_FALSE(IsTruncated(**reply));
  EXPECT_EQ(tcp_->asked, 1);
}

}  // namespace
}  // namespace upstream
