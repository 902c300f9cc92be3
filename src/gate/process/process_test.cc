// SPDX-License-Identifier: Apache-2.0
// The gate as it ships: started and locked like in a cell, under its own filter, with the test as its supervisor.
#include "gate/process/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "gate/grants_fixture.h"
#include "gate/process/telemetry_fixture.h"
#include "gate/relay/relay_fixture.h"
#include "plan/gate_filter.h"
#include "sandbox/locked_process.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace gate {
namespace {

using std::chrono::milliseconds;
using wire::CellFd;
using wire::FlowProtocol;
using wire::GateRecordKind;

// A sanitizer's run-time library needs files, address space and calls that the locked gate does not have.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

struct SocketPairs {
  std::pair<base::UniqueFd, base::UniqueFd> records = std::move(*sys::SocketPair(SOCK_SEQPACKET));
  std::pair<base::UniqueFd, base::UniqueFd> dial = std::move(*sys::SocketPair(SOCK_SEQPACKET));
  std::pair<base::UniqueFd, base::UniqueFd> cell = std::move(*sys::SocketPair(SOCK_SEQPACKET));
  std::pair<base::UniqueFd, base::UniqueFd> secrets = std::move(*sys::SocketPair(SOCK_SEQPACKET));
  std::pair<base::UniqueFd, base::UniqueFd> telemetry = std::move(*sys::SocketPair(SOCK_STREAM));
  std::pair<base::UniqueFd, base::UniqueFd> frames = std::move(*sys::SocketPair(SOCK_SEQPACKET));
};

bool Readable(int fd, milliseconds limit) {
  pollfd wait = {fd, POLLIN, 0};
  const auto ready = sys::Poll({&wait, 1}, limit);
  return ready && *ready > 0;
}

class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "the gate with a sanitizer can't run under its lock";
    ::signal(SIGPIPE, SIG_IGN);
    null = base::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    cell_fds.assign(static_cast<std::size_t>(CellFd::kFirstUdp), null.get());
  }

  void Launch() {
    const std::string bytes = config.Encode(plan::GateFilter(cell_fds.size()));
    base::UniqueFd memory(::memfd_create("config", MFD_CLOEXEC));
    ASSERT_EQ(::write(memory.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::lseek(memory.get(), 0, SEEK_SET);
    const base::UniqueFd program(::open(CELLOS_BIN_DIR "/cellos-gate", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(program);
    const int descriptors[] = {memory.get(),          ends.records.first.get(), ends.dial.first.get(),
                               ends.cell.first.get(), ends.secrets.first.get(), -1,
                               ends.telemetry.first.get(), ends.frames.first.get()};
    sandbox::LockedOptions options;
    options.program = program.get();
    options.name = "cellos-gate";
    options.descriptors = descriptors;
    options.host_uid = ::geteuid() == 0 ? 0x6f000001 : ::geteuid();
    options.host_gid = ::geteuid() == 0 ? 0x6f000001 : ::getegid();
    auto launched = sandbox::LaunchLocked(options);
    ASSERT_TRUE(launched) << launched.error().message;
    process = std::move(*launched);
    for (auto* pair : {&ends.records, &ends.dial, &ends.cell, &ends.secrets, &ends.telemetry, &ends.frames}) {
      pair->first.Reset();
    }
    const std::uint32_t count = static_cast<std::uint32_t>(cell_fds.size());
    ASSERT_TRUE(sys::SendMsg(ends.cell.second.get(), {reinterpret_cast<const char*>(&count), sizeof count}, cell_fds));
  }

  // The next record that is not a beat; false when none comes in time or the gate is gone.
  bool Next(wire::GateRecord* record, milliseconds limit = milliseconds(5000), bool beats = false) {
    for (;;) {
      while (!pending.empty()) {
        *record = pending.front();
        pending.erase(pending.begin());
        if (beats || record->kind != GateRecordKind::kBeat) return true;
      }
      if (!Readable(ends.records.second.get(), limit)) return false;
      std::vector<wire::GateRecord> packet(wire::kMaxRecordsPerPacket);
      const auto got = sys::RecvMsg(ends.records.second.get(),
                                    {reinterpret_cast<char*>(packet.data()), packet.size() * sizeof packet[0]});
      if (!got || got->bytes == 0) return false;
      for (std::size_t i = 0; i < got->bytes / sizeof packet[0]; ++i) {
        wire::GateRecord decoded;
        EXPECT_EQ(wire::DecodeGateRecord(&packet[i], sizeof packet[i], &decoded), wire::GateRecordFault::kNone);
        pending.push_back(decoded);
      }
    }
  }
  void AwaitReady() {
    wire::GateRecord record;
    ASSERT_TRUE(Next(&record));
    ASSERT_EQ(record.kind, GateRecordKind::kReady) << record.name << " " << record.code;
    EXPECT_EQ(record.count, static_cast<std::uint32_t>(wire::kLockAll));
  }
  void Command(wire::GateCommandKind kind) {
    const wire::GateCommand command = {.kind = kind};
    ASSERT_TRUE(sys::SendMsg(ends.records.second.get(), {reinterpret_cast<const char*>(&command), sizeof command}));
  }
  // Answers one dial request with a socket to a server on our own loopback.
  wire::DialRequest AnswerDial(int type, std::uint16_t port) {
    wire::DialRequest request;
    EXPECT_TRUE(Readable(ends.dial.second.get(), milliseconds(5000)));
    const auto got =
        sys::RecvMsg(ends.dial.second.get(), {reinterpret_cast<char*>(&request), sizeof request}, MSG_DONTWAIT);
    EXPECT_TRUE(got && got->bytes == sizeof request);
    const base::UniqueFd socket(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(port);
    std::ignore = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const wire::DialReply reply = {.id = request.id};
    const int passed[] = {socket.get()};
    EXPECT_TRUE(sys::SendMsg(ends.dial.second.get(), {reinterpret_cast<const char*>(&reply), sizeof reply}, passed));
    return request;
  }
  std::string ReadFor(Peer& peer, std::size_t bytes, std::string* end) {
    std::string all;
    for (int i = 0; i < 5000 && all.size() < bytes && end->empty(); ++i) {
      std::ignore = Readable(peer.fd(), milliseconds(10));
      all += peer.Read(end);
    }
    return all;
  }

  ConfigFixture config;
  SocketPairs ends;
  base::UniqueFd null;
  std::vector<int> cell_fds;
  sandbox::LockedProcess process;
  std::vector<wire::GateRecord> pending;
};

std::size_t PssKiB(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) return std::stoul(line.substr(4));
  }
  return 0;
}

TEST_F(ProcessTest, IsLockedWhenItSaysSoAndGoesOnSayingThatItLives) {
  config.header.network = 0;
  Launch();
  AwaitReady();
  wire::GateRecord record;
  for (int beats = 0; beats < 3; ++beats) {
    ASSERT_TRUE(Next(&record, milliseconds(2 * wire::kGateBeatMs), true));
    EXPECT_EQ(record.kind, GateRecordKind::kBeat);
  }
}

TEST_F(ProcessTest, EndsWithItsSupervisorsSocket) {
  config.header.network = 0;
  Launch();
  AwaitReady();
  ends.records.second.Reset();
  EXPECT_TRUE(*sys::WaitEnd(process.pidfd(), milliseconds(5000)));
}

TEST_F(ProcessTest, SaysWhyWhenItCanNotStart) {
  config.header.network = 0;
  cell_fds.pop_back();  // one too few
  Launch();
  wire::GateRecord record;
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.kind, GateRecordKind::kFailing);
  EXPECT_NE(std::string(record.name).find("sockets"), std::string::npos) << record.name;
  EXPECT_TRUE(*sys::WaitEnd(process.pidfd(), milliseconds(5000)));
}

TEST_F(ProcessTest, StopGivesTheTotalsLast) {
  std::uint16_t port = 0;
  const base::UniqueFd listener = BoundSocket(SOCK_STREAM, &port);
  cell_fds[static_cast<std::size_t>(CellFd::kRelayTcp4)] = listener.get();
  Launch();
  AwaitReady();
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  Peer client(std::move(socket));
  wire::GateRecord record;
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.reason, wire::GateReason::kGateNotRedirected);  // TL-16
  std::string end;
  ReadFor(client, 1, &end);
  EXPECT_EQ(end, "reset");
  Command(wire::GateCommandKind::kStop);
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.kind, GateRecordKind::kTotals);
  EXPECT_EQ(record.totals.relay_accepts, 1u);
  EXPECT_EQ(record.totals.flows_denied, 1u);
  EXPECT_EQ(record.totals.lost, 0u);
  EXPECT_FALSE(Next(&record)) << "nothing comes after them";
  EXPECT_TRUE(*sys::WaitEnd(process.pidfd(), milliseconds(5000)));
}

