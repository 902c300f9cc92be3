// SPDX-License-Identifier: Apache-2.0
// Runs that the product wrote itself, sealed and judged.
#include <gmock/gmock.h>

#include "event/dsse.h"
#include "evidence/run_fixture.h"
#include "evidence/seal_cut.h"
#include "evidence/show.h"

namespace evidence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(RunFixture, ASealedRunIsVerified) {
  WholeRun();
  const Report report = Verify();
  EXPECT_EQ(report.verdict, Verdict::kVerified) << report.ToText();
  EXPECT_THAT(report.ToText(), HasSubstr("anchored by"));
  EXPECT_THAT(report.ToJson(), HasSubstr(R"("verdict":"verified")"));
}

TEST_F(RunFixture, ASealByBothKindsOfKeyIsVerifiedByEither) {
  Open({.name = "ci.example/x", .p256 = true});
  OpenCoverage();
  Work();
  Close();
  Seal();
  ASSERT_EQ(OwnKeys().size(), 2u);
  for (const TrustedKey& key : OwnKeys()) {
    EXPECT_EQ(VerifyRun(run().string(), {key}).verdict, Verdict::kVerified);
  }
}

TEST_F(RunFixture, WithoutAKeyTheFirstLineSaysSo) {
  WholeRun();
  const Report report = VerifyRun(run().string(), {});
  EXPECT_EQ(report.verdict, Verdict::kUnanchored);
  EXPECT_TRUE(report.ToText().starts_with("UNANCHORED: no key was given"));
}

TEST_F(RunFixture, AContradictionIsToldBeforeIncompleteness) {
  finding_ = event::Verdict::kContradiction;
  WholeRun();
  EXPECT_EQ(Verify().verdict, Verdict::kContradiction);
  std::filesystem::remove(File("seal.json"));
  EXPECT_EQ(Verify().verdict, Verdict::kContradiction);
}

TEST_F(RunFixture, ASealIsNeverWrittenTwice) {
  WholeRun();
  const std::string before = ReadText(File("seal.json"));
  const auto again =
      WriteSeal(directory_.get(), {.outcome_json = "{}", .software_json = "{}", .machine_json = "{}"}, keys_->keys);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, base::ErrorKind::kExists);
  EXPECT_EQ(ReadText(File("seal.json")), before);
}

TEST_F(RunFixture, ExportsAreSubjects) {
  Open();
  OpenCoverage();
  Work();
  std::filesystem::create_directory(File("exports"));
  WriteText(File("exports/app"), "binary");
  Close();
  Seal();
  EXPECT_EQ(Verify().verdict, Verdict::kVerified);
  WriteText(File("exports/app"), "Binary");
  EXPECT_EQ(Verify().verdict, Verdict::kInvalid);
  WriteText(File("exports/app"), "binary");
  WriteText(File("exports/more"), "x");
  EXPECT_EQ(Verify().verdict, Verdict::kInvalid);
}

// A key that was copied beside the run spoils nothing, and nobody takes it for evidence.
TEST_F(RunFixture, AFileThatIsNoneOfTheRunIsTold) {
  WholeRun();
  EXPECT_THAT(Verify().ToText(), Not(HasSubstr("nothing signed speaks of it")));
  for (const char* name : {"extra", ".hidden", "events.jsonl~", "exports.tar"}) {
    WriteText(File(name), "x");
    const Report report = Verify();
    EXPECT_EQ(report.verdict, Verdict::kVerified) << name;
    EXPECT_THAT(report.ToText(), HasSubstr("\"" + std::string(name) + "\" in the directory is no file of the run"));
    std::filesystem::remove(File(name));
  }
  WriteText(File(".reserve-0123456789abcdef"), "");  // of a supervisor that was killed
  WriteText(File("seal.tlog-proof"), "told as unverified");
  EXPECT_THAT(Verify().ToText(), Not(HasSubstr("nothing signed speaks of it")));
}

TEST_F(RunFixture, EveryBitOfEveryFileCounts) {
  WholeRun();
  for (const char* name : {"events.jsonl", "checkpoints", "seal.json", "document.json", "plan.json"}) {
    const std::string good = ReadText(File(name));
    ASSERT_FALSE(good.empty());
    // Every byte would take minutes; a step that shares no factor with 8 walks through all bit positions.
    for (std::size_t i = 0; i < good.size(); i += 13) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      WriteText(File(name), bad);
      EXPECT_EQ(Verify().verdict, Verdict::kInvalid) << name << " byte " << i;
    }
    for (std::size_t size = 0; size < good.size(); size += 37) {
      WriteText(File(name), good.substr(0, size));
      EXPECT_EQ(Verify().verdict, Verdict::kInvalid) << name << " cut to " << size;
    }
    WriteText(File(name), good);
  }
  EXPECT_EQ(Verify().verdict, Verdict::kVerified);
}

