// SPDX-License-Identifier: Apache-2.0
// The bounds of the relay: bytes, time, flows, half-open flows, descriptors; what ends leaves its room to others.
#include <fcntl.h>
#include <sys/resource.h>

#include <cstdio>

#include "gate/l7/test_bytes.h"
#include "gate/relay/pipes.h"
#include "gate/relay/relay.h"
#include "gate/relay/relay_fixture.h"

namespace gate {
namespace {

using l7::test::HelloFor;
using std::chrono::milliseconds;
using wire::FlowProtocol;
using wire::GateReason;
using wire::GateRecordKind;

TEST_F(RelayTest, AByteBudgetEndsAFlowAndNoMorePasses) {  // TL-09
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  config.header.limits.flow_bytes = 100000;
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  const std::string chunk(50000, 'x');
  std::string all, end;
  int sent = 0;
  Until([&] {
    if (sent < 4 && client.Send(chunk)) ++sent;
    all += server->Read(&end);
    return !end.empty();
  });
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by gate gate_budget");
  EXPECT_EQ(reporter.records.back().bytes_out + reporter.records.back().bytes_in, 100000u);
  EXPECT_LE(all.size(), 100000u);
}

TEST_F(RelayTest, ABudgetOfBytesOutEndsAFlowThatSendsButNotOneThatReceives) {  // TL-09
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  config.header.limits.flow_bytes_out = 100000;
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  const std::string chunk(50000, 'x');
  std::string down, end;
  int sent = 0;
  Until([&] {
    if (sent < 6 && server->Send(chunk)) ++sent;
    down += client.Read(&end);
    return down.size() == 300000 || !end.empty();
  });
  EXPECT_EQ(end, "");
  sent = 0;
  std::string up;
  Until([&] {
    if (sent < 4 && client.Send(chunk)) ++sent;
    up += server->Read(&end);
    return !end.empty();
  });
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by gate gate_budget");
  EXPECT_EQ(reporter.records.back().bytes_out, 100000u);
  EXPECT_EQ(reporter.records.back().bytes_in, 300000u);
}

TEST_F(RelayTest, LifeAndIdleTimeOfAFlowAreBounded) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  config.header.limits.flow_ms = 200000;
  Destination("192.0.2.1", 22);
  Start();
  Peer idle = Connect();
  auto first = Accept();
  Peer busy = Connect();
  auto second = Accept();
  ASSERT_TRUE(first && second);
  for (int i = 0; i < 5; ++i) {
    busy.Send("x");
    Settle();
    Pass(milliseconds(50000));
  }
  EXPECT_EQ(reporter.Story(),
            "flow gate_grant_match | flow gate_grant_match | closed by gate gate_limit | closed by gate gate_budget");
}

// AddressSanitizer keeps what was freed aside for a while.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kMostGrowth = 64u << 20;
#elif defined(__has_feature)
constexpr std::size_t kMostGrowth = (__has_feature(address_sanitizer) ? 64u : 4u) << 20;
#else
constexpr std::size_t kMostGrowth = 4u << 20;
#endif

std::size_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long size = 0, resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

TEST_F(RelayTest, TwoThousandSilentConnectionsCostLittleAndLockNobodyOut) {  // TL-13
  config.Allow("a.example", 443, FlowProtocol::kHttps);
  Answer("a.example", "93.184.216.34");
  Destination("93.184.216.34", 443);
  Start({.flows = 400, .half_open = 64, .pipes = 8});
  std::vector<Peer> silent;
  std::size_t before = 0;
  for (int i = 0; i < 2000; ++i) {
    silent.push_back(Connect());
    ASSERT_TRUE(loop->Round(milliseconds(0)));
    ASSERT_LE(relay->open(), 64u);
    if (i == 100) before = ResidentBytes();
    if (silent.size() > 300) silent.erase(silent.begin());  // the test's own descriptors
  }
  EXPECT_LT(ResidentBytes(), before + kMostGrowth);
  EXPECT_GE(reporter.Of(GateRecordKind::kFlow).size(), 1900u);
  for (const auto& record : reporter.Of(GateRecordKind::kFlow)) EXPECT_EQ(record.reason, GateReason::kGateLimit);
  reporter.records.clear();
  Peer client = Connect();
  ASSERT_TRUE(client.Send(HelloFor("a.example")));
  auto server = Accept();
  ASSERT_TRUE(server);
  server->Send("ok");
  EXPECT_EQ(ReadSome(client, 2), "ok");
}

TEST_F(RelayTest, TheFlowCapHoldsAndIsTold) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start({.flows = 3, .half_open = 3, .pipes = 2});
  std::vector<Peer> clients;
  std::vector<Peer> servers;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Connect());
    auto server = Accept();
    ASSERT_TRUE(server);
    servers.push_back(std::move(*server));
  }
  Settle();
  Peer refused = Connect();
  std::string end;
  ReadAll(refused, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.records.back().reason, GateReason::kGateLimit);
  clients[0].Close();
  servers[0].Close();
  ASSERT_TRUE(Until([&] { return relay->open() == 2; }));
  Peer next = Connect();
  EXPECT_TRUE(Accept());
}