TEST_F(ProcessTest, AnIdleGateIsSmall) {
  for (int i = 0; i < 20; ++i) config.Allow("n" + std::to_string(i) + ".example", 443, FlowProtocol::kHttps);
  Launch();
  AwaitReady();
  wire::GateRecord record;
  for (int beats = 0; beats < 4; ++beats) ASSERT_TRUE(Next(&record, milliseconds(5000), true));
  const std::size_t pss = PssKiB(process.pid());
  RecordProperty("pss_kib", static_cast<int>(pss));
  EXPECT_GT(pss, 0u);
#ifdef NDEBUG
  EXPECT_LE(pss, 1536u);
#endif
}

TEST_F(ProcessTest, HandsTelemetryOnUnderItsLockAndTellsItsEndBeforeItsTotals) {
  AskForTelemetry(config, wire::TelemetryMode::kStream);
  Launch();
  AwaitReady();
  TelemetryPackets packets(ends.frames.second.get());
  // By parts, each of them read: what nobody takes would hold up the gate, and then this test.
  for (std::uint32_t sent = 0; sent < 700; sent += 50) {
    ASSERT_TRUE(SendFrames(ends.telemetry.second.get(), 50, sent));
    ASSERT_TRUE(packets.Await([&] { return packets.entries.size() == sent + 50; }));
  }
  for (std::uint32_t i = 0; i < 700; ++i) EXPECT_EQ(packets.entries[i].guest_pid, i);
  SendFrames(ends.telemetry.second.get(), 5);
  ends.telemetry.second.Reset();
  Command(wire::GateCommandKind::kStop);
  ASSERT_TRUE(packets.Await([&] { return packets.final_seen(); }));
  EXPECT_EQ(packets.entries.size(), 705u) << "what was readable is read first";
  EXPECT_TRUE(packets.ended_seen());
  EXPECT_EQ(packets.last.counts.read, 705u);
  EXPECT_EQ(packets.last.counts.torn, 0u);
  wire::GateRecord record;
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.kind, GateRecordKind::kTotals);
  EXPECT_TRUE(*sys::WaitEnd(process.pidfd(), milliseconds(5000)));
}

