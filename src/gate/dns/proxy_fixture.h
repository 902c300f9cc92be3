// SPDX-License-Identifier: Apache-2.0
// The proxy between a client and a resolver of the test's own, over loopback sockets, on a clock that stands still.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gate/dns/message_fixture.h"
#include "gate/dns/proxy.h"
#include "gate/grants_fixture.h"
#include "sys/dial.h"
#include "sys/inet.h"

namespace gate::dns::testing {

inline sockaddr_storage Address(std::string_view text, std::uint16_t port, socklen_t* size) {
  const base::IpAddress address = *base::ParseIpAddress(text);
  sockaddr_storage storage{};
  if (address.v6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, address.bytes.data(), 16);
    *size = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address.bytes.data(), 4);
    *size = sizeof *v4;
  }
  return storage;
}

inline std::uint16_t PortOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size), 0);
  return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
}

// A socket of `type` bound to `address`, non-blocking; streams listen.
inline base::UniqueFd Bound(int type, std::string_view address, std::uint16_t port = 0) {
  socklen_t size = 0;
  const sockaddr_storage to = Address(address, port, &size);
  base::UniqueFd fd(::socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (to.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), size), 0) << address;
  if (type == SOCK_STREAM) {
    EXPECT_EQ(::listen(fd.get(), 1024), 0);
  }
  return fd;
}

inline base::UniqueFd Connected(int type, std::string_view address, std::uint16_t port) {
  socklen_t size = 0;
  const sockaddr_storage to = Address(address, port, &size);
  base::UniqueFd fd(::socket(to.ss_family, type | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size), 0) << address;
  return fd;
}

// A question as a resolver sees it.
struct Seen {
  Octets bytes;
  bool tcp = false;
  std::uint16_t port = 0;  // the asker's
  std::uint16_t id() const { return Read16(bytes, 0); }
  // In the letters it was asked in.
  std::string name() const {
    std::string text;
    for (std::size_t at = 12; bytes[at] != 0; at += 1 + bytes[at]) {
      if (!text.empty()) text += '.';
      text.append(reinterpret_cast<const char*>(&bytes[at + 1]), bytes[at]);
    }
    return text;
  }
  std::string lower() const {
    std::string text = name();
    for (char& letter : text) letter = static_cast<char>(LowerCase(static_cast<std::uint8_t>(letter)));
    return text;
  }
  std::uint16_t type() const { return Read16(bytes, 12 + name().size() + 2); }
  // An answer to it, without records.
  Message Reply(std::uint16_t flags = 0x8180) const { return std::move(Message(flags, id()).Ask(name(), type())); }
  Message Reply(std::string_view other, std::uint16_t flags) const {
    return std::move(Message(flags, id()).Ask(other, type()));
  }
};

// A resolver on loopback, over UDP and TCP of one port.
class StubResolver {
 public:
  using Handler = std::function<std::vector<Octets>(const Seen&)>;

  explicit StubResolver(Handler handler) : handler_(std::move(handler)) {
    for (int i = 0; i < 50 && !tcp_; ++i) {
      udp_ = Bound(SOCK_DGRAM, "127.0.0.1");
      base::UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      socklen_t size = 0;
      const sockaddr_storage to = Address("127.0.0.1", PortOf(udp_.get()), &size);
      if (::bind(tcp.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) continue;
      EXPECT_EQ(::listen(tcp.get(), 64), 0);
      tcp_ = std::move(tcp);
    }
  }

  std::uint16_t port() const { return PortOf(udp_.get()); }
  void set_handler(Handler handler) { handler_ = std::move(handler); }
  void CloseUdp() { udp_.Reset(); }
  void CloseStreams() { streams_.clear(); }

  void Poll() {
    PollUdp();
    while (tcp_) {
      const int fd = ::accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) break;
      streams_[fd].fd = base::UniqueFd(fd);
      ++connections;
    }
    std::vector<int> ended;
    for (auto& [fd, stream] : streams_) {
      if (!PollStream(stream)) ended.push_back(fd);
    }
    for (const int fd : ended) streams_.erase(fd);
  }

  std::vector<Seen> log;
  int connections = 0;

