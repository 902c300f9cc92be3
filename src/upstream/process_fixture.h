// SPDX-License-Identifier: Apache-2.0
// For tests: cellos-upstream started as the supervisor starts it, with the test as supervisor, dialler and gate.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "plan/gate_filter.h"
#include "sys/file.h"
#include "sys/socket.h"
#include "upstream/config.h"
#include "upstream/loopback_dialler_fixture.h"
#include "upstream/message.h"
#include "upstream/signed_zone_fixture.h"
#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace upstream {

inline wire::GateResolver LoopbackResolver(wire::Transport transport, wire::DnssecMode dnssec, std::uint16_t port) {
  wire::GateResolver resolver{};
  std::strcpy(resolver.id, "r-1");
  resolver.port = port;
  resolver.transport = transport;
  resolver.dnssec = dnssec;
  resolver.via_upstream = 1;
  resolver.address = {.bytes = {127, 0, 0, 1}, .prefix = 32};
  std::strcpy(resolver.server_name, transport == wire::Transport::kDot || transport == wire::Transport::kDoh ? "dns.example" : "");
  return resolver;
}

inline std::string Config(const std::vector<wire::GateResolver>& resolvers, const std::string& filter) {
  wire::GateConfigHeader header{};
  header.magic = wire::kGateConfigMagic;
  header.resolvers = static_cast<std::uint32_t>(resolvers.size());
  header.filter_bytes = static_cast<std::uint32_t>(filter.size());
  header.limits.upstream_ms = 1000;
  header.size = static_cast<std::uint32_t>(sizeof(header) + resolvers.size() * sizeof(wire::GateResolver) + filter.size());
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(reinterpret_cast<const char*>(resolvers.data()), resolvers.size() * sizeof(wire::GateResolver));
  return bytes + filter;
}

inline void WriteFile(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(101);
  ::close(fd);
}

// In the forked child: what the launcher of the supervisor does, as far as this test needs it.
[[noreturn]] inline void BecomeProgram(int program, const std::array<int, 6>& descriptors) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) ::_exit(100);
  WriteFile("/proc/self/setgroups", "deny");
  WriteFile("/proc/self/uid_map", "1000 " + std::to_string(uid) + " 1");
  WriteFile("/proc/self/gid_map", "1000 " + std::to_string(gid) + " 1");
  const int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(control, SIOCSIFFLAGS, &request) != 0) ::_exit(102);
  if (::mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0 || ::chroot("/tmp") != 0 ||
      ::chdir("/") != 0) {
    ::_exit(103);
  }
  // High first, so that no target overwrites a source.
  std::array<int, 7> high{};
  for (std::size_t i = 0; i < descriptors.size(); ++i) high[i] = ::fcntl(descriptors[i], F_DUPFD_CLOEXEC, 100);
  high[6] = ::fcntl(program, F_DUPFD_CLOEXEC, 100);
  for (std::size_t i = 0; i < descriptors.size(); ++i) ::dup2(high[i], static_cast<int>(3 + i));
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  char name[] = "cellos-upstream";
  char* const arguments[] = {name, nullptr};
  char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, high[6], "", arguments, environment, AT_EMPTY_PATH);
  ::_exit(104);
}

