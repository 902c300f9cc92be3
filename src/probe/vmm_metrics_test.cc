// SPDX-License-Identifier: Apache-2.0
#include "probe/vmm_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "json/canonical.h"
#include "json/reader.h"
#include "probe/vmm_api.h"

namespace probe {
namespace {

using testing::HasSubstr;

std::vector<std::string> All(MetricsLines& lines) {
  std::vector<std::string> all;
  while (auto line = lines.Next()) all.push_back(*line ? **line : "error");
  return all;
}

TEST(MetricsLines, PutsPiecesTogether) {
  MetricsLines lines;
  lines.Add("{\"a\":");
  EXPECT_THAT(All(lines), testing::ElementsAre());
  lines.Add("1}\n{}\n\n{\"b");
  EXPECT_THAT(All(lines), testing::ElementsAre("{\"a\":1}", "{}", ""));
  lines.Add("\":2}\n");
  EXPECT_THAT(All(lines), testing::ElementsAre("{\"b\":2}"));
}

TEST(MetricsLines, LineBeyondTheLimitIsOneErrorAndTheNextIsRead) {
  MetricsLines lines;
  for (int i = 0; i < 40; ++i) {
    lines.Add(std::string(64 << 10, 'x'));
    EXPECT_THAT(All(lines), testing::ElementsAre()) << i;
  }
  lines.Add("x\n{}\n");
  EXPECT_THAT(All(lines), testing::ElementsAre("error", "{}"));
  lines.Add(std::string(kMaxMetricsLine, 'y') + "\n" + std::string(kMaxMetricsLine + 1, 'z') + "\n");
  EXPECT_THAT(All(lines), testing::ElementsAre(std::string(kMaxMetricsLine, 'y'), "error"));
}

// Calls `see` with group, path below it and kind of every recorded figure.
void ForEachRecorded(const json::Value& members, const std::string& group, const std::vector<std::string>& path,
                     const std::function<void(const std::string&, std::vector<std::string>, bool)>& see) {
  for (const json::Member& member : members.object()) {
    std::vector<std::string> below = path;
    below.emplace_back(member.name);
    if (const json::Value* inner = member.value.Find("members")) {
      ForEachRecorded(*inner, group, below, see);
    } else {
      see(group, below, member.value.StringOr("kind", "") == "delta");
    }
  }
}

void ForEachRecorded(const std::function<void(const std::string&, std::vector<std::string>, bool)>& see) {
  std::ifstream file(CELLOS_SOURCE_DIR "/tests/vectors/data/firecracker-metrics.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto tree = json::Parse(text);
  ASSERT_TRUE(tree.has_value());
  for (const json::Member& group : tree->root().Find("groups")->object()) {
    std::string name(group.name);
    const json::Value* described = &group.value;
    if (const auto same = described->StringOr("same_members_as", ""); !same.empty()) {
      described = tree->root().Find("groups")->Find(same);
    }
    if (const auto at = name.find('<'); at != name.npos) name.replace(at, std::string::npos, "dev0");
    ForEachRecorded(*described->Find("members"), name, {}, see);
  }
}

TEST(IsIncrement, IsWhatTheVmmWasSeenToCount) {
  int figures = 0;
  ForEachRecorded([&](const std::string& group, std::vector<std::string> path, bool increment) {
    ++figures;
    EXPECT_EQ(IsIncrement(group, path.back()), increment) << group << "." << path.back();
  });
  EXPECT_GT(figures, 300);
}

TEST(MetricsTotals, SumIncrementsAndLeaveLastValuesToTheLine) {
  MetricsTotals totals;
  const std::string line =
      R"({"utc_timestamp_ms":5,"id":"x","properties":{"a":"b"},"net_eth0":{"rx_bytes_count":7,"tap_write_agg":)"
      R"({"min_us":1,"max_us":9,"sum_us":3}},"api_server":{"process_startup_time_us":4},"vmm":{"panic_count":1}})";
  const auto metrics = totals.Add(line);
  ASSERT_TRUE(metrics.has_value());
  EXPECT_EQ(*metrics, R"({"api_server":{"process_startup_time_us":4},"id":"x","net_eth0":{"rx_bytes_count":7,)"
                      R"("tap_write_agg":{"max_us":9,"min_us":1,"sum_us":3}},"properties":{"a":"b"},)"
                      R"("utc_timestamp_ms":5,"vmm":{"panic_count":1}})");
  ASSERT_TRUE(totals.Add(line).has_value());
  ASSERT_TRUE(
      totals.Add(R"({"net_eth0":{"rx_bytes_count":18446744073709551615},"block":{"flush_count":0}})").has_value());
  EXPECT_EQ(totals.ToJson(), R"({"block":{"flush_count":0},"net_eth0":{"rx_bytes_count":18446744073709551615,)"
                             R"("tap_write_agg":{"sum_us":6}}})");
  EXPECT_EQ(totals.left_out(), 0u);
}

TEST(MetricsTotals, TakeNothingFromALineThatIsNone) {
  MetricsTotals totals;
  for (const char* line : {"", "[]", "1", "{", R"({"net":{"a":1.5}})", R"({"net":{"a":1e400}})",
                           R"({"net":{"a":1},"net":{}})", R"({"net":{"a":18446744073709551616}})",
                           "{\"net\":{\"a\xff\":1}}", R"({"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}})"}) {
    EXPECT_FALSE(totals.Add(line).has_value()) << line;
  }
  EXPECT_EQ(totals.ToJson(), "{}");
}

TEST(MetricsTotals, HostileNamesAndShapesFindNoRoom) {
  MetricsTotals totals;
  ASSERT_TRUE(totals.Add(R"({"net":{"a":1,"b":{"c":2}}})").has_value());
  ASSERT_TRUE(
      totals.Add(R"({"net":{"a":{"x":1},"b":5,"\u00e9":1,"":1,"n":-4,"t":"1","d":{"e":{"f":1}}}})").has_value());
  EXPECT_EQ(totals.ToJson(), R"({"net":{"a":1,"b":{"c":2}}})");
  EXPECT_EQ(totals.left_out(), 5u);
}

TEST(MetricsTotals, MemoryIsBounded) {
  MetricsTotals totals;
  for (int line = 0; line < 40; ++line) {
    std::string text = "{\"g" + std::to_string(line) + "\":{";
    for (int i = 0; i < 100; ++i) {
      text.append(i == 0 ? "\"" : ",\"").append("m").append(std::to_string(i)).append("\":1");
    }
    ASSERT_TRUE(totals.Add(text + "}}").has_value());
  }
  EXPECT_EQ(totals.left_out(), 4000 - MetricsTotals::kMaxFigures);
  EXPECT_TRUE(json::IsCanonicalJcs(totals.ToJson()));
}

TEST(StatusLine, IsReadOrIsNone) {
  EXPECT_EQ(ParseStatusLine("HTTP/1.1 204 No Content"), 204);
  EXPECT_EQ(ParseStatusLine("HTTP/1.0 400"), 400);
  for (const char* line :
       {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2045", "HTTP/1.1 -04 x", "HTTP/2.0 204", "HTTP/1.2 204",
        "HTTP/1.1 099", "http/1.1 204", "HTTP/1.1  204", "HTTP/1.1 204\tx"}) {
    EXPECT_EQ(ParseStatusLine(line), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace probe
