// SPDX-License-Identifier: Apache-2.0
// For tests: a small run written by the product's own log and sealed by its own keys.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "crypto/sha256.h"
#include "event/evidence_events.h"
#include "event/run_log.h"
#include "event/types.h"
#include "evidence/keys.h"
#include "evidence/opened.h"
#include "evidence/seal.h"
#include "evidence/verify/verify.h"
#include "spec/document.h"
#include "spec/required_sources.h"
#include "sys/file.h"

namespace evidence {

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void WriteText(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class RunFixture : public ::testing::Test {
 protected:
  static constexpr const char* kRunId = "run-fixture";
  static constexpr std::string_view kDocument =
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"cell-t","authority":{"secretRefs":["TOKEN"]},)"
      R"("lifetime":{"ttlSeconds":60},"run":{"argv":["/bin/true"],"secretDelivery":"env"}}})";
  static constexpr std::string_view kPlan = R"({"backend":"native","requiredSources":["supervisor","init","log"]})";

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "cellos-evidence-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directories(run());
    auto directory = sys::OpenAt(AT_FDCWD, run().string(), O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(directory);
    directory_ = *std::move(directory);
    clock_.wall = base::WallTime(std::chrono::milliseconds(1788264000123));
    clock_.boot = std::chrono::seconds(1000);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path run() const { return root_ / "runs" / kRunId; }
  std::string keys_path() const { return (root_ / "keys").string(); }
  std::filesystem::path File(const std::string& name) const { return run() / name; }

  // Keys, document, plan, log with leaf 0.
  void Open(const KeygenOptions& options = {}) {
    auto keys = GenerateDeploymentKeys(keys_path(), options);
    ASSERT_TRUE(keys) << keys.error().message;
    keys_ = *std::move(keys);
    WriteText(File("document.json"), kDocument);
    WriteText(File("plan.json"), kPlan);
    const auto document = spec::DecodeCellDocument(kDocument);
    ASSERT_TRUE(document);
    facts_ = {.run_id = kRunId,
              .cell_id = "cell-t",
              .spec_digest = spec::CanonicalSpecHash(document->spec),
              .plan_digest = crypto::PrefixedHex(crypto::Sha256Of(kPlan)),
              .software = {.version = "0.1.0", .binaries = {{"cellos", std::string(64, 'a')}}},
              .machine = {.boot_id = "b", .kernel = "6.1", .arch = "x86_64"}};
    auto run_key = crypto::SigningKey::Generate();
    ASSERT_TRUE(run_key);
    auto log = event::RunLog::Create(directory_.get(), *std::move(run_key),
                                     {.origin = OriginOf(keys_->name, kRunId), .clock = &clock_});
    ASSERT_TRUE(log) << log.error().message;
    log_.emplace(*std::move(log));
    Append(OpenedEvent(facts_, *keys_, log_->run_vkey(), clock_.wall, std::chrono::seconds(60)));
  }

  event::LeafIndex Append(const event::Draft& draft) {
    clock_.boot += std::chrono::milliseconds(1);
    clock_.wall += std::chrono::milliseconds(1);
    const auto leaf = log_->Append(draft);
    EXPECT_TRUE(leaf) << leaf.error().message;
    return leaf.value_or(0);
  }

  event::CellRef Cell() const {
    return {.cell_id = "cell-t", .spec_id = "cell-t", .run_id = kRunId, .correlation = {}};
  }

  void OpenCoverage() {
    for (const event::Observer observer :
         {event::Observer::kSupervisor, event::Observer::kInit, event::Observer::kLog}) {
      const auto leaf = Append(event::CoverageOpenedEvent(Cell(), observer, "cell", {"everything"}));
      closing_.coverage.push_back({.source = observer, .scope = "cell", .from = leaf, .to = 0, .holes = {}});
    }
  }

  // Secret events and a finding, then a checkpoint.
  void Work() {
    SecretLeaves secret{.name = "TOKEN", .delivered_at = {}, .revoked_at = {}};
    secret.delivered_at = Append(SecretEvent(event::kSecretDelivered));
    secret.revoked_at = Append(SecretEvent(event::kSecretRevoked));
    secrets_ = {secret};
    if (finding_) {
      const auto leaf = Append(event::FindingEvent(Cell(), *finding_, "rule", {1}, "text"));
      if (*finding_ == event::Verdict::kAgree) ++findings_.agree;
      if (*finding_ == event::Verdict::kGap) ++findings_.gap;
      if (*finding_ == event::Verdict::kContradiction) findings_.contradictions.push_back(leaf);
    }
    ASSERT_TRUE(log_->Checkpoint());
  }

  event::Draft SecretEvent(std::string_view type) const {
    return {.type = type,
            .source = event::kSourceSupervisor,
            .data = R"({"broker":"env","cellId":"cell-t","delivery":"env","name":"TOKEN","runId":"run-fixture"})"};
  }

  void CloseCoverage() {
    for (event::CoverageRow& row : closing_.coverage) {
      const event::Counters counters = log_->CountersOf(row.source);
      closing_.sources.push_back({std::string(event::ToString(row.source)), counters});
      row.to = Append(event::CoverageClosedEvent(Cell(), row.source, "cell", row.from, {}, counters));
    }
  }
  void Close() {
    CloseCoverage();
    closing_.reason_code = "completed";
    closing_.exit_code = 0;
    Append(event::ClosingEvent(Cell(), closing_));
    ASSERT_TRUE(log_->Checkpoint());
  }
  void Seal() {
    const RunEnd end{.log = &*log_,
                     .closing = closing_,
                     .required_sources = {"supervisor", "init", "log"},
                     .controls = {},
                     .findings = findings_,
                     .secrets = secrets_};
    log_->ReleaseReserve();
    const auto complete = SealRun(directory_.get(), facts_, end, *keys_);
    ASSERT_TRUE(complete) << complete.error().message;
    EXPECT_TRUE(*complete);
    ASSERT_TRUE(log_->Close());
    log_.reset();
  }
  void WholeRun() {
    Open();
    OpenCoverage();
    Work();
    Close();
    Seal();
  }
  // The supervisor dies: nothing is written any more.
  void Die() { log_.reset(); }

  std::vector<TrustedKey> OwnKeys() const {
    std::vector<TrustedKey> trusted;
    for (const SealingKey& key : keys_->keys) trusted.push_back({.spki = key.spki, .name = {}, .given_as = "own"});
    return trusted;
  }
  Report Verify() const { return VerifyRun(run().string(), OwnKeys()); }

  std::filesystem::path root_;
  base::UniqueFd directory_;
  base::FakeClock clock_;
  std::optional<DeploymentKeys> keys_;
  RunFacts facts_;
  std::optional<event::RunLog> log_;
  event::Closing closing_;
  std::vector<SecretLeaves> secrets_;
  FindingCounts findings_;
  std::optional<event::Verdict> finding_;
};

}  // namespace evidence
