// SPDX-License-Identifier: Apache-2.0
// A seal that differs from its run in one thing: the verdict names the thing, whoever signed it.
#include "evidence/verify/seal_checks.h"

#include <gmock/gmock.h>

#include <functional>

#include "evidence/run_fixture.h"
#include "evidence/verify/line_reader.h"

namespace evidence {
namespace {

using ::testing::HasSubstr;
using RunSeal = Seal;  // the fixture has a step of that name

class SealAgainstRun : public RunFixture {
 protected:
  void SetUp() override {
    RunFixture::SetUp();
    finding_ = event::Verdict::kContradiction;
    WholeRun();
    files_.emplace(*RunFiles::FromDirectory(directory_.get(), kRunId));
    events_ = *files_->Find("events.jsonl");
    checkpoints_ = *files_->Find("checkpoints");
    LineReader lines(*events_, event::kMaxLeafBytes);
    zero_ = *ParseLeafZero((*lines.Next())->text);
    walk_ = *WalkLog({.events = &*events_, .checkpoints = &*checkpoints_, .zero = &zero_, .digest_events = true});
    ASSERT_TRUE(walk_.summary.closing);
    plan_ = *ReadPlanFile(*files_, zero_.plan_digest);
  }
  RunSeal Good() const { return *ReadSeal(**files_->Find("seal.json")); }

  using Change = std::function<void(RunSeal&)>;
  std::string Statement(const Change& change) const {
    RunSeal seal = Good();
    change(seal);
    return Told(CheckStatement(seal, zero_, walk_));
  }
  static std::string Told(const base::Result<>& checked) { return checked ? "" : checked.error().message; }

