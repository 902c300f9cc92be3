// SPDX-License-Identifier: Apache-2.0
// The dialler connects to what the plan grants and to nothing else.
#include "cell/network/dialler.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/address_class.h"
#include "sys/socket.h"

namespace cell {
namespace {

using wire::DialPurpose;
using wire::DialReply;
using wire::DialRequest;
using wire::IpProtocol;

class DiallerTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);  // 127.0.0.2
    ASSERT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(server_.get(), 8), 0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(server_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    network_.rules.push_back({.index = 3,
                              .form = wire::HostForm::kAddress,
                              .protocol = wire::FlowProtocol::kTcp,
                              .port = port_,
                              .host = "127.0.0.2",
                              .prefix = base::Exactly(*base::ParseIpAddress("127.0.0.2"))});
    network_.resolvers.push_back(
        {.id = "r-1", .transport = wire::Transport::kUdp, .endpoint = *base::ParseIpEndpoint("127.0.0.2:53")});
  }
  Dialler Make(Dialler::Asker asker = Dialler::Asker::kGate) {
    auto pair = sys::SocketPair(SOCK_SEQPACKET);
    asker_ = std::move(pair->first);
    return std::move(*Dialler::Create(asker, network_, base::SystemClock(), std::move(pair->second),
                                      [this](const std::string& target, const char*) { refused_.push_back(target); }));
  }
  DialRequest Request(const char* address, std::uint16_t port, std::uint32_t index = 3) {
    DialRequest request{.id = 7, .index = index, .port = port};
    const auto ip = *base::ParseIpAddress(address);
    request.v6 = ip.v6;
    std::copy(ip.bytes.begin(), ip.bytes.end(), request.address);
    return request;
  }
  void Ask(const DialRequest& request) {
    ASSERT_TRUE(sys::SendMsg(asker_.get(), {reinterpret_cast<const char*>(&request), sizeof request}));
  }
  // The answer to one request, and its descriptor.
  std::pair<int, base::UniqueFd> Answer(Dialler& dialler, const DialRequest& request) {
    Ask(request);
    std::string why;
    EXPECT_TRUE(dialler.Serve(&why)) << why;
    DialReply reply;
    auto received = sys::RecvMsg(asker_.get(), {reinterpret_cast<char*>(&reply), sizeof reply}, MSG_DONTWAIT);
    if (!received || received->bytes != sizeof reply) return {-1, base::UniqueFd()};
    EXPECT_EQ(reply.id, request.id);
    return {reply.error, received->fds.empty() ? base::UniqueFd() : std::move(received->fds[0])};
  }

  base::UniqueFd server_, asker_;
  std::uint16_t port_ = 0;
  plan::NetworkPlan network_;
  std::vector<std::string> refused_;
};

TEST_F(DiallerTest, AGrantedTargetIsConnectedAndPassed) {
  Dialler dialler = Make();
  auto [error, socket] = Answer(dialler, Request("127.0.0.2", port_));
  ASSERT_EQ(error, 0);
  ASSERT_TRUE(socket);
  const base::UniqueFd accepted(::accept(server_.get(), nullptr, nullptr));
  EXPECT_TRUE(accepted);
  EXPECT_EQ(dialler.counters().dialled, 1u);
}

TEST_F(DiallerTest, WhatNoRuleGrantsIsRefusedCountedAndTold) {
  Dialler dialler = Make();
  EXPECT_EQ(Answer(dialler, Request("127.0.0.3", port_)).first, EPERM);
  EXPECT_EQ(Answer(dialler, Request("127.0.0.2", static_cast<std::uint16_t>(port_ ^ 1))).first, EPERM);
  EXPECT_EQ(Answer(dialler, Request("127.0.0.2", port_, 4)).first, EPERM) << "another rule's index";
  DialRequest udp = Request("127.0.0.2", port_);
  udp.protocol = IpProtocol::kUdp;
  EXPECT_EQ(Answer(dialler, udp).first, EPERM);
  EXPECT_EQ(Answer(dialler, Request("169.254.169.254", 80)).first, EPERM);
  EXPECT_EQ(dialler.counters().refused, 5u);
  EXPECT_EQ(refused_.size(), 5u);
  EXPECT_EQ(dialler.counters().dialled, 0u);
}

TEST_F(DiallerTest, AResolverIsNoGrantForAFlow) {
  Dialler dialler = Make();
  DialRequest request = Request("127.0.0.2", 53, 0);
  request.protocol = IpProtocol::kUdp;
  EXPECT_EQ(Answer(dialler, request).first, EPERM);
  request.purpose = DialPurpose::kResolver;
  EXPECT_EQ(Answer(dialler, request).first, 0);
}