 private:
  struct Stream {
    base::UniqueFd fd;
    Octets in;
  };
  void PollUdp() {
    Octets buffer(65536);
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t count = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                       reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 0) return;
      log.push_back({{buffer.begin(), buffer.begin() + count}, false, ntohs(from.sin_port)});
      for (const Octets& reply : handler_(Seen(log.back()))) {
        ::sendto(udp_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
  }
  bool PollStream(Stream& stream) {
    Octets buffer(65536);
    const ssize_t count = ::recv(stream.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) return false;
    if (count > 0) stream.in.insert(stream.in.end(), buffer.begin(), buffer.begin() + count);
    while (stream.in.size() >= 2 && stream.in.size() >= 2u + Read16(stream.in, 0)) {
      const std::size_t size = Read16(stream.in, 0);
      log.push_back({{stream.in.begin() + 2, stream.in.begin() + 2 + static_cast<std::ptrdiff_t>(size)}, true, 0});
      stream.in.erase(stream.in.begin(), stream.in.begin() + 2 + static_cast<std::ptrdiff_t>(size));
      for (const Octets& reply : handler_(Seen(log.back()))) {
        const Octets frame = Joined({U16(static_cast<std::uint16_t>(reply.size())), reply});
        EXPECT_EQ(::send(stream.fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(frame.size()));
      }
    }
    return true;
  }

  Handler handler_;
  base::UniqueFd udp_, tcp_;
  std::map<int, Stream> streams_;
};

class RecordingReporter final : public Reporter {
 public:
  std::uint64_t Report(wire::GateRecord record) override {
    if (record.id == 0) record.id = NewId();
    records.push_back(record);
    return record.id;
  }
  std::uint64_t NewId() override { return next_++; }
  std::vector<wire::GateRecord> Of(wire::GateRecordKind kind) const {
    std::vector<wire::GateRecord> of;
    for (const wire::GateRecord& record : records) {
      if (record.kind == kind) of.push_back(record);
    }
    return of;
  }
  std::vector<wire::GateRecord> records;

 private:
  std::uint64_t next_ = 1;
};

class RecordingCredits final : public CreditSink {
 public:
  void Remember(const base::IpAddress& address, Credit credit) override {
    credits.emplace_back(base::ToString(address), std::move(credit));
  }
  std::vector<std::string> Addresses() const {
    std::vector<std::string> addresses;
    for (const auto& [address, credit] : credits) addresses.push_back(address);
    return addresses;
  }
  std::vector<std::pair<std::string, Credit>> credits;
};

// Connects where the request says, as the supervisor would.
class LoopbackDialler final : public Dialler {
 public:
  Ticket Dial(wire::DialRequest request, Answer answer) override {
    requests.push_back(request);
    base::IpEndpoint to;
    std::memcpy(to.address.bytes.data(), request.address, 16);
    to.address.v6 = request.v6 != 0;
    to.port = request.port;
    const bool tcp = request.protocol == wire::IpProtocol::kTcp;
    waiting_.push_back({++tickets_, sys::StartConnect(tcp ? sys::DialProtocol::kTcp : sys::DialProtocol::kUdp, to),
                        std::move(answer)});
    return tickets_;
  }
  void Cancel(Ticket ticket) override {
    std::erase_if(waiting_, [&](const Waiting& each) { return each.ticket == ticket; });
  }
  void Deliver() {
    while (!hold && !waiting_.empty()) {
      Waiting first = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      first.answer(std::move(first.fd));
    }
  }
  std::vector<wire::DialRequest> requests;
  bool hold = false;

 private:
  struct Waiting {
    Ticket ticket;
    base::Result<base::UniqueFd> fd;
    Answer answer;
  };
  Ticket tickets_ = 0;
  std::vector<Waiting> waiting_;
};

// A client of the proxy over one TCP connection.
struct StreamClient {
  base::UniqueFd fd;
  Octets in;
  bool closed = false;
  void Send(const Octets& message) { SendRaw(Joined({U16(static_cast<std::uint16_t>(message.size())), message})); }
  void SendRaw(const Octets& bytes) {
    EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  void Poll() {
    Octets buffer(65536);
    const ssize_t count = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) in.insert(in.end(), buffer.begin(), buffer.begin() + count);
    if (count == 0 || (count < 0 && errno != EAGAIN)) closed = true;
  }
  bool Take(Octets* message) {
    if (in.size() < 2 || in.size() < 2u + Read16(in, 0)) return false;
    const auto size = static_cast<std::ptrdiff_t>(Read16(in, 0));
    message->assign(in.begin() + 2, in.begin() + 2 + size);
    in.erase(in.begin(), in.begin() + 2 + size);
    return true;
  }
};

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    config.header.limits.upstream_ms = 400;
    config.header.has_dns_authority = 1;
    for (const std::uint16_t type : {kTypeA, kTypeAaaa, kTypeCname, kTypeHttps}) {
      config.header.query_types[config.header.query_type_count++] = type;
    }
    config.Ask("ok.example").Ask("*.wild.example");
    clock.boot = std::chrono::hours(1);
  }

