// SPDX-License-Identifier: Apache-2.0
// Who gets a secret, who does not, and what is told.
#include "gate/secrets/secret_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "gate/relay/relay_fixture.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace gate {
namespace {

class SecretSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/gate-secrets-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    folder_path = path;
    folder = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    listener = std::move(*sys::ListenUnix(folder.get(), "broker.sock", 64, 0600));
    ASSERT_TRUE(sys::SetNonblocking(listener.get()));
    std::memcpy(config.header.secret_token, "token-1", 7);
    config.header.cell_uid_seen = ::getuid();
    config.Secret("DB").Secret("API.key");
  }
  void TearDown() override {
    secrets.reset();
    ::unlink((folder_path + "/broker.sock").c_str());
    ::rmdir(folder_path.c_str());
  }
  void Start() {
    grants.emplace(config.Make());
    secrets = std::move(*SecretSocket::Create(*loop, *grants, reporter, listener.get(), ends.first.get()));
  }
  Peer Connect() { return Peer(std::move(*sys::ConnectUnix(folder.get(), "broker.sock"))); }
  void Rounds(int count = 5) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(loop->Round(std::chrono::milliseconds(0)));
  }
  std::optional<wire::SecretRequest> NextRequest() {
    wire::SecretRequest request;
    auto got = sys::RecvMsg(ends.second.get(), {reinterpret_cast<char*>(&request), sizeof request}, MSG_DONTWAIT);
    if (!got || got->bytes != sizeof request) return std::nullopt;
    return request;
  }
  void Reply(std::uint64_t id, std::uint32_t status, std::string_view text) {
    const wire::SecretReply reply = {.id = id, .status = status, .bytes = static_cast<std::uint32_t>(text.size())};
    ASSERT_TRUE(
        sys::SendMsg(ends.second.get(), std::string(reinterpret_cast<const char*>(&reply), sizeof reply).append(text)));
  }
  // The whole exchange of one line that needs no supervisor.
  std::string Exchange(std::string_view line) {
    Peer client = Connect();
    EXPECT_TRUE(client.Send(line));
    Rounds();
    std::string end, reply = client.Read(&end);
    return reply.empty() ? end : reply;
  }
  std::vector<wire::SecretFault> Faults() const {
    std::vector<wire::SecretFault> faults;
    for (const auto& record : reporter.Of(wire::GateRecordKind::kSecretDenied)) {
      faults.push_back(static_cast<wire::SecretFault>(record.code));
    }
    return faults;
  }

  base::FakeClock clock;
  std::unique_ptr<Loop> loop = std::move(*Loop::Create(clock));
  std::pair<base::UniqueFd, base::UniqueFd> ends = std::move(*sys::SocketPair(SOCK_SEQPACKET));
  std::string folder_path;
  base::UniqueFd folder, listener;
  ConfigFixture config;
  std::optional<Grants> grants;
  FakeReporter reporter;
  std::unique_ptr<SecretSocket> secrets;
};

TEST_F(SecretSocketTest, ARequestGoesUpAsAnIndexAndTheValueComesBackAsOneLine) {
  Start();
  Peer client = Connect();
  client.Send("{\"token\":\"token-1\",\"key\":\"API.key\"}\n");
  client.ShutdownWrite();
  Rounds();
  const auto request = NextRequest();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->index, 1u);
  Reply(request->id, 0, "va\"lue\n");
  Rounds();
  std::string end;
  EXPECT_EQ(client.Read(&end), "{\"value\":\"va\\\"lue\\u000a\"}\n");
  EXPECT_EQ(end, "eof");
  EXPECT_TRUE(reporter.records.empty());
  EXPECT_EQ(secrets->open(), 0u);
}

TEST_F(SecretSocketTest, TheErrorsOfTheContract) {
  Start();
  EXPECT_EQ(Exchange("{\"token\":\"token-2\",\"key\":\"DB\"}\n"), "{\"error\":\"unauthorized\"}\n");
  EXPECT_EQ(Exchange("{\"token\":\"token-1\",\"key\":\"K\"}\n"), "{\"error\":\"unknown secret key \\\"K\\\"\"}\n");
  EXPECT_EQ(Exchange("{\"token\":\"token-1\"}\n"), "eof");
  EXPECT_EQ(Exchange("{\"token\":\"token-1\",\"key\":\"DB\"}\n{}"), "eof") << "one request a connection";
  EXPECT_EQ(Exchange(std::string(4096, ' ')), "eof") << "no line within 4 KiB";
  EXPECT_FALSE(NextRequest());
  using enum wire::SecretFault;
  EXPECT_EQ(Faults(), (std::vector<wire::SecretFault>{kUnauthorized, kUnknownKey, kMalformed, kMalformed, kMalformed}));
}

TEST_F(SecretSocketTest, AnEmptyTokenOpensNothing) {
  std::memset(config.header.secret_token, 0, sizeof config.header.secret_token);
  std::memcpy(config.header.secret_token, "t", 1);
  Start();
  EXPECT_EQ(Exchange("{\"token\":\"\",\"key\":\"DB\"}\n"), "{\"error\":\"unauthorized\"}\n");
}