  std::optional<RunFiles> files_;
  std::optional<FileView> events_, checkpoints_;
  LeafZero zero_;
  LogWalk walk_;
  PlanFile plan_;
};

TEST_F(SealAgainstRun, SaysWhatLeafZeroAndTheLastCheckpointSay) {
  EXPECT_EQ(Statement([](RunSeal&) {}), "");
  const std::pair<const char*, Change> rows[] = {
      {"log.size", [](RunSeal& s) { ++s.size; }},
      {"log.rootHash", [](RunSeal& s) { s.root_hash[0] ^= 1; }},
      {"log.checkpoint", [](RunSeal& s) { s.checkpoint += "\n"; }},
      {"log.runKey", [](RunSeal& s) { s.run_vkey += "x"; }},
      {"run.cellId", [](RunSeal& s) { s.cell_id = "other"; }},
      {"run.runId", [](RunSeal& s) { s.run_id = "other"; }},
      {"run.origin", [](RunSeal& s) { s.origin += "x"; }},
      {"run.startedOn", [](RunSeal& s) { s.started_on = s.finished_on; }},
      {"run.finishedOn", [](RunSeal& s) { s.finished_on = s.started_on; }},
      {"enforced.specDigest", [](RunSeal& s) { s.spec_digest = "null"; }},
      {"enforced.policyPackDigest", [](RunSeal& s) { s.policy_pack_digest = "\"sha256:0\""; }},
      {"enforced.planDigest", [](RunSeal& s) { s.plan_digest = "null"; }},
      {"software", [](RunSeal& s) { s.software = "{}"; }},
      {"machine", [](RunSeal& s) { s.machine = "{}"; }},
      {"previousSeal", [](RunSeal& s) { s.previous_seal = "\"sha256:0\""; }},
      {"outcome", [](RunSeal& s) { s.outcome.exit_code = "1"; }},
      {"outcome", [](RunSeal& s) { s.outcome.signal = "9"; }},
      {"outcome", [](RunSeal& s) { s.outcome.reason_code = "timeout"; }},
      {"it says cut, but closing is proven", [](RunSeal& s) { s.tail = Tail{}; }},
  };
  for (const auto& [name, change] : rows) EXPECT_THAT(Statement(change), HasSubstr("seal.json: " + std::string(name)));
}

TEST_F(SealAgainstRun, EndsWhereTheLogEnds) {
  walk_.tail = {.lines = 1, .bytes = 7};
  EXPECT_THAT(Statement([](RunSeal&) {}), HasSubstr("7 bytes stand behind the sealed log"));
  walk_.tail = {};
  walk_.summary.closing.reset();
  EXPECT_THAT(Statement([](RunSeal&) {}), HasSubstr("is not closing"));
  walk_.tail = {.lines = 2, .bytes = 7, .torn = true};
  for (const Tail& tail : {Tail{3, 7, true}, Tail{2, 8, true}, Tail{2, 7, false}}) {
    EXPECT_THAT(Statement([&](RunSeal& s) { s.tail = tail; }), HasSubstr("tail should be 2 lines, 7 bytes, torn true"));
  }
  walk_.last.reset();
  EXPECT_THAT(Statement([](RunSeal&) {}), HasSubstr("no valid checkpoint"));
}

TEST_F(SealAgainstRun, NamesEachFileOfTheRunOnceWithItsDigest) {
  const auto subjects = [&](const std::string& list) {
    RunSeal seal = Good();
    seal.subjects = list;
    return Told(CheckSubjects(seal, *files_, walk_, plan_));
  };
  const std::string good(Good().subjects);
  ASSERT_EQ(subjects(good), "");
  EXPECT_THAT(subjects("[]"), HasSubstr("the seal does not name it"));
  EXPECT_THAT(subjects(good.substr(0, good.size() - 1) + "," + good.substr(1)), HasSubstr("or named twice"));
  EXPECT_THAT(subjects(R"([{"digest":{"sha256":"00"},"name":"plan.json"}])"), HasSubstr("lacks its name or its sha256"));
  EXPECT_THAT(subjects(R"([{"digest":{},"name":"plan.json"}])"), HasSubstr("lacks its name or its sha256"));
  EXPECT_THAT(subjects(R"([{"digest":{"sha256":")" + std::string(64, 'a') + R"("},"name":"plan.json"}])"),
              HasSubstr("plan.json: SHA-256 should be aaaa"));
  EXPECT_THAT(subjects(R"([{"digest":{"sha256":")" + std::string(64, 'a') + R"("},"name":"other"}])"),
              HasSubstr("subject other is no file of the run"));
}

TEST_F(SealAgainstRun, HasTheSumsOfClosingAndOfEveryInterval) {
  const auto sources = [&](const Change& change) {
    RunSeal seal = Good();
    change(seal);
    return Told(CheckSources(seal, walk_.summary));
  };
  ASSERT_EQ(sources([](RunSeal&) {}), "");
  EXPECT_THAT(sources([](RunSeal& s) { s.sources.pop_back(); }), HasSubstr("sources differ from those of closing"));
  EXPECT_THAT(sources([](RunSeal& s) { ++s.sources[0].counts.issued; }), HasSubstr("sources differ"));
  EXPECT_THAT(sources([](RunSeal& s) { s.tail = Tail{}; }), HasSubstr("sources of a cut run are not empty"));
  auto& closing = walk_.summary.closing->sources;
  const auto both = [&](RunSeal& s) { s.sources = closing; };
  ++closing[0].counts.issued;
  EXPECT_THAT(sources(both), HasSubstr("the counters of supervisor differ from its coverage_closed"));
  closing.erase(closing.begin());
  EXPECT_THAT(sources(both), HasSubstr("sources leave supervisor out"));
}

TEST_F(SealAgainstRun, HasTheIntervalsOfTheLog) {
  const auto coverage = [&](const Change& change) {
    RunSeal seal = Good();
    change(seal);
    return Told(CheckCoverage(seal, walk_));
  };
  ASSERT_EQ(coverage([](RunSeal&) {}), "");
  EXPECT_THAT(coverage([](RunSeal& s) { ++s.coverage[0].to; }), HasSubstr("coverage differs from that of closing"));
  // A cut seal has no closing to repeat: it is held against the log.
  EXPECT_THAT(coverage([](RunSeal& s) { s.tail = Tail{}, s.coverage.pop_back(); }), HasSubstr("should list 3 intervals, found 2"));
  EXPECT_THAT(coverage([](RunSeal& s) { s.tail = Tail{}, s.coverage[0] = s.coverage[1]; }),
              HasSubstr("coverage should list supervisor from leaf 1"));
  auto& rows = walk_.summary.closing->coverage;
  rows[0].holes.push_back({.from = 1, .to = 2, .why = "w"});
  EXPECT_THAT(coverage([&](RunSeal& s) { s.coverage = rows; }), HasSubstr("closing: coverage should list supervisor"));
}

TEST_F(SealAgainstRun, IsCompleteWhenWhatIsRequiredLostNothing) {
  const std::vector<std::string> required = {"supervisor", "init", "log"};
  const auto complete = [&](const Change& change, const std::vector<std::string>& wanted) {
    RunSeal seal = Good();
    change(seal);
    return Told(CheckComplete(seal, wanted));
  };
  ASSERT_EQ(complete([](RunSeal&) {}, required), "");
  EXPECT_THAT(complete([](RunSeal& s) { s.complete = false; }, required), HasSubstr("complete should be true"));
  EXPECT_THAT(complete([](RunSeal&) {}, {"supervisor", "init", "log", "agent"}), HasSubstr("complete should be false"));
  EXPECT_THAT(complete([](RunSeal& s) { s.tail = Tail{}; }, required), HasSubstr("complete should be false"));
  EXPECT_THAT(complete([](RunSeal& s) { s.sources[0].counts.dropped = 1; }, required), HasSubstr("complete should be false"));
  EXPECT_THAT(complete([](RunSeal& s) { s.sources[0].counts.unknown = 1; }, required), HasSubstr("complete should be false"));
  EXPECT_THAT(complete([](RunSeal& s) { s.coverage[1].holes.resize(1); }, required), HasSubstr("complete should be false"));
  EXPECT_THAT(complete([](RunSeal& s) { s.sources.push_back(s.sources[0]); }, required), HasSubstr("complete should be false"));
  EXPECT_THAT(complete([](RunSeal& s) { s.coverage.push_back(s.coverage[0]); }, required), HasSubstr("complete should be false"));
}

TEST_F(SealAgainstRun, CountsAndListsTheFindingsOfTheLog) {
  const auto findings = [&](const Change& change) {
    RunSeal seal = Good();
    change(seal);
    return Told(CheckFindings(seal, walk_.summary));
  };
  ASSERT_EQ(findings([](RunSeal&) {}), "");
  EXPECT_THAT(findings([](RunSeal& s) { ++s.agree; }), HasSubstr("findings.agree should be 0"));
  EXPECT_THAT(findings([](RunSeal& s) { ++s.gap; }), HasSubstr("findings.gap should be 0"));
  EXPECT_THAT(findings([](RunSeal& s) { s.contradiction = 0; }), HasSubstr("findings.contradiction should be 1"));
  EXPECT_THAT(findings([](RunSeal& s) { s.contradictions = "[]"; }), HasSubstr("does not list the contradictions"));
  EXPECT_THAT(findings([](RunSeal& s) { s.contradictions = "[4]"; }), HasSubstr("does not list the contradictions"));
}

TEST_F(SealAgainstRun, PointsToWhatItSaysItPointsTo) {
  const auto pointers = [&](const std::string& secrets, std::optional<std::uint64_t> controls = {}) {
    RunSeal seal = Good();
    seal.secrets = secrets;
    seal.controls = controls;
    auto made = SealPointers::Of(seal);
    if (!made) return made.error().message;
    LogChecker checker(kRunId);
    LineReader lines(*events_, event::kMaxLeafBytes);
    std::uint64_t index = 0;
    for (auto line = *lines.Next(); line; line = *lines.Next(), ++index) {
      const auto facts = checker.Check(index, line->text);
      EXPECT_TRUE(facts);
      if (auto visited = made->Visit(index, *facts, checker.leaf()); !visited) return visited.error().message;
    }
    return Told(made->Finish());
  };
  const auto secret = [](const std::string& name, const std::string& delivered, const std::string& revoked) {
    return R"([{"deliveredAt":)" + delivered + R"(,"name":")" + name + R"(","revokedAt":)" + revoked + "}]";
  };
  const std::string delivered = std::to_string(*secrets_[0].delivered_at), revoked = std::to_string(*secrets_[0].revoked_at);
  ASSERT_EQ(pointers(secret("TOKEN", delivered, revoked)), "");
  EXPECT_EQ(pointers(secret("TOKEN", "null", "null")), "");
  EXPECT_THAT(pointers(secret("TOKEN", revoked, "null")), HasSubstr("deliveredAt of the seal points to it, but its type is"));
  EXPECT_THAT(pointers(secret("TOKEN", "null", delivered)), HasSubstr("revokedAt of the seal points to it, but its type is"));
  EXPECT_THAT(pointers(secret("OTHER", delivered, "null")), HasSubstr("about another secret"));
  EXPECT_THAT(pointers(secret("TOKEN", "99", "null")), HasSubstr("points to leaf 99, which is not proven"));
  EXPECT_THAT(pointers("[]", 0), HasSubstr("controls of the seal points to it, but its type is"));
  EXPECT_THAT(pointers("{}"), HasSubstr("secrets is no list"));
  EXPECT_THAT(pointers(R"([{"deliveredAt":null,"revokedAt":null}])"), HasSubstr("has no name"));
  EXPECT_THAT(pointers(secret("TOKEN", "\"4\"", "null")), HasSubstr("deliveredAt is missing or no integer"));
}

TEST_F(SealAgainstRun, PointsToNobodysClaim) {
  RunSeal seal = Good();
  auto pointers = SealPointers::Of(seal);
  ASSERT_TRUE(pointers);
  JcsScanner leaf;
  ASSERT_TRUE(leaf.Scan(R"({"data":{"name":"TOKEN"}})"));
  const LeafFacts claimed{.type = event::kSecretDelivered, .observer = event::Observer::kAgent, .lane = event::Lane::kClaimed};
  const LeafFacts witnessed{.type = event::kSecretDelivered, .lane = event::Lane::kWitnessed};
  EXPECT_EQ(Told(SealPointers(*pointers).Visit(*secrets_[0].delivered_at, witnessed, leaf)), "");
  EXPECT_NE(Told(SealPointers(*pointers).Visit(*secrets_[0].delivered_at, claimed, leaf)), "");
}

}  // namespace
}  // namespace evidence
