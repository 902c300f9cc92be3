// SPDX-License-Identifier: Apache-2.0
#include "cli/outcome_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/console.h"
#include "json/reader.h"

namespace cli {
namespace {

using testing::HasSubstr;
using testing::Not;

cell::RunOutcome Completed() {
  cell::RunOutcome outcome{.run_id = "r", .cell_id = "c", .reason = cell::Reason::kCompleted};
  outcome.exit_code = 3;
  outcome.started_at = "2026-01-02T03:04:05.678Z";
  outcome.duration = std::chrono::milliseconds(1234);
  outcome.exports = {{.name = "n", .sha256 = "ab", .path = "/p\x1b[2J", .bytes = 5}};
  outcome.evidence_dir = "/e";
  outcome.evidence_size = 21;
  return outcome;
}

TEST(OutcomeJson, HasTheMembersOfTheContractInOrder) {
  EXPECT_EQ(OutcomeJson(Completed()),
            R"({"runId":"r","cellId":"c","backend":"native","exitCode":3,"signal":null,"reasonCode":"completed",)"
            R"("startedAt":"2026-01-02T03:04:05.678Z","durationMs":1234,)"
            R"("usage":{"cpuUsec":0,"memoryPeakBytes":null,"pidsPeak":null},"network":{"allowed":0,"denied":0},)"
            R"("denials":[],"exports":[{"name":"n","sha256":"ab","bytes":5,"path":"/p\u001b[2J"}],)"
            R"("findings":{"agree":0,"gap":0,"contradiction":0},)"
            R"("evidence":{"dir":"/e","size":21,"root":"","complete":false}})"
            "\n");
}

TEST(OutcomeJson, OfASignalHasNoExitCode) {
  auto outcome = Completed();
  outcome.reason = cell::Reason::kSignalKilled;
  outcome.exit_code.reset();
  outcome.signal = 9;
  const auto text = OutcomeJson(outcome);
  EXPECT_THAT(text, HasSubstr(R"("exitCode":null,"signal":9,"reasonCode":"signal_killed")"));
  EXPECT_TRUE(json::Parse(text));
}

TEST(OutcomeJson, OfARefusalNamesEachViolation) {
  cell::RunOutcome outcome{.reason = cell::Reason::kRefused, .refusal = "policy"};
  outcome.violations = {{"rule", "/spec/x", "m"}};
  EXPECT_THAT(OutcomeJson(outcome), HasSubstr(R"("violations":[{"rule":"rule","pointer":"/spec/x","message":"m"}])"));
}

TEST(OutcomeSummary, EscapesWhatCameFromOutside) {
  auto outcome = Completed();
  outcome.message = "\x1b]0;title\a";
  outcome.notes = {"note\nnew line \xe2\x80\xae"};
  const auto text = OutcomeSummary(outcome);
  EXPECT_EQ(text.find('\x1b'), text.npos);
  EXPECT_EQ(text.find("note\nnew"), text.npos);
  EXPECT_EQ(text.find("\xe2\x80\xae"), text.npos);
  EXPECT_THAT(text, HasSubstr("exit 3 after 1.2 s"));
}

TEST(WhyNotRun, IsSilentAboutWhatRan) {
  EXPECT_EQ(WhyNotRun(Completed()), "");
  cell::RunOutcome outcome{.reason = cell::Reason::kRefused, .message = "two things", .refusal = "policy"};
  outcome.violations = {{"a", "/spec/a", "first"}, {"b", "/spec/b", "second"}};
  EXPECT_EQ(WhyNotRun(outcome), "refused (policy): two things\n  /spec/a: first\n  /spec/b: second");
}

TEST(WhyNotRun, TellsOfAPartOfOursThatFailed) {
  for (const auto reason : {cell::Reason::kInitCrashed, cell::Reason::kGateFailed, cell::Reason::kAgentSilenced}) {
    EXPECT_THAT(WhyNotRun({.reason = reason, .message = "it is gone"}), HasSubstr(": it is gone"));
  }
  EXPECT_EQ(WhyNotRun({.reason = cell::Reason::kTimeout, .message = "too long"}), "");
}

TEST(Human, NumbersAreShort) {
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanDuration(999), "999 ms");
  EXPECT_EQ(HumanDuration(83'400), "1m 23s");
  EXPECT_EQ(HumanDuration(7'260'000), "2h 1m");
}

}  // namespace
}  // namespace cli