TEST_F(RunFixture, AnUnsealedRunCutAnywhereIsNeverVerifiedAsComplete) {
  WholeRun();
  std::filesystem::remove(File("seal.json"));
  for (const char* name : {"events.jsonl", "checkpoints"}) {
    const std::string good = ReadText(File(name));
    for (std::size_t size = 0; size < good.size(); size += 11) {
      WriteText(File(name), good.substr(0, size));
      const Verdict verdict = Verify().verdict;
      EXPECT_TRUE(verdict == Verdict::kInvalid || verdict == Verdict::kIncomplete) << name << " cut to " << size;
    }
    WriteText(File(name), good);
  }
}

TEST_F(RunFixture, ARunKilledBeforeClosingIsSealedAsCut) {
  Open();
  OpenCoverage();
  Work();
  Append(SecretEvent(event::kSecretDelivered));
  ASSERT_TRUE(log_->Flush());
  Die();
  EXPECT_EQ(Verify().verdict, Verdict::kIncomplete);
  const auto sealed = SealDeadRun(directory_.get(), kRunId, keys_path());
  ASSERT_TRUE(sealed) << sealed.error().message;
  EXPECT_EQ(*sealed, DeadSeal::kCut);
  const Report report = Verify();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << report.ToText();
  EXPECT_TRUE(report.cut);
  EXPECT_THAT(report.ToText(), HasSubstr("cut: the supervisor died"));
  EXPECT_EQ(SealDeadRun(directory_.get(), kRunId, keys_path()).value(), DeadSeal::kAlreadySealed);
}

TEST_F(RunFixture, ACutSealPointsToTheFirstDeliveryOfASecret) {
  Open();
  OpenCoverage();
  Work();
  event::Draft further = SecretEvent(event::kSecretDelivered);
  further.data = R"({"broker":"env","cellId":"cell-t","delivery":"env","name":"TOKEN","runId":"run-fixture","suppressed":4})";
  Append(further);
  Append(SecretEvent(event::kSecretRevoked));
  ASSERT_TRUE(log_->Checkpoint());
  Die();
  ASSERT_EQ(SealDeadRun(directory_.get(), kRunId, keys_path()).value(), DeadSeal::kCut);
  const auto envelope = event::ParseDsse(ReadText(File("seal.json")));
  ASSERT_TRUE(envelope);
  EXPECT_THAT(envelope->payload, HasSubstr(R"("deliveredAt":)" + std::to_string(*secrets_[0].delivered_at) +
                                           R"(,"name":"TOKEN","revokedAt":)" + std::to_string(*secrets_[0].revoked_at)));
}

TEST_F(RunFixture, ACutSealHoldsWhereverTheLogWasTorn) {
  Open();
  OpenCoverage();
  Work();
  Append(SecretEvent(event::kSecretDelivered));
  ASSERT_TRUE(log_->Checkpoint());
  Die();
  const std::string events = ReadText(File("events.jsonl"));
  const std::string checkpoints = ReadText(File("checkpoints"));
  for (std::size_t size = 0; size < checkpoints.size(); size += 29) {
    std::filesystem::remove(File("seal.json"));
    WriteText(File("checkpoints"), checkpoints.substr(0, size));
    const auto sealed = SealDeadRun(directory_.get(), kRunId, keys_path());
    ASSERT_TRUE(sealed) << sealed.error().message;
    if (*sealed == DeadSeal::kNoCheckpoint) continue;
    EXPECT_EQ(*sealed, DeadSeal::kCut);
    EXPECT_EQ(Verify().verdict, Verdict::kIncomplete) << "checkpoints cut to " << size << "\n" << Verify().ToText();
  }
  // Lines that a checkpoint covers can't be missing: that log is no log of ours.
  std::filesystem::remove(File("seal.json"));
  WriteText(File("checkpoints"), checkpoints);
  WriteText(File("events.jsonl"), events.substr(0, events.size() - 1));
  EXPECT_FALSE(SealDeadRun(directory_.get(), kRunId, keys_path()));
  EXPECT_FALSE(std::filesystem::exists(File("seal.json")));
}

TEST_F(RunFixture, ARunKilledAfterClosingGetsTheOrdinarySeal) {
  Open();
  OpenCoverage();
  Work();
  Close();
  Die();
  EXPECT_EQ(Verify().verdict, Verdict::kIncomplete);
  const auto sealed = SealDeadRun(directory_.get(), kRunId, keys_path());
  ASSERT_TRUE(sealed) << sealed.error().message;
  EXPECT_EQ(*sealed, DeadSeal::kComplete);
  EXPECT_EQ(Verify().verdict, Verdict::kVerified) << Verify().ToText();
}