  wire::GateResolver& AddResolver(StubResolver& stub, wire::Transport transport = wire::Transport::kUdp) {
    wire::GateResolver& resolver = config.resolvers.emplace_back();
    ConfigFixture::Put(resolver.id, "r-" + std::to_string(config.resolvers.size()));
    resolver.port = stub.port();
    resolver.transport = transport;
    resolver.address = ConfigFixture::Address("127.0.0.1");
    stubs.push_back(&stub);
    return resolver;
  }

  void Start(int upstream = -1) {
    if (config.resolvers.empty()) AddResolver(resolver);
    grants = std::make_unique<Grants>(config.Make());
    loop = std::move(*Loop::Create(clock));
    udp4 = Bound(SOCK_DGRAM, "0.0.0.0");
    udp6 = Bound(SOCK_DGRAM, "::");
    tcp4 = Bound(SOCK_STREAM, "0.0.0.0");
    tcp6 = Bound(SOCK_STREAM, "::");
    ASSERT_TRUE(sys::SetPacketInfo(udp4.get(), false) && sys::SetPacketInfo(udp6.get(), true));
    auto made = Proxy::Create({*loop, *grants, reporter, *used_dialler, credits},
                              {udp4.get(), udp6.get(), tcp4.get(), tcp6.get(), upstream});
    ASSERT_TRUE(made) << made.error().message;
    proxy = std::move(*made);
    Pump(5);
  }

  // A few rounds of everything; time stands still.
  void Pump(int rounds = 20) {
    for (int i = 0; i < rounds; ++i) Step();
  }
  void Step() {
    ASSERT_TRUE(loop->Round(std::chrono::milliseconds(0)));
    dialler.Deliver();
    for (StubResolver* stub : stubs) stub->Poll();
  }
  template <class Done>
  bool PumpUntil(Done done, int rounds = 5000) {
    for (int i = 0; i < rounds; ++i) {
      if (done()) return true;
      Step();
    }
    return done();
  }
  void Advance(std::chrono::nanoseconds by) {
    clock.boot += by;
    Pump(3);
  }

  base::UniqueFd UdpClient(std::string_view server = "127.0.0.1") {
    const bool v6 = server.find(':') != server.npos;
    return Connected(SOCK_DGRAM, server, PortOf(v6 ? udp6.get() : udp4.get()));
  }
  StreamClient TcpClient(std::string_view server = "127.0.0.1") {
    const bool v6 = server.find(':') != server.npos;
    return {Connected(SOCK_STREAM, server, PortOf(v6 ? tcp6.get() : tcp4.get())), {}, false};
  }
  static void Send(const base::UniqueFd& client, const Octets& message) {
    EXPECT_EQ(::send(client.get(), message.data(), message.size(), 0), static_cast<ssize_t>(message.size()));
  }
  static bool Receive(const base::UniqueFd& client, Octets* message) {
    message->resize(65536);
    const ssize_t count = ::recv(client.get(), message->data(), message->size(), MSG_DONTWAIT);
    message->resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return count >= 0;
  }
  // One question by datagram; empty when no answer comes.
  Octets AskUdp(const Octets& message, std::string_view server = "127.0.0.1", int rounds = 300) {
    const base::UniqueFd client = UdpClient(server);
    Send(client, message);
    Octets answer;
    PumpUntil([&] { return Receive(client, &answer); }, rounds);
    return answer;
  }
  Octets AskTcp(const Octets& message, std::string_view server = "127.0.0.1", int rounds = 300) {
    StreamClient client = TcpClient(server);
    client.Send(message);
    Octets answer;
    PumpUntil([&] { client.Poll(); return client.Take(&answer) || client.closed; }, rounds);
    return answer;
  }

  std::vector<wire::GateRecord> Queries() const { return reporter.Of(wire::GateRecordKind::kDnsQuery); }
  wire::GateTotals Totals() const {
    wire::GateTotals totals{};
    proxy->AddTo(&totals);
    return totals;
  }

  base::FakeClock clock;
  ConfigFixture config;
  std::unique_ptr<Grants> grants;
  std::unique_ptr<Loop> loop;
  RecordingReporter reporter;
  RecordingCredits credits;
  LoopbackDialler dialler;
  Dialler* used_dialler = &dialler;
  // Answers 192.0.2.1 or 2001:db8::1 to everything.
  StubResolver resolver{[](const Seen& seen) -> std::vector<Octets> {
    Message reply = seen.Reply();
    if (seen.type() == kTypeA) reply.A("@", "192.0.2.1");
    if (seen.type() == kTypeAaaa) reply.A("@", "2001:db8::1");
    return {reply.bytes};
  }};
  std::vector<StubResolver*> stubs;
  base::UniqueFd udp4, udp6, tcp4, tcp6;
  std::unique_ptr<Proxy> proxy;
};

}  // namespace gate::dns::testing