TEST_F(ProcessTest, ReadsNoTelemetryThatTheSupervisorDoesNotTake) {
  AskForTelemetry(config, wire::TelemetryMode::kStream);
  Launch();
  AwaitReady();
  // Until neither socket holds more: whoever writes learns that at once, and nothing is lost.
  ASSERT_TRUE(sys::SetNonBlocking(ends.telemetry.second.get()));
  std::uint32_t sent = 0;
  pollfd room = {ends.telemetry.second.get(), POLLOUT, 0};
  while (*sys::Poll({&room, 1}, milliseconds(300)) > 0 && SendFrames(ends.telemetry.second.get(), 1, sent)) ++sent;
  EXPECT_GT(sent, 100u);
  EXPECT_LT(sent, 100'000u);
  TelemetryPackets packets(ends.frames.second.get());
  ASSERT_TRUE(packets.Await([&] { return packets.entries.size() >= sent; }));
  EXPECT_EQ(packets.entries.size(), sent);
  EXPECT_EQ(packets.last.counts.over_rate, 0u);
}

TEST_F(ProcessTest, TakesOneStreamAfterTheOtherAndRefusesASecondBesides) {  // TM-05
  AskForTelemetry(config, wire::TelemetryMode::kPassed);
  Launch();
  AwaitReady();
  TelemetryPackets packets(ends.frames.second.get());
  auto pass = [&] {
    auto [ours, gates] = std::move(*sys::SocketPair(SOCK_STREAM));
    const int passed[] = {gates.get()};
    EXPECT_TRUE(sys::SendMsg(ends.frames.second.get(), "s", passed));
    return std::move(ours);
  };
  base::UniqueFd first = pass();
  SendFrames(first.get(), 1);
  ASSERT_TRUE(packets.Await([&] { return packets.entries.size() == 1; }));
  const base::UniqueFd impostor = pass();
  ASSERT_TRUE(packets.Await([&] { return packets.last.counts.impostors == 1; }));
  char byte;
  EXPECT_EQ(::recv(impostor.get(), &byte, 1, 0), 0) << "it is closed";
  SendFrames(first.get(), 1);
  ASSERT_TRUE(packets.Await([&] { return packets.entries.size() == 2; })) << "the first keeps running";
  first.Reset();
  ASSERT_TRUE(packets.Await([&] { return packets.ended_seen(); }));
  const base::UniqueFd second = pass();
  SendFrames(second.get(), 1);
  ASSERT_TRUE(packets.Await([&] { return packets.entries.size() == 3; }));
  EXPECT_EQ(packets.last.counts.connections, 2u);
}

TEST_F(ProcessTest, ClosesAStreamThatLostItsAlignment) {  // TM-04
  AskForTelemetry(config, wire::TelemetryMode::kStream);
  Launch();
  AwaitReady();
  TelemetryPackets packets(ends.frames.second.get());
  SendFrames(ends.telemetry.second.get(), 2);
  ASSERT_EQ(::send(ends.telemetry.second.get(), "\xff\xff\xff\xff", 4, MSG_NOSIGNAL), 4);
  ASSERT_TRUE(packets.Await([&] { return packets.ended_seen(); }));
  EXPECT_EQ(packets.entries.size(), 2u);
  EXPECT_EQ(packets.last.counts.torn, 1u);
  char byte;
  EXPECT_EQ(::recv(ends.telemetry.second.get(), &byte, 1, 0), 0);
}

// Symbols of a program, demangled; empty when it has none.
std::string SymbolsOf(const std::string& program) {
  std::string symbols;
  FILE* nm = ::popen(("nm -C " + program + " 2>/dev/null").c_str(), "r");
  char buffer[4096];
  while (nm != nullptr && ::fgets(buffer, sizeof buffer, nm) != nullptr) symbols += buffer;
  if (nm != nullptr) ::pclose(nm);
  return symbols;
}

TEST(GateProgram, HoldsNoSigningCode) {
  const std::string gate = SymbolsOf(CELLOS_BIN_DIR "/cellos-gate");
  ASSERT_TRUE(gate.contains("gate::TelemetryReceiver::Take")) << "the program has no symbols to look at";
  for (const char* name : {"ed25519", "Ed25519", "ECDSA", "ecdsa", "HMAC", "Hmac", "hmac", "crypto_sign", "sodium_",
                           "nettle_", "EVP_", "SigningKey", "sha256", "SHA256", "sha512", "SHA512", "curve25519"}) {
    EXPECT_FALSE(gate.contains(name)) << name;
  }
}

TEST_F(ProcessTest, HandsSecretsOverUnderItsLock) {
  char folder_path[] = "/tmp/gate-process-XXXXXX";
  ASSERT_NE(::mkdtemp(folder_path), nullptr);
  const base::UniqueFd folder(::open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const base::UniqueFd listener = std::move(*sys::ListenUnix(folder.get(), "broker.sock", 8, 0600));
  config.header.network = 0;
  std::memcpy(config.header.secret_token, "token", 5);
  config.header.cell_uid_seen = ::geteuid() == 0 ? 65534 : 1000;  // of root nothing is mapped: it shows as nobody
  config.Secret("DB");
  cell_fds[static_cast<std::size_t>(CellFd::kSecrets)] = listener.get();
  Launch();
  AwaitReady();
  Peer client(std::move(*sys::ConnectUnix(folder.get(), "broker.sock")));
  client.Send("{\"token\":\"token\",\"key\":\"DB\"}\n");
  ASSERT_TRUE(Readable(ends.secrets.second.get(), milliseconds(5000)));
  wire::SecretRequest request;
  ASSERT_TRUE(sys::RecvMsg(ends.secrets.second.get(), {reinterpret_cast<char*>(&request), sizeof request}));
  const wire::SecretReply reply = {.id = request.id, .bytes = 1};
  ASSERT_TRUE(
      sys::SendMsg(ends.secrets.second.get(), std::string(reinterpret_cast<const char*>(&reply), sizeof reply) + "v"));
  std::string end;
  EXPECT_EQ(ReadFor(client, 14, &end), "{\"value\":\"v\"}\n");
  ::unlink((std::string(folder_path) + "/broker.sock").c_str());
  ::rmdir(folder_path);
}

// A network namespace like a cell's: `lo` alone, and port 443 steered to the gate.
class CellNamespace {
 public:
  bool Make() {
    bool made = false;
    In([&] {
      if (::unshare(CLONE_NEWNET) != 0) return;
      space_ = base::UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      constexpr const char* kSetUp =
          "ip link set lo up && ip addr add 192.0.0.8/32 dev lo && ip route add local default dev lo src 192.0.0.8 && "
          "nft 'table inet t {\n chain steer { type nat hook output priority -100;\n ip daddr { 127.0.0.0/8, 192.0.0.8 "
          "} "
          "accept\n tcp dport 443 dnat ip to 192.0.0.8:40000\n udp dport 5000 dnat to :40100\n }\n }'";
      made = ::system(kSetUp) == 0;
    });
    return made;
  }
  // Runs on a thread inside, once it is made.
  template <typename Work>
  void In(Work work) {
    std::thread([&] {
      if (space_ && ::setns(space_.get(), CLONE_NEWNET) != 0) return;
      work();
    }).join();
  }
  base::UniqueFd Socket(int type, const char* address, std::uint16_t port, bool connect) {
    base::UniqueFd socket;
    In([&] {
      socket = base::UniqueFd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
      sockaddr_in where = {};
      where.sin_family = AF_INET;
      where.sin_port = htons(port);
      ::inet_pton(AF_INET, address, &where.sin_addr);
      const auto* raw = reinterpret_cast<const sockaddr*>(&where);
      const int done = connect ? ::connect(socket.get(), raw, sizeof where) : ::bind(socket.get(), raw, sizeof where);
      if (done != 0) socket.Reset();
      if (socket && !connect && type == SOCK_STREAM) ::listen(socket.get(), 64);
    });
    return socket;
  }

 private:
  base::UniqueFd space_;
};

class SteeredTest : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    if (IsSkipped()) return;
    if (::geteuid() != 0) GTEST_SKIP() << "a namespace with steering needs root here";
    ASSERT_TRUE(cell.Make());
    config.Allow("93.184.216.34", 443, FlowProtocol::kTcp).Allow("93.184.216.34", 5000, FlowProtocol::kUdp);
    config.header.udp_ports = 1;
    config.header.udp_port[0] = 5000;
    config.header.query_types[0] = 1;
    config.header.query_type_count = 1;
    relay = cell.Socket(SOCK_STREAM, "192.0.0.8", 40000, false);
    udp = cell.Socket(SOCK_DGRAM, "0.0.0.0", 40100, false);
    dns = cell.Socket(SOCK_DGRAM, "192.0.0.8", 53, false);
    ASSERT_TRUE(relay && udp && dns);
    ASSERT_TRUE(sys::SetPacketInfo(udp.get(), false));
    ASSERT_TRUE(sys::SetPacketInfo(dns.get(), false));
    cell_fds[static_cast<std::size_t>(CellFd::kRelayTcp4)] = relay.get();
    cell_fds[static_cast<std::size_t>(CellFd::kDnsUdp4)] = dns.get();
    cell_fds.push_back(udp.get());
    cell_fds.push_back(null.get());
    Launch();
    AwaitReady();
  }
  CellNamespace cell;
  base::UniqueFd relay, udp, dns;
};