TEST_F(DiallerTest, TheUpstreamDialsResolversAlone) {
  Dialler dialler = Make(Dialler::Asker::kUpstream);
  EXPECT_EQ(Answer(dialler, Request("127.0.0.2", port_)).first, EPERM);
  DialRequest request = Request("127.0.0.2", 53, 0);
  request.purpose = DialPurpose::kResolver;
  request.protocol = IpProtocol::kUdp;
  EXPECT_EQ(Answer(dialler, request).first, 0);
}

TEST_F(DiallerTest, EachRequestOfAPacketIsJudgedAndAnsweredInItsOrder) {
  Dialler dialler = Make();
  DialRequest requests[] = {Request("127.0.0.2", port_), Request("127.0.0.3", port_), Request("127.0.0.2", port_, 4),
                            Request("127.0.0.2", port_)};
  for (std::uint64_t i = 0; i < 4; ++i) requests[i].id = 10 + i;
  ASSERT_TRUE(sys::SendMsg(asker_.get(), {reinterpret_cast<const char*>(requests), sizeof requests}));
  std::string why;
  ASSERT_TRUE(dialler.Serve(&why)) << why;
  DialReply replies[4];
  auto received = sys::RecvMsg(asker_.get(), {reinterpret_cast<char*>(replies), sizeof replies}, MSG_DONTWAIT);
  ASSERT_TRUE(received);
  ASSERT_EQ(received->bytes, sizeof replies);
  EXPECT_EQ(received->fds.size(), 2u);
  for (std::uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(replies[i].id, 10 + i);
    EXPECT_EQ(replies[i].error, i == 0 || i == 3 ? 0 : EPERM);
  }
  EXPECT_EQ(refused_, (std::vector<std::string>{"127.0.0.3:" + std::to_string(port_) + "/tcp",
                                                "127.0.0.2:" + std::to_string(port_) + "/tcp"}));
}

TEST_F(DiallerTest, OneBrokenRequestOfAPacketEndsTheServiceAndNothingOfItIsDialled) {
  Dialler dialler = Make();
  DialRequest requests[] = {Request("127.0.0.2", port_), Request("127.0.0.2", port_)};
  requests[1].port = 0;
  ASSERT_TRUE(sys::SendMsg(asker_.get(), {reinterpret_cast<const char*>(requests), sizeof requests}));
  std::string why;
  EXPECT_FALSE(dialler.Serve(&why));
  EXPECT_EQ(dialler.counters().dialled, 0u);
}

TEST_F(DiallerTest, APacketOfMoreRequestsThanAnHonestAskerSendsEndsTheService) {
  Dialler dialler = Make();
  const std::vector<DialRequest> requests(wire::kMaxDialsPerPacket + 1, Request("127.0.0.2", port_));
  ASSERT_TRUE(sys::SendMsg(asker_.get(), {reinterpret_cast<const char*>(requests.data()),
                                          requests.size() * sizeof requests[0]}));
  std::string why;
  EXPECT_FALSE(dialler.Serve(&why));
  EXPECT_EQ(dialler.counters().dialled, 0u);
}

TEST_F(DiallerTest, NothingIsDialledAfterARevoke) {
  Dialler dialler = Make();
  dialler.Revoke();
  EXPECT_EQ(Answer(dialler, Request("127.0.0.2", port_)).first, EPERM);
  EXPECT_TRUE(refused_.empty()) << "it was granted, and is no longer";
}

TEST_F(DiallerTest, ABrokenRequestEndsTheService) {
  Dialler dialler = Make();
  ASSERT_TRUE(sys::SendMsg(asker_.get(), "nonsense"));
  std::string why;
  EXPECT_FALSE(dialler.Serve(&why));
  EXPECT_FALSE(why.empty());
}

TEST_F(DiallerTest, AnAskerThatDoesNotReadIsNotServedOn) {
  Dialler dialler = Make();
  std::string why;
  int asked = 0;
  while (dialler.events() == POLLIN && asked < 100'000) {
    Ask(Request("127.0.0.9", port_));
    ++asked;
    ASSERT_TRUE(dialler.Serve(&why)) << why;
  }
  ASSERT_EQ(dialler.events(), POLLOUT) << "one answer is kept back";
  // Every answer comes, in order, once it reads.
  int answers = 0;
  for (DialReply reply; answers < asked;) {
    const auto received = sys::RecvMsg(asker_.get(), {reinterpret_cast<char*>(&reply), sizeof reply}, MSG_DONTWAIT);
    if (received) {
      ++answers;
    } else {
      ASSERT_TRUE(dialler.Serve(&why)) << why;
    }
  }
  EXPECT_EQ(dialler.events(), POLLIN);
}

}  // namespace
}  // namespace cell
