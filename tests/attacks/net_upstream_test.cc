// SPDX-License-Identifier: Apache-2.0
// Whole runs of a networked cell with an encrypted resolver on the host's loopback, with secrets over the socket, and
// of one whose supervisor is killed.
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "net_harness.h"
#include "upstream/tls_server_fixture.h"

namespace attacks {
namespace {

namespace fs = std::filesystem;

constexpr char kBundle[] = "/etc/ssl/certs/ca-certificates.crt";
constexpr char kHold[] = "hold listen 7009 ms=9000";
constexpr int kIncomplete = 3;

class Upstream : public NetTest {
 protected:
  void TearDown() override {
    if (bound_) ::umount2(kBundle, MNT_DETACH);
    if (!bundle_.empty()) fs::remove(bundle_);
    NetTest::TearDown();
  }

  // A resolver on 127.0.0.1 that answers with At(84); the host trusts `authority`, or the resolver's own.
  void Serve(const std::string& authority = "") {
    server_ = std::make_unique<upstream::TlsServer>(upstream::TlsServerOptions{}, Answer);
    char name[] = "/tmp/cellos-bundle.XXXXXX";
    const int fd = ::mkstemp(name);
    ASSERT_GE(fd, 0);
    ::close(fd);
    bundle_ = name;
    std::ofstream(bundle_) << (authority.empty() ? server_->authority() : authority);
    ASSERT_EQ(::chmod(name, 0644), 0);
    if (!fs::exists(kBundle)) GTEST_SKIP() << "this machine has no " << kBundle;
    // The world's thread has a mount namespace of its own.
    ASSERT_EQ(::mount(name, kBundle, nullptr, MS_BIND, nullptr), 0) << strerror(errno);
    bound_ = true;
  }
  Net Document() const {
    return {.rules = {Rule("up.test", 443), Rule(At(80), 5432, "tcp")},
            .names = {"up.test"},
            .dns = R"("resolvers":[{"resolverId":"near","endpoint":"127.0.0.1:)" + std::to_string(server_->port()) +
                   R"(","protocol":"dot"}])",
            .own_resolver = false};
  }
  bool WaitForBytes(const std::string& address) const {
    for (int i = 0; i < 5000; ++i, ::usleep(2000)) {
      for (const outside::Seen& seen : World().Now().To(address)) {
        if (seen.count > 0) return true;
      }
    }
    return false;
  }
  std::string Ask(const std::string& mark) const { return mark + " dns " + Server() + " up.test " + Type(); }

  std::unique_ptr<upstream::TlsServer> server_;

 private:
  // One address of the type that was asked; the additional section is dropped.
  static std::string Answer(const std::string& query) {
    std::size_t end = 12;
    while (end < query.size() && query[end] != 0) end += 1 + static_cast<unsigned char>(query[end]);
    end += 5;
    if (end > query.size()) return {};
    const bool six = query[end - 3] == 28;
    std::string reply = query.substr(0, end);
    reply[2] = static_cast<char>(0x81), reply[3] = static_cast<char>(0x80);
    reply[7] = 1, reply[9] = 0, reply[11] = 0;
    reply += std::string("\xc0\x0c\x00", 3) + (six ? '\x1c' : '\x01') + std::string("\x00\x01\x00\x00\x01\x2c\x00", 7);
    return reply + (six ? std::string("\x10\x20\x01\x0d\xb8\x01\x13\0\0\0\0\0\0\0\0\0\x84", 17)
                        : std::string("\x04\xcb\x00\x71\x54", 5));
  }

  std::string bundle_;
  bool bound_ = false;
};

TEST_P(Upstream, AnEncryptedResolverOnTheHostsLoopbackAnswers) {
  Serve();
  if (IsSkipped()) return;
  const Trial trial = TryAll(Document(), {Ask("ask")});
  EXPECT_EQ(trial.run.Reason(), "completed") << trial.run.status << " " << trial.run.err << trial.run.json;
  EXPECT_NE(trial.Said("ask").find(v6() ? "2001:db8:113::84" : "203.0.113.84"), std::string::npos)
      << trial.Said("ask");
  EXPECT_GT(server_->requests(), 0);
  EXPECT_TRUE(trial.Logged("dns_query", {"\"queryName\":\"up.test\"", "\"decision\":\"allow\""}));
  EXPECT_EQ(trial.outcome.Asked("up.test"), 0u) << "nothing was asked in plain";
}

TEST_P(Upstream, AResolverThatNobodyVouchesForAnswersNothing) {
  const upstream::TlsServer other(upstream::TlsServerOptions{}, [](const std::string&) { return std::string(); });
  Serve(other.authority());
  if (IsSkipped()) return;
  const Trial trial = TryAll(Document(), {Ask("ask")});
  EXPECT_EQ(trial.run.Reason(), "completed") << trial.run.status << " " << trial.run.err << trial.run.json;
  EXPECT_NE(trial.Said("ask").find("SERVFAIL"), std::string::npos) << trial.Said("ask");
  EXPECT_EQ(trial.Said("ask").find(At(84)), std::string::npos) << trial.Said("ask");
  EXPECT_EQ(server_->requests(), 0) << "no question left before the certificate was judged";
  EXPECT_EQ(trial.outcome.Asked("up.test"), 0u) << "nothing was asked in plain";
}