TEST_F(RunFixture, ARetiredKeyStillSealsTheRunsThatItOpened) {
  Open();
  OpenCoverage();
  Work();
  Die();
  const auto trusted = OwnKeys();
  ASSERT_TRUE(RotateDeploymentKeys(keys_path(), {}));
  const auto sealed = SealDeadRun(directory_.get(), kRunId, keys_path());
  ASSERT_TRUE(sealed) << sealed.error().message;
  EXPECT_EQ(VerifyRun(run().string(), trusted).verdict, Verdict::kIncomplete);
}

TEST_F(RunFixture, WithoutItsKeyADeadRunStaysUnsealed) {
  Open();
  OpenCoverage();
  Work();
  Die();
  std::filesystem::remove_all(keys_path());
  ASSERT_TRUE(GenerateDeploymentKeys(keys_path(), {}));
  EXPECT_FALSE(SealDeadRun(directory_.get(), kRunId, keys_path()));
  EXPECT_FALSE(std::filesystem::exists(File("seal.json")));
}

TEST_F(RunFixture, AFindingBehindTheEndOfItsWitnessIsInvalid) {
  Open();
  const auto opened = Append(event::CoverageOpenedEvent(Cell(), event::Observer::kWitness, "cell", {"findings"}));
  Append(event::FindingEvent(Cell(), event::Verdict::kGap, "rule", {1}, "text"));
  ASSERT_TRUE(log_->Checkpoint());
  EXPECT_EQ(Verify().verdict, Verdict::kIncomplete) << Verify().ToText();
  Append(event::CoverageClosedEvent(Cell(), event::Observer::kWitness, "cell", opened, {},
                                    log_->CountersOf(event::Observer::kWitness)));
  Append(event::FindingEvent(Cell(), event::Verdict::kGap, "rule", {1}, "text"));
  ASSERT_TRUE(log_->Checkpoint());
  EXPECT_EQ(Verify().verdict, Verdict::kInvalid);
  Die();
}

TEST_F(RunFixture, AnotherNameOfTheDirectoryIsInvalid) {
  WholeRun();
  std::filesystem::rename(run(), root_ / "runs" / "other");
  EXPECT_EQ(VerifyRun((root_ / "runs" / "other").string(), OwnKeys()).verdict, Verdict::kInvalid);
}

TEST_F(RunFixture, IsReachedThroughLinksAndTrailingSlashes) {
  WholeRun();
  std::filesystem::create_directory_symlink(run(), root_ / "link");
  EXPECT_EQ(VerifyRun((root_ / "link").string(), OwnKeys()).verdict, Verdict::kVerified);
  EXPECT_EQ(VerifyRun(run().string() + "/", OwnKeys()).verdict, Verdict::kVerified);
}

TEST_F(RunFixture, AFileThatIsALinkIsInvalid) {
  WholeRun();
  std::filesystem::rename(File("plan.json"), root_ / "plan");
  std::filesystem::create_symlink(root_ / "plan", File("plan.json"));
  EXPECT_EQ(Verify().verdict, Verdict::kInvalid);
}

TEST_F(RunFixture, MissingLogFilesAreAUsageError) {
  WholeRun();
  std::filesystem::remove(File("checkpoints"));
  EXPECT_EQ(Verify().verdict, Verdict::kUsage);
  EXPECT_EQ(VerifyRun((root_ / "absent").string(), OwnKeys()).verdict, Verdict::kUsage);
}

TEST_F(RunFixture, IsShownWithHostileTextEscapedAndTheTailMarked) {
  Open();
  OpenCoverage();
  event::Draft hostile = SecretEvent(event::kSecretDenied);
  hostile.data = R"({"cellId":"cell-t","name":"a\u001b[31mb)"
                 "\xe2\x80\xae"
                 R"(c","runId":"run-fixture"})";
  Append(hostile);
  ASSERT_TRUE(log_->Checkpoint());
  Append(SecretEvent(event::kSecretDelivered));
  ASSERT_TRUE(log_->Flush());
  Die();
  std::string text;
  ASSERT_TRUE(ShowRun(run().string(), Verify(), {}, [&](std::string_view piece) { text += piece; }));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae")));
  EXPECT_THAT(text, HasSubstr("secret.v1.denied"));
  EXPECT_THAT(text, HasSubstr("UNPROVEN"));
}

}  // namespace
}  // namespace evidence