TEST_F(SteeredTest, BulkPassesBothWaysAndRevocationResetsWithinFiftyMilliseconds) {
  std::uint16_t port = 0;
  const base::UniqueFd listener = BoundSocket(SOCK_STREAM, &port);
  Peer client(cell.Socket(SOCK_STREAM, "93.184.216.34", 443, true));
  const auto request = AnswerDial(SOCK_STREAM, port);
  EXPECT_EQ(request.port, 443);
  EXPECT_EQ(request.index, 0u);
  ASSERT_TRUE(Readable(listener.get(), milliseconds(5000)));
  Peer server(base::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  wire::GateRecord record;
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.reason, wire::GateReason::kGateGrantMatch);
  EXPECT_EQ(record.port, 443);
  const std::string data(3'000'000, 'x');
  std::thread sender([&] {
    for (std::size_t at = 0; at < data.size();) {
      const ssize_t sent = ::send(client.fd(), data.data() + at, data.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  });
  std::string end;
  EXPECT_EQ(ReadFor(server, data.size(), &end).size(), data.size());
  sender.join();
  server.Send("answer");
  EXPECT_EQ(ReadFor(client, 6, &end), "answer");
  EXPECT_EQ(end, "");
  const auto before = base::SystemClock().Boot();
  Command(wire::GateCommandKind::kRevoke);
  ReadFor(client, 1, &end);
  EXPECT_EQ(end, "reset");
  end.clear();
  ReadFor(server, 1, &end);
  EXPECT_EQ(end, "reset");
  EXPECT_LE(base::SystemClock().Boot() - before, milliseconds(50));
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.kind, GateRecordKind::kFlowClosed);
  EXPECT_EQ(record.bytes_out, data.size());
  EXPECT_EQ(record.bytes_in, 6u);
}

TEST_F(SteeredTest, DatagramsGoOutAndAnswersComeFromWhereTheyWereSent) {
  std::uint16_t port = 0;
  const base::UniqueFd server = BoundSocket(SOCK_DGRAM, &port);
  Peer client(cell.Socket(SOCK_DGRAM, "93.184.216.34", 5000, true));
  client.Send("ask");
  const auto request = AnswerDial(SOCK_DGRAM, port);
  EXPECT_EQ(request.port, 5000);
  EXPECT_EQ(request.index, 1u);
  ASSERT_TRUE(Readable(server.get(), milliseconds(5000)));
  char buffer[16];
  sockaddr_in from = {};
  socklen_t size = sizeof from;
  ASSERT_EQ(::recvfrom(server.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size), 3);
  ASSERT_EQ(::sendto(server.get(), "reply", 5, 0, reinterpret_cast<sockaddr*>(&from), size), 5);
  std::string end;
  EXPECT_EQ(ReadFor(client, 5, &end), "reply");
}

TEST_F(SteeredTest, ADeniedNameIsRefusedUnderTheLock) {
  Peer client(cell.Socket(SOCK_DGRAM, "192.0.0.8", 53, true));
  const std::string query(
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04"
      "evil"
      "\x07"
      "example"
      "\x00\x00\x01\x00\x01",
      30);
  client.Send(query);
  std::string end;
  const std::string reply = ReadFor(client, query.size(), &end);
  ASSERT_EQ(reply.size(), query.size());
  EXPECT_EQ(reply.substr(0, 4), "\x12\x34\x81\x05");
  wire::GateRecord record;
  ASSERT_TRUE(Next(&record));
  EXPECT_EQ(record.kind, GateRecordKind::kDnsQuery);
  EXPECT_EQ(record.reason, wire::GateReason::kDeniedNotInAllowlist);
}

}  // namespace
}  // namespace gate