TEST_P(Upstream, ACellEndsWithItsUpstream) {
  Serve();
  if (IsSkipped()) return;
  World().Forget();
  const Started started = StartTrial(Document(), {"steady steady " + At(80) + " 5432 ms=40000", kHold});
  ASSERT_TRUE(WaitForBytes(At(80)));
  const pid_t upstream = ProcessNamed("cellos-upstream");
  EXPECT_GT(upstream, 0);
  if (upstream > 0) ::kill(upstream, SIGKILL);
  const Trial trial = FinishTrial(started, {.verify = false});
  EXPECT_EQ(trial.run.Reason(), "gate_failed") << trial.run.json;
  EXPECT_TRUE(trial.Logged("observability.v1.gate_failed", {"cellos-upstream"}));
  EXPECT_EQ(Cellos({"verify", fs::path(trial.run.directory).filename()}).status, kIncomplete);
}

TEST_P(Upstream, AKilledSupervisorLeavesNoGateNoUpstreamAndNoCell) {
  Serve();
  if (IsSkipped()) return;
  World().Forget();
  const Started started = StartTrial(Document(), {"steady steady " + At(80) + " 5432 ms=40000", kHold});
  ASSERT_TRUE(WaitForBytes(At(80)));
  EXPECT_GT(ProcessNamed("cellos-gate"), 0);
  EXPECT_GT(ProcessNamed("cellos-upstream"), 0);
  ::kill(started.pid, SIGKILL);
  int status = 0;
  ::waitpid(started.pid, &status, 0);
  for (int i = 0; i < 2500 && !Descendants().empty(); ++i, ::usleep(2000)) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  EXPECT_TRUE(Descendants().empty());
  const std::uint64_t before = World().Now().Out(At(80));
  const Finished collected = Cellos({"gc"});
  EXPECT_EQ(collected.status, 0) << collected.err;
  EXPECT_EQ(LeftOvers(started.id, ""), "");
  ASSERT_EQ(Runs().size(), 1u);
  const Finished verified = Cellos({"verify", fs::path(Runs().back()).filename()});
  EXPECT_EQ(verified.status, kIncomplete) << verified.out << verified.err;
  EXPECT_EQ(verified.out.find("FAILED"), std::string::npos) << verified.out;
  EXPECT_EQ(World().Now().Out(At(80)), before) << "packets after the end";
}

NET_ATTACK_AS_EVERYBODY(Upstream);

constexpr char kCanary[] = "kanarienvogel-socket-51c0";

class SocketSecrets : public NetTest {
 protected:
  void SetUp() override {
    NetTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    const std::string probe = top() + "/probe/secret_probe";
    std::error_code error;
    fs::copy_file(CELLOS_BIN_DIR "/secret_probe", probe, error);
    ASSERT_FALSE(error) << error.message();
    fs::permissions(probe, static_cast<fs::perms>(0755), error);
    Own(probe);
  }
  // The secret's broker as an environment of cellos.
  Words From(const std::string& broker) const {
    if (broker == "env") return {"CELLOS_SECRET_TOKEN=" + std::string(kCanary)};
    return {"CELLOS_BROKER=file", "CELLOS_SECRET_FILE_TOKEN=" + Write("value", kCanary)};
  }
  Finished RunSecrets(const std::string& delivery, const std::string& broker, const Words& asks, int ttl = 60) {
    const Net net = {.authority = R"("secretRefs":["TOKEN"])", .delivery = delivery, .ttl = ttl};
    const std::string id = "sock" + std::to_string(::getpid()) + "x" + std::to_string(++cells_);
    std::string text = TrialDocument(net, id, {});
    std::string argv = R"("argv":["/attack/secret_probe")";
    for (const std::string& ask : asks) argv += ",\"" + ask + "\"";
    const auto begin = text.find("\"argv\":["), end = text.find(']', begin);
    text.replace(begin, end - begin, argv);
    return Cellos({"run", "--json", "--spec", "-"}, {.input = text, .environment = From(broker)});
  }
  std::string Found() const {
    std::string found;
    for (const std::string& path : Holding(kCanary)) found += path + " ";
    return found;
  }

 private:
  int cells_ = 0;
};

TEST_P(SocketSecrets, TheSocketGivesTheValueToWhoeverHasTheTokenOnly) {
  const std::string value = R"({"value":")" + std::string(kCanary) + "\"}";
  const std::string backwards(value.rbegin(), value.rend());
  for (const char* delivery : {"runtimeBroker", "runtimeLeasedBroker"}) {
    for (const char* broker : {"env", "file"}) {
      const std::string what = std::string(delivery) + " " + broker;
      const Finished run =
          RunSecrets(delivery, broker, {"own=own=TOKEN", "wrong=00000000-0000-4000-8000-000000000000=TOKEN",
                                        "none==TOKEN", "unknown=own=OTHER", "again=own=TOKEN"});
      Answers said = ParseAnswers(run.out);
      EXPECT_EQ(run.status, 0) << what << run.err << run.json;
      EXPECT_EQ(said["own"], backwards) << what << run.out;
      EXPECT_EQ(said["again"], backwards) << what;
      EXPECT_EQ(said["wrong"], R"({"error":"unauthorized"})") << what;
      EXPECT_EQ(said["none"], R"({"error":"unauthorized"})") << what;
      EXPECT_EQ(said["unknown"], R"({"error":"unknown_secret_key_\"OTHER\""})") << what;
      EXPECT_EQ(Found(), "") << what;
      const Words runs = Runs();
      std::string logs;
      for (const std::string& directory : runs) logs += Read(directory + "/events.jsonl");
      for (const char* type : {"secret.v1.delivered", "secret.v1.denied", "secret.v1.revoked"}) {
        EXPECT_NE(logs.find(type), std::string::npos) << what << " " << type;
      }
    }
  }
}

NET_ATTACK_AS_EVERYBODY(SocketSecrets);

}  // namespace
}  // namespace attacks