// Do53 on one port of 127.0.0.1, UDP up to 1,232 bytes, TCP beyond.
class ZoneServer {
 public:
  explicit ZoneServer(const SignedZone& zone) : zone_(zone) {
    std::tie(udp_, port_) = BindLoopback(SOCK_DGRAM);
    tcp_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(port_);
    EXPECT_EQ(::bind(tcp_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(tcp_.get(), 4), 0);
    udp_thread_ = std::thread([this] { ServeUdp(); });
    tcp_thread_ = std::thread([this] { ServeTcp(); });
  }
  ~ZoneServer() {
    ending_ = true;
    const base::UniqueFd wake = ConnectLoopback(SOCK_DGRAM, port_);
    ::send(wake.get(), "", 0, 0);
    ::shutdown(tcp_.get(), SHUT_RDWR);
    udp_thread_.join();
    tcp_thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  void ServeUdp() {
    while (true) {
      char buffer[4096];
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      const ssize_t got = ::recvfrom(udp_.get(), buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (ending_) return;
      if (got < 12) continue;
      const std::string query(buffer, static_cast<std::size_t>(got));
      std::string reply = zone_.Reply(query);
      if (reply.size() > 1232) {
        reply = query.substr(0, QuestionOf(query)->end);
        reply[2] = static_cast<char>(reply[2] | 0x82);
        reply[11] = 0;
      }
      ::sendto(udp_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  void ServeTcp() {
    while (true) {
      const base::UniqueFd peer(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      char buffer[4096];
      const ssize_t got = ::recv(peer.get(), buffer, sizeof(buffer), 0);
      if (got < 14) continue;
      const std::string reply = zone_.Reply(std::string_view(buffer + 2, static_cast<std::size_t>(got - 2)));
      const std::string frame = {static_cast<char>(reply.size() >> 8), static_cast<char>(reply.size())};
      ::send(peer.get(), (frame + reply).data(), reply.size() + 2, MSG_NOSIGNAL);
    }
  }
  const SignedZone& zone_;
  base::UniqueFd udp_, tcp_;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread udp_thread_, tcp_thread_;
};

// A sanitizer's run-time library needs files, address space and calls that the locked program does not have.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

class Program : public testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "cellos-upstream with a sanitizer can't run under its lock";
  }
  void Start(const std::vector<wire::GateResolver>& resolvers, const std::string& authorities, const std::string& anchors,
             const std::string& filter = plan::UpstreamFilter()) {
    ports_.clear();
    for (const auto& resolver : resolvers) ports_.push_back(resolver.port);
    const base::UniqueFd config = File(Config(resolvers, filter)), certificates = File(authorities), anchor_file = File(anchors);
    auto [records, records_far] = *sys::SocketPair(SOCK_SEQPACKET);
    auto [dial, dial_far] = *sys::SocketPair(SOCK_SEQPACKET);
    auto [gate, gate_far] = *sys::SocketPair(SOCK_SEQPACKET);
    records_ = std::move(records);
    dial_ = std::move(dial);
    gate_ = std::move(gate);
    const base::UniqueFd program = *sys::OpenAt(AT_FDCWD, CELLOS_BIN_DIR "/cellos-upstream", O_PATH);
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      BecomeProgram(program.get(), {config.get(), records_far.get(), dial_far.get(), gate_far.get(), certificates.get(),
                                    anchor_file.get()});
    }
  }
  ~Program() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  // An empty text is no file.
  static base::UniqueFd File(const std::string& text) {
    if (text.empty()) return *sys::OpenAt(AT_FDCWD, "/dev/null", O_RDONLY);
    base::UniqueFd file = *sys::Memfd("test");
    EXPECT_TRUE(sys::WriteAll(file.get(), text));
    EXPECT_TRUE(sys::Seek(file.get(), 0, SEEK_SET));
    return file;
  }
  // The next record of `kind`; while waiting, dials are answered by connecting to the resolver's port.
  std::optional<wire::GateRecord> Record(wire::GateRecordKind kind) {
    for (int round = 0; round < 400; ++round) {
      if (!Turn(records_.get())) continue;
      wire::GateRecord record;
      const auto got = sys::RecvMsg(records_.get(), {reinterpret_cast<char*>(&record), sizeof(record)}, MSG_DONTWAIT);
      if (!got || got->bytes == 0) return std::nullopt;
      wire::GateRecord decoded;
      EXPECT_EQ(wire::DecodeGateRecord(&record, got->bytes, &decoded), wire::GateRecordFault::kNone);
      if (record.kind == kind || record.kind == wire::GateRecordKind::kFailing) return record;
    }
    return std::nullopt;
  }
  struct Answer {
    wire::UpstreamReply reply;
    std::string message;
  };
  std::optional<Answer> Ask(const std::string& query, std::uint32_t resolver = 0) {
    wire::UpstreamRequest request{.id = next_++, .resolver = resolver, .bytes = static_cast<std::uint32_t>(query.size())};
    EXPECT_TRUE(sys::SendMsg(gate_.get(), std::string(reinterpret_cast<char*>(&request), sizeof(request)) + query));
    std::string buffer(sizeof(wire::UpstreamReply) + wire::kMaxDnsMessage, '\0');
    for (int round = 0; round < 400; ++round) {
      if (!Turn(gate_.get())) continue;
      const auto got = sys::RecvMsg(gate_.get(), buffer, MSG_DONTWAIT);
      if (!got || got->bytes < sizeof(wire::UpstreamReply)) return std::nullopt;
      Answer answer;
      std::memcpy(&answer.reply, buffer.data(), sizeof(answer.reply));
      answer.message = buffer.substr(sizeof(answer.reply), got->bytes - sizeof(answer.reply));
      EXPECT_EQ(answer.reply.id, request.id);
      EXPECT_EQ(answer.reply.bytes, answer.message.size());
      return answer;
    }
    return std::nullopt;
  }
  // One wait; whether `fd` became readable.
  bool Turn(int fd) {
    std::array<pollfd, 2> waits = {pollfd{fd, POLLIN, 0}, pollfd{dial_.get(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), 100);
    if (waits[1].revents == POLLIN) Dial();
    return waits[0].revents != 0;
  }
  void Dial() {
    wire::DialRequest request, decoded;
    const auto got = sys::RecvMsg(dial_.get(), {reinterpret_cast<char*>(&request), sizeof(request)}, MSG_DONTWAIT);
    if (!got || got->bytes == 0) return;
    EXPECT_EQ(wire::DecodeDialRequest(&request, got->bytes, &decoded), wire::GateRecordFault::kNone);
    EXPECT_EQ(request.purpose, wire::DialPurpose::kResolver);
    ASSERT_LT(request.index, ports_.size());
    EXPECT_EQ(request.port, ports_[request.index]);
    const base::UniqueFd socket =
        ConnectLoopback(request.protocol == wire::IpProtocol::kTcp ? SOCK_STREAM : SOCK_DGRAM, request.port);
    const wire::DialReply reply{.id = request.id};
    const int fd = socket.get();
    EXPECT_TRUE(sys::SendMsg(dial_.get(), {reinterpret_cast<const char*>(&reply), sizeof(reply)}, {&fd, 1}));
  }
  int WaitForExit() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  base::UniqueFd records_, dial_, gate_;
  std::vector<std::uint16_t> ports_;
  std::uint64_t next_ = 1;
};

}  // namespace upstream