TEST_F(SecretSocketTest, OnlyTheWorkloadsUidIsHeard) {
  config.header.cell_uid_seen = ::getuid() + 1;
  Start();
  EXPECT_NE(Exchange("{\"token\":\"token-1\",\"key\":\"DB\"}\n").substr(0, 1), "{");
  EXPECT_EQ(Faults(), std::vector<wire::SecretFault>{wire::SecretFault::kPeer});
  EXPECT_FALSE(NextRequest());
}

TEST_F(SecretSocketTest, WhatTheSupervisorRefusesIsPassedOn) {
  Start();
  Peer client = Connect();
  client.Send("{\"token\":\"token-1\",\"key\":\"DB\"}\n");
  Rounds();
  Reply(NextRequest().value().id, 1 + static_cast<std::uint32_t>(wire::SecretFault::kExpired), "");
  Rounds();
  std::string end;
  EXPECT_EQ(client.Read(&end), "{\"error\":\"secret expired\"}\n");
}

TEST_F(SecretSocketTest, ConnectionsAtOnceAreBoundedAndLateOnesAreServed) {
  Start();
  std::vector<Peer> clients;
  for (std::size_t i = 0; i < SecretSocket::kConnections + 5; ++i) clients.push_back(Connect());
  Rounds();
  EXPECT_EQ(secrets->open(), SecretSocket::kConnections);
  clients.erase(clients.begin(), clients.begin() + static_cast<long>(SecretSocket::kConnections));
  Rounds(20);
  clients.back().Send("{\"token\":\"token-1\",\"key\":\"DB\"}\n");
  Rounds();
  EXPECT_TRUE(NextRequest());
}

TEST_F(SecretSocketTest, ASilentConnectionEnds) {
  Start();
  Peer client = Connect();
  client.Send("{");
  Rounds();
  EXPECT_EQ(secrets->open(), 1u);
  clock.boot += std::chrono::seconds(61);
  Rounds();
  EXPECT_EQ(secrets->open(), 0u);
}

TEST_F(SecretSocketTest, DenialsAreSlowedDown) {
  Start();
  clock.boot = std::chrono::seconds(10);
  Rounds();
  for (int i = 0; i < 40; ++i) {
    Peer client = Connect();
    client.Send("x\n");
    Rounds(2);
  }
  EXPECT_LE(Faults().size(), SecretSocket::kDenialsPerSecond);
  clock.boot += std::chrono::seconds(1);
  Rounds(10);
  EXPECT_GT(Faults().size(), SecretSocket::kDenialsPerSecond);
}

TEST_F(SecretSocketTest, NothingIsHandedOverAfterRevocation) {
  Start();
  Peer client = Connect();
  client.Send("{\"token\":\"token-1\",\"key\":\"DB\"}\n");
  Rounds();
  const auto request = NextRequest();
  ASSERT_TRUE(request);
  secrets->Revoke();
  Reply(request->id, 0, "value");
  Rounds();
  std::string end;
  EXPECT_EQ(client.Read(&end), "");
  EXPECT_EQ(Exchange("{\"token\":\"token-1\",\"key\":\"DB\"}\n").find("value"), std::string::npos);
  EXPECT_FALSE(NextRequest());
}

TEST_F(SecretSocketTest, WithoutItsSupervisorItHandsOverNothingAndHearsNobody) {
  Start();
  Peer waiting = Connect();
  waiting.Send("{\"token\":\"token-1\",\"key\":\"DB\"}\n");
  Rounds();
  ASSERT_TRUE(NextRequest());
  ends.second.Reset();
  Rounds();
  std::string end;
  EXPECT_EQ(waiting.Read(&end), "");
  EXPECT_EQ(end, "eof");
  Peer late = Connect();
  late.Send("{\"token\":\"token-1\",\"key\":\"DB\"}\n");
  Rounds();
  end.clear();
  EXPECT_EQ(late.Read(&end), "");
  EXPECT_EQ(end, "") << "not even accepted";
  EXPECT_EQ(secrets->open(), 0u);
}

TEST_F(SecretSocketTest, AReplyThatCannotBeOneAnswersNobody) {
  Start();
  Peer client = Connect();
  client.Send("{\"token\":\"token-1\",\"key\":\"DB\"}\n");
  Rounds();
  const auto request = NextRequest();
  ASSERT_TRUE(request);
  ASSERT_TRUE(sys::SendMsg(ends.second.get(), "short"));
  Reply(request->id + 1, 0, "somebody else's");
  wire::SecretReply wrong = {.id = request->id, .status = 0, .bytes = 3};
  ASSERT_TRUE(sys::SendMsg(ends.second.get(), std::string(reinterpret_cast<const char*>(&wrong), sizeof wrong) + "four"));
  Rounds();
  std::string end;
  EXPECT_EQ(client.Read(&end), "");
  EXPECT_EQ(end, "");
  Reply(request->id, 0, "value");
  Rounds();
  EXPECT_EQ(client.Read(&end), "{\"value\":\"value\"}\n");
}

TEST_F(SecretSocketTest, OfAnUnknownKeyPrintableLettersAreToldUpToABound) {
  Start();
  Exchange("{\"token\":\"token-1\",\"key\":\"a\\nb\\u00e9c" + std::string(300, 'k') + "\"}\n");
  const auto records = reporter.Of(wire::GateRecordKind::kSecretDenied);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(std::string_view(records[0].name).substr(0, 4), "abck");
  EXPECT_EQ(strnlen(records[0].name, sizeof records[0].name), sizeof records[0].name - 1);
}

}  // namespace
}  // namespace gate