TEST_F(RelayTest, NothingNewBeginsWhileRecordsCanNotLeave) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  congested = true;
  Peer client = Connect();
  Settle();
  EXPECT_EQ(relay->open(), 0u);
  EXPECT_TRUE(reporter.records.empty());
  congested = false;
  Pass(milliseconds(50));
  EXPECT_EQ(relay->open(), 1u);
}

TEST_F(RelayTest, EverythingIsReturnedAfterManyFlows) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  const auto descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const int before = descriptors();
  for (int i = 0; i < 200; ++i) {
    Peer client = Connect();
    client.Send("x");
    auto server = Accept();
    ASSERT_TRUE(server);
    EXPECT_EQ(ReadSome(*server, 1), "x");
    if (i % 3 == 0) client.Reset();
    if (i % 3 == 1) server->Reset();
    if (i % 3 == 2) {
      client.Close();
      server->Close();
    }
    ASSERT_TRUE(Until([&] { return relay->open() == 0; }));
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(reporter.Of(GateRecordKind::kFlowClosed).size(), 200u);
}

TEST_F(RelayTest, AByteBudgetEndsAFlowWhoseServerSendsTooMuch) {  // TL-09
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  config.header.limits.flow_bytes = 100000;
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  auto server = Accept();
  ASSERT_TRUE(server);
  const std::string chunk(50000, 'x');
  std::string all, end;
  int sent = 0;
  Until([&] {
    if (sent < 4 && server->Send(chunk)) ++sent;
    all += client.Read(&end);
    return !end.empty();
  });
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_grant_match | closed by gate gate_budget");
  EXPECT_LE(all.size(), 100000u);
}

TEST_F(RelayTest, AHalfOpenFlowThatEndsLeavesItsRoom) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start({.flows = 10, .half_open = 2, .pipes = 2});
  dialler->error = ECONNREFUSED;
  for (int i = 0; i < 5; ++i) {
    Peer client = Connect();
    std::string end;
    ReadAll(client, &end);
    ASSERT_TRUE(Until([&] { return relay->open() == 0; }));
    EXPECT_EQ(reporter.records.back().reason, GateReason::kGateUpstreamFailure);
  }
  dialler->error = 0;
  Peer client = Connect();
  EXPECT_TRUE(Accept());
}

TEST_F(RelayTest, HalfOpenFlowsAreBounded) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start({.flows = 10, .half_open = 2, .pipes = 2});
  dialler->silent = true;
  Peer first = Connect(), second = Connect(), third = Connect();
  std::string end;
  ReadAll(third, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_EQ(reporter.Story(), "flow gate_limit");
  EXPECT_EQ(relay->open(), 2u);
}

TEST_F(RelayTest, AnOpenFlowThatIsRefusedLeavesItsRoomToo) {
  config.Allow("b.example", 80, FlowProtocol::kHttp);
  Answer("b.example", "93.184.216.35");
  Destination("93.184.216.35", 80);
  Start();
  {
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
  }
  ASSERT_TRUE(Until([&] { return relay->open() == 0; }));
  Peer next = Connect();
  next.Send("GET /1 HTTP/1.1\r\nHost: b.example\r\n\r\n");
  EXPECT_TRUE(Accept());
}

