// SPDX-License-Identifier: Apache-2.0
// The tests' own world counts what leaves, answers as its table says, and is told apart from the host.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

namespace outside {
namespace {

class Outside : public testing::Test {
 protected:
  static World* TheWorld() {
    static std::string why;
    static const std::unique_ptr<World> world = World::Create("nameserver 192.0.2.53\n", &why);
    if (world == nullptr) ADD_FAILURE() << why;
    return world.get();
  }
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root: network namespaces with a link between them";
    world_ = TheWorld();
    ASSERT_NE(world_, nullptr);
    world_->Forget();
  }
  // Sends `bytes`, and gives what comes within three seconds up to `size`; "" on refusal.
  static std::string Exchange(int type, const char* address, std::uint16_t port, const std::string& bytes,
                              std::size_t size = 4096) {
    const addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = type};
    addrinfo* found = nullptr;
    if (::getaddrinfo(address, std::to_string(port).c_str(), &hints, &found) != 0) return "no address";
    const int fd = ::socket(found->ai_family, type | SOCK_CLOEXEC, 0);
    const bool connected = ::connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    ::freeaddrinfo(found);
    std::string answer;
    if (connected && ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) {
      pollfd wait = {fd, POLLIN, 0};
      answer.resize(size);
      const ssize_t count = ::poll(&wait, 1, 3000) == 1 ? ::recv(fd, answer.data(), size, 0) : -1;
      answer.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    ::close(fd);
    return answer;
  }
  static std::string Query(const char* name, std::uint16_t type) {
    return std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12) + DnsName(name) + Big16(type) + Big16(1);
  }
  World* world_ = nullptr;
};

TEST_F(Outside, EveryAddressAnswersAndIsCounted) {
  for (const char* address : {"203.0.113.9", "10.1.2.3", "169.254.169.254", "fd00:ec2::254", "2606:4700::1111"}) {
    EXPECT_EQ(Exchange(SOCK_STREAM, address, 7, "hello"), "hello") << address;
    EXPECT_EQ(Exchange(SOCK_DGRAM, address, 5000, "hello"), "hello") << address;
    ASSERT_EQ(world_->Now().To(address, 7).size(), 1u) << address;
    EXPECT_EQ(world_->Now().To(address, 7)[0].bytes, "hello");
    EXPECT_EQ(world_->Now().Datagrams(address), "hello");
    EXPECT_GT(world_->Now().Out(address, 7), 1u);
    EXPECT_EQ(world_->Now().Out(address, 8), 0u);
  }
  EXPECT_EQ(world_->Now().reached_host, 0u);
}

TEST_F(Outside, APacketToAClosedPortIsCounted) {
  EXPECT_EQ(Exchange(SOCK_STREAM, "203.0.113.10", 4444, "x"), "");
  EXPECT_EQ(Exchange(SOCK_STREAM, "2001:db8:9::1", 4444, "x"), "");
  EXPECT_EQ(world_->Now().Out("203.0.113.10", 4444), 1u);
  EXPECT_EQ(world_->Now().Out("2001:db8:9::1", 4444), 1u);
}

TEST_F(Outside, TheHostsOwnServicesAreTheHosts) {
  Exchange(SOCK_STREAM, "127.0.0.1", 8080, "x");
  Exchange(SOCK_STREAM, kHost4, 6379, "x");
  EXPECT_EQ(world_->Now().reached_host, 2u);
  EXPECT_EQ(world_->Now().Told(), "");
}

TEST_F(Outside, TheResolverAnswersAsItsTableSays) {
  ASSERT_EQ(
      world_->dns().Add("a.test A 60 203.0.113.1\na.test A 60 10.0.0.1 @2+\nb.test CNAME 9 a.test\n"
                        "t.test A 1 203.0.113.2\nt.test !truncate\nw.test A 1 203.0.113.2\nw.test !wrong-source\n"),
      "");
  const std::string first = Exchange(SOCK_DGRAM, "192.0.2.53", 53, Query("a.test", 1));
  EXPECT_EQ(first.substr(0, 8), std::string("\x12\x34\x81\x80\x00\x01\x00\x01", 8));
  EXPECT_EQ(Exchange(SOCK_DGRAM, "192.0.2.53", 53, Query("A.test", 1)).substr(6, 2), std::string("\x00\x02", 2));
  const std::string chain = Exchange(SOCK_DGRAM, "2001:db8::53", 53, Query("b.test", 1));
  EXPECT_EQ(chain.substr(6, 2), std::string("\x00\x02", 2));
  EXPECT_EQ(Exchange(SOCK_DGRAM, "192.0.2.53", 53, Query("t.test", 1)).substr(2, 1), "\x83");
  const std::string query = Query("t.test", 1);
  const std::string whole = Exchange(SOCK_STREAM, "192.0.2.53", 53, Big16(static_cast<unsigned>(query.size())) + query);
  EXPECT_EQ(whole.substr(4, 1), "\x81");
  EXPECT_EQ(Exchange(SOCK_DGRAM, "192.0.2.53", 53, Query("none.test", 1)).substr(3, 1), "\x83");
  EXPECT_EQ(world_->Now().Asked("a.test"), 2u);
  EXPECT_EQ(world_->Now().Asked("t.test"), 2u);
  EXPECT_EQ(world_->Now().Asked(".test", "A"), 6u);
}

TEST_F(Outside, HttpRecordsEveryRequest) {
  const std::string answer =
      Exchange(SOCK_STREAM, "203.0.113.20", 80,
               "GET /a HTTP/1.1\r\nHost: one.test\r\n\r\nGET /chunked HTTP/1.1\r\nHost: two.test\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer;
  std::vector<std::string> requests;
  for (int i = 0; i < 1000 && requests.size() < 2; ++i, ::usleep(1000)) {
    const auto seen = world_->Now().To("203.0.113.20", 80);
    if (!seen.empty()) requests = seen[0].requests;
  }
  EXPECT_EQ(requests, (std::vector<std::string>{"GET /a one.test", "GET /chunked two.test"}));
}

}  // namespace
}  // namespace outside
