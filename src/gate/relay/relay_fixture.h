// SPDX-License-Identifier: Apache-2.0
// A relay with real sockets on loopback, and twins for what only a cell and its supervisor have: the original
// destination and the dialler, which connects to a server of the test whatever is asked for.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gate/grants_fixture.h"
#include "gate/relay/relay.h"

namespace gate {

inline sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline base::UniqueFd BoundSocket(int type, std::uint16_t* port) {
  base::UniqueFd socket(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  if ((type & SOCK_STREAM) != 0 && ::listen(socket.get(), 4096) != 0) std::abort();
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return socket;
}

struct FakeDestinations final : OriginalDestination {
  std::optional<base::IpEndpoint> to;
  bool Of(int, bool, base::IpEndpoint* destination) const override {
    if (to) *destination = *to;
    return to.has_value();
  }
};

// Answers in the next round.
class FakeDialler final : public Dialler {
 public:
  FakeDialler(Loop& loop, std::uint16_t server_port, int type) : loop_(loop), port_(server_port), type_(type) {}
  Ticket Dial(wire::DialRequest request, Answer answer) override {
    requests.push_back(request);
    const Ticket ticket = ++last_;
    if (silent) return ticket;
    loop_.At(loop_.Now(), [this, ticket, answer = std::move(answer)] {
      if (std::erase(cancelled_, ticket) != 0) return;
      if (error != 0) return answer(base::FailOs(error, "dialling"));
      base::UniqueFd socket(::socket(AF_INET, type_ | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const sockaddr_in address = Loopback(port_);
      if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
          errno != EINPROGRESS) {
        return answer(base::FailOs(errno, "dialling"));
      }
      answer(std::move(socket));
    });
    return ticket;
  }
  void Cancel(Ticket ticket) override { cancelled_.push_back(ticket); }

  std::vector<wire::DialRequest> requests;
  int error = 0;
  bool silent = false;

 private:
  Loop& loop_;
  const std::uint16_t port_;
  const int type_;
  Ticket last_ = 0;
  std::vector<Ticket> cancelled_;
};

struct FakeReporter final : Reporter {
  std::vector<wire::GateRecord> records;
  std::uint64_t last_id = 0;
  std::uint64_t NewId() override { return ++last_id; }
  std::uint64_t Report(wire::GateRecord record) override {
    if (record.id == 0) record.id = NewId();
    records.push_back(record);
    return record.id;
  }
  std::vector<wire::GateRecord> Of(wire::GateRecordKind kind) const {
    std::vector<wire::GateRecord> found;
    for (const auto& record : records) {
      if (record.kind == kind) found.push_back(record);
    }
    return found;
  }
  // "flow gate_port | l7 …", in order; closed ones with who closed.
  std::string Story() const {
    std::string story;
    for (const auto& record : records) {
      if (!story.empty()) story += " | ";
      const char* reason = wire::ReasonText(record.reason);
      if (record.kind == wire::GateRecordKind::kFlow) story += std::string("flow ") + reason;
      if (record.kind == wire::GateRecordKind::kL7) story += std::string("l7 ") + reason;
      if (record.kind == wire::GateRecordKind::kFlowClosed) {
        static constexpr const char* kBy[] = {"workload", "peer", "gate"};
        story += std::string("closed by ") + kBy[static_cast<int>(record.closed_by)];
        if (*reason != 0) story += std::string(" ") + reason;
      }
    }
    return story;
  }
};

// A blocking socket with short timeouts that ends as a test ends.
class Peer {
 public:
  explicit Peer(base::UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const { return socket_.get(); }
  bool Send(std::string_view bytes) {
    return ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size());
  }
  // What is there now; `end` says how it ended: "" open, "eof", "reset".
  std::string Read(std::string* end) {
    std::string all;
    char buffer[65536];
    for (;;) {
      const ssize_t got = ::recv(fd(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) {
        all.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      if (got == 0) *end = "eof";
      if (got < 0 && errno != EAGAIN) *end = errno == ECONNRESET ? "reset" : "error";
      return all;
    }
  }
  void ShutdownWrite() { ::shutdown(fd(), SHUT_WR); }
  void Reset() {
    const linger at_once = {1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.Reset();
  }
  void Close() { socket_.Reset(); }

 private:
  base::UniqueFd socket_;
};

class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    clock.boot = std::chrono::seconds(1000);
    loop = std::move(*Loop::Create(clock));
    listener = BoundSocket(SOCK_STREAM, &relay_port);
    server_listener = BoundSocket(SOCK_STREAM, &server_port);
    dialler = std::make_unique<FakeDialler>(*loop, server_port, SOCK_STREAM);
  }
  void TearDown() override { relay.reset(); }

  void Start(RelayBounds bounds = {}) {
    grants.emplace(config.Make());
    relay = std::move(
        *Relay::Create({*loop, *grants, credits, reporter, *dialler, destinations, [this] { return congested; }},
                       {listener.get(), -1}, bounds));
  }
  void Answer(std::string_view name, std::string_view address) {
    credits.Remember(*base::ParseIpAddress(address), {std::string(name), 77, clock.boot + std::chrono::hours(1)});
  }
  void Destination(std::string_view address, std::uint16_t port) {
    destinations.to = base::IpEndpoint{*base::ParseIpAddress(address), port};
  }
  Peer Connect() {
    base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(relay_port);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return Peer(std::move(socket));
  }
  // Rounds until it is so; false after a bound.
  bool Until(const std::function<bool()>& so) {
    for (int round = 0; round < 3000; ++round) {
      if (so()) return true;
      EXPECT_TRUE(loop->Round(std::chrono::milliseconds(1)));
    }
    return so();
  }
  // Everything that is to happen now has happened.
  void Settle() {
    for (int round = 0; round < 20; ++round) EXPECT_TRUE(loop->Round(std::chrono::milliseconds(1)));
  }
  void Pass(std::chrono::milliseconds time) {
    clock.boot += time;
    Settle();
  }
  std::optional<Peer> Accept() {
    std::optional<Peer> peer;
    Until([&] {
      base::UniqueFd accepted(::accept4(server_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (accepted) peer.emplace(std::move(accepted));
      return peer.has_value();
    });
    return peer;
  }
  // The server saw no connection: what was refused was never dialled.
  void ExpectNothingOut() {
    EXPECT_TRUE(dialler->requests.empty());
    EXPECT_LT(::accept4(server_listener.get(), nullptr, nullptr, SOCK_CLOEXEC), 0);
  }
  std::string ReadAll(Peer& peer, std::string* end) {
    std::string all;
    Until([&] {
      all += peer.Read(end);
      return !end->empty();
    });
    return all;
  }
  std::string ReadSome(Peer& peer, std::size_t bytes) {
    std::string all, end;
    Until([&] {
      all += peer.Read(&end);
      return all.size() >= bytes || !end.empty();
    });
    return all;
  }

  base::FakeClock clock;
  ConfigFixture config;
  std::optional<Grants> grants;
  Credits credits{1000};
  FakeReporter reporter;
  FakeDestinations destinations;
  std::unique_ptr<Loop> loop;
  base::UniqueFd listener, server_listener;
  std::uint16_t relay_port = 0, server_port = 0;
  std::unique_ptr<FakeDialler> dialler;
  std::unique_ptr<Relay> relay;
  bool congested = false;
};

}  // namespace gate
