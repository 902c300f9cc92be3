// SPDX-License-Identifier: Apache-2.0
// What a run tells of the secrets that its workload asks for.
#include "cell/secrets.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "crypto/ed25519.h"
#include "event/types.h"

namespace cell {
namespace {

using testing::HasSubstr;

class SecretsTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_secrets_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = event::RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                                     {.origin = "test.invalid/runs/r", .clock = &clock_});
    ASSERT_TRUE(log) << log.error().message;
    recorder_.emplace(std::move(*log), event::CellRef{.cell_id = "demo", .spec_id = "demo", .run_id = "r1"});
    ASSERT_TRUE(recorder_->Emit({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"}));
    std::ofstream(path_ + "/value") << "s3cret";
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  SecretSession OnRequest(const std::string& delivery = "runtimeBroker") {
    plan::Plan plan;
    plan.cell_id = "demo";
    plan.secrets.push_back({.name = "TOKEN", .broker = "file", .key = "TOKEN", .delivery = delivery});
    Settings settings;
    settings.secret_sources["TOKEN"] = {.broker = "file", .key = path_ + "/value"};
    auto session = SecretSession::Deliver(plan, settings, std::nullopt, *recorder_);
    EXPECT_TRUE(session) << session.error().message;
    return *std::move(session);
  }
  // Lines of the log whose type ends so.
  std::vector<std::string> Lines(std::string_view type) {
    EXPECT_TRUE(recorder_->log().Flush());
    std::ifstream in(path_ + "/events.jsonl");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
      if (line.find(std::string(type) + "\"") != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

  std::string path_;
  base::UniqueFd directory_;
  base::FakeClock clock_;
  std::optional<Recorder> recorder_;
};

TEST_F(SecretsTest, HandOversThatHaveNoEventOfTheirOwnAreCounted) {
  SecretSession session = OnRequest();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(session.HandOver(0, *recorder_));
  session.Revoke(*recorder_);
  const auto lines = Lines("secret.v1.delivered");
  ASSERT_EQ(lines.size(), 17u);
  EXPECT_THAT(lines.back(), HasSubstr(R"("name":"TOKEN","runId":"r1","suppressed":4)"));
}

TEST_F(SecretsTest, DenialsThatHaveNoEventOfTheirOwnAreCountedBySecretAndReason) {
  SecretSession session = OnRequest();
  for (int i = 0; i < 100; ++i) session.TellDenied(0, "unauthorized", *recorder_);
  for (int i = 0; i < 7; ++i) session.TellDenied(0, "unauthorized", *recorder_);
  for (int i = 0; i < 3; ++i) session.TellDenied(std::nullopt, "unknown secret key", *recorder_);
  session.Revoke(*recorder_);
  session.Revoke(*recorder_);
  const auto lines = Lines("secret.v1.denied");
  ASSERT_EQ(lines.size(), 102u);
  EXPECT_THAT(lines[100] + lines[101], HasSubstr(R"("reason":"unauthorized","runId":"r1","suppressed":7)"));
  EXPECT_THAT(lines[100] + lines[101], HasSubstr(R"("reason":"unknown secret key","runId":"r1","suppressed":3)"));
}

TEST_F(SecretsTest, OnlyWhatIsDeliveredOnRequestIsHandedOver) {
  SecretSession session = OnRequest("env");
  EXPECT_FALSE(session.HandOver(0, *recorder_));  // its broker would still resolve it
  EXPECT_EQ(Lines("secret.v1.denied").size(), 1u);
  EXPECT_FALSE(session.HandOver(1, *recorder_));
}

TEST_F(SecretsTest, ALeasedSecretIsReadAgainEachTimeAndEachValueIsKnownAgain) {
  SecretSession session = OnRequest("runtimeLeasedBroker");
  EXPECT_EQ(session.HandOver(0, *recorder_)->view(), "s3cret");
  std::ofstream(path_ + "/value") << "another-value-of-it";
  EXPECT_EQ(session.HandOver(0, *recorder_)->view(), "another-value-of-it");
  EXPECT_THAT(session.traces().Mask("said another-value-of-it"), testing::Not(HasSubstr("another-value")));
  std::filesystem::remove(path_ + "/value");
  EXPECT_FALSE(session.HandOver(0, *recorder_));
  EXPECT_EQ(Lines("secret.v1.denied").size(), 1u);
}

TEST_F(SecretsTest, WhatIsAskedForSeldomIsToldEachTime) {
  SecretSession session = OnRequest();
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(session.HandOver(0, *recorder_));
  session.TellDenied(0, "unauthorized", *recorder_);
  session.Revoke(*recorder_);
  EXPECT_EQ(Lines("secret.v1.delivered").size(), 16u);
  EXPECT_EQ(Lines("secret.v1.denied").size(), 1u);
}

}  // namespace
}  // namespace cell
