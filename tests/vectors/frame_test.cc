// SPDX-License-Identifier: Apache-2.0
// The frame itself: what passes, what fails, what is skipped.
#include <gtest/gtest.h>

#include <fstream>

#include "json/reader.h"
#include "vectors/runner.h"

namespace vectors {
namespace {

using Verdict = Outcome::Verdict;

Verdict Judge(std::string_view record, std::string_view actual) {
  const auto tree = json::Parse(record);
  EXPECT_TRUE(tree.has_value()) << record;
  return Compare(tree->root(), actual).verdict;
}

TEST(VectorCompare, ExpectHoldsWhole) {
  EXPECT_EQ(Judge(R"({"expect":{"a":1,"b":{"c":null}}})", R"({"b":{"c":null},"a":1})"), Verdict::kPassed);
  EXPECT_EQ(Judge(R"({"expect":{"a":1}})", R"({"a":2})"), Verdict::kFailed);
  EXPECT_EQ(Judge(R"({"expect":{"a":1}})", R"({})"), Verdict::kFailed);
  EXPECT_EQ(Judge(R"({"expect":{"b":{"c":null}}})", R"({"b":{}})"), Verdict::kFailed);
  EXPECT_EQ(Judge(R"({"expect":{"a":null}})", R"({"a":0})"), Verdict::kFailed);
}

TEST(VectorCompare, IntegersAreExactPastFiftyThreeBits) {
  EXPECT_EQ(Judge(R"({"expect":{"a":9007199254740993}})", R"({"a":9007199254740993})"), Verdict::kPassed);
  EXPECT_EQ(Judge(R"({"expect":{"a":9007199254740993}})", R"({"a":9007199254740992})"), Verdict::kFailed);
}

TEST(VectorCompare, OursReplacesItsNamesakesAndNullIsNotCompared) {
  constexpr std::string_view kRecord = R"({"expect":{"a":1,"b":2,"c":3},"ours":{"a":9,"b":null},"questionable":"x"})";
  EXPECT_EQ(Judge(kRecord, R"({"a":9,"b":7,"c":3})"), Verdict::kPassed);
  EXPECT_EQ(Judge(kRecord, R"({"a":1,"b":2,"c":3})"), Verdict::kFailed);
  EXPECT_EQ(Judge(kRecord, R"({"a":9,"b":2,"c":4})"), Verdict::kFailed);
}

TEST(VectorCompare, QuestionableWithoutOursPassesEitherWayAndWithEmptyOursDoesNot) {
  EXPECT_EQ(Judge(R"({"expect":{"a":1},"questionable":"x"})", R"({"a":2})"), Verdict::kPassed);
  EXPECT_EQ(Judge(R"({"expect":{"a":1},"questionable":"x","ours":{}})", R"({"a":2})"), Verdict::kFailed);
}

TEST(VectorCompare, ARecordThatExpectsNothingFails) {
  EXPECT_EQ(Judge(R"({"id":"x"})", R"({"a":2})"), Verdict::kFailed);
  EXPECT_EQ(Judge(R"({"expect":{"a":1}})", "not json"), Verdict::kFailed);
}

TEST(VectorKinds, TheLongestKnownPrefixNamesTheKind) {
  EXPECT_EQ(FindKind("canonical_json_08")->stem, "canonical_json_08");
  EXPECT_EQ(FindKind("canonical_json_08-more")->stem, "canonical_json_08");
  EXPECT_EQ(FindKind("canonical_json_more")->stem, "canonical_json");
  EXPECT_EQ(FindKind("merkle_leaves")->stem, "merkle_leaves");
  EXPECT_EQ(FindKind("jcs.2")->stem, "jcs");
  EXPECT_EQ(FindKind("jcsx"), nullptr);
  EXPECT_EQ(FindKind("unheard_of"), nullptr);
}

TEST(VectorRunner, CountsUnknownAndLaterKindsAsSkippedByName) {
  const std::filesystem::path directory = std::filesystem::path(testing::TempDir()) / "vector_runner_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory / "deeper");
  std::ofstream(directory / "deeper" / "dns_messages.jsonl") << "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
  std::ofstream(directory / "unheard_of.jsonl") << "{\"id\":\"a\"}\n";
  const Tally tally = RunDirectory(directory, stderr);
  EXPECT_EQ(tally.failed, 0u);
  EXPECT_EQ(tally.skipped, 3u);
  EXPECT_EQ(tally.skips.size(), 2u);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace vectors