// No descriptor is left in this process as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const base::UniqueFd lowest(::dup(STDERR_FILENO));
    const rlimit limit = {static_cast<rlim_t>(lowest.get()), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

TEST_F(RelayTest, WithoutADescriptorTheOldestSilentFlowMakesRoom) {
  config.Allow("b.example", 80, FlowProtocol::kHttp);
  Answer("b.example", "93.184.216.35");
  Destination("93.184.216.35", 80);
  Start();
  Peer silent = Connect();
  ASSERT_TRUE(Until([&] { return relay->open() == 1; }));
  Peer next = Connect();
  const NoDescriptors none;
  std::string end;
  ReadAll(silent, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_TRUE(reporter.Story().starts_with("flow gate_limit"));
}

TEST_F(RelayTest, WithoutADescriptorAndASilentFlowItWaits) {
  config.Allow("192.0.2.1", 22, FlowProtocol::kTcp);
  Destination("192.0.2.1", 22);
  Start();
  Peer client = Connect();
  {
    const NoDescriptors none;
    Settle();
    EXPECT_EQ(relay->open(), 0u);
  }
  Settle();
  EXPECT_EQ(relay->open(), 0u) << "it does not turn in circles meanwhile";
  Pass(milliseconds(50));
  EXPECT_EQ(relay->open(), 1u);
}

// On a short way the hello leaves before the server's socket is watched.
TEST_F(RelayTest, AServerThatWasFullBehindTheHelloGetsTheRestOnceItReads) {
  config.Allow("192.0.2.1", 443, FlowProtocol::kHttps);
  Destination("192.0.2.1", 443);
  Start();
  Peer client = Connect();
  const std::string hello = HelloFor("a.example"), chunk(65536, 'x');
  ASSERT_TRUE(client.Send(hello));
  auto server = Accept();
  ASSERT_TRUE(server);
  std::size_t sent = hello.size();
  for (int full = 0; full < 50;) {
    const ssize_t took = ::send(client.fd(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took > 0) {
      sent += static_cast<std::size_t>(took);
    } else {
      ++full;
    }
    ASSERT_TRUE(loop->Round(milliseconds(0)));
    ASSERT_LT(sent, 64u << 20);
  }
  EXPECT_EQ(ReadSome(*server, sent).size(), sent);
}

TEST(PipesTest, AreBoundedAndOnesThatHoldBytesAreNotUsedAgain) {
  Pipes pipes(2);
  sys::SplicePipe first = pipes.Take(), second = pipes.Take();
  ASSERT_TRUE(first.read && second.read);
  EXPECT_FALSE(pipes.Take().read);
  ASSERT_EQ(::write(first.write.get(), "x", 1), 1);
  pipes.Give(std::move(first), /*empty=*/false);
  sys::SplicePipe third = pipes.Take();
  ASSERT_TRUE(third.read);
  char byte = 0;
  EXPECT_LT(::read(third.read.get(), &byte, 1), 0) << "bytes of somebody else";
  pipes.Give({}, /*empty=*/true);
  EXPECT_FALSE(pipes.Take().read) << "what was none is not given back";
}

TEST(PipesTest, TheFirstHoldMuchAndThousandsAreNotAskedForIt) {
  const auto held = [](const sys::SplicePipe& pipe) { return ::fcntl(pipe.read.get(), F_GETPIPE_SZ); };
  const sys::SplicePipe usual = std::move(*sys::OpenPipe(0));
  Pipes pipes(128);
  std::vector<sys::SplicePipe> taken;
  for (int i = 0; i < 17; ++i) taken.push_back(pipes.Take());
  EXPECT_EQ(held(taken.front()), 1 << 20);
  EXPECT_EQ(held(taken[15]), 1 << 20);
  EXPECT_EQ(held(taken[16]), held(usual));
}

}  // namespace
}  // namespace gate
