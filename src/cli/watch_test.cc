// SPDX-License-Identifier: Apache-2.0
// The live view: what it makes of events, and how it lays them out.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text_width.h"
#include "cli/watch_view.h"

namespace cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Event(std::string_view type, std::string_view lane, std::string_view data) {
  return fmt::format(
      R"({{"data":{},"lane":"{}","time":"2026-01-02T03:04:05.678Z","type":"dev.cellos.events.cell.{}"}})", data, lane,
      type);
}
std::string DeniedFlow(std::string_view address) {
  return Event("observability.v1.network_flow_decision", "witnessed",
               fmt::format(R"({{"decision":"deny","dstAddr":"{}","dstPort":80,"protocol":"tcp","reasonCode":"nft_log_drop","ruleRef":"default","runId":"run-1"}})",
                           address));
}
std::string Spawned(std::string_view comm) {
  return Event("observability.guest.process_spawned", "claimed",
               fmt::format(R"({{"guest":{{"guestComm":"{}","guestPid":7,"probeSource":"process.spawned"}},"host":{{}}}})", comm));
}

TEST(WatchModel, CountsEachKindOfRefusalOnce) {
  WatchModel model;
  for (int i = 0; i < 3; ++i) model.Add(DeniedFlow("10.0.0.1"));
  model.Add(DeniedFlow("10.0.0.2"));
  ASSERT_EQ(model.denials().size(), 2u);
  EXPECT_EQ(model.denials()[0].what, "flow 10.0.0.1:80/tcp");
  EXPECT_EQ(model.denials()[0].count, 3u);
  EXPECT_EQ(model.denials()[0].rule, "default");
  EXPECT_EQ(model.denials_in_all(), 4u);
}

TEST(WatchModel, ARowThatStandsForManyCountsThemAll) {
  WatchModel model;
  model.Add(Event("observability.v1.dns_query", "witnessed",
                  R"({"decision":"deny","queryType":"A","reasonCode":"denied_not_in_allowlist","suppressed":4000})"));
  EXPECT_EQ(model.denials_in_all(), 4000u);
}

TEST(WatchModel, ADnsRefusalIsCountedByItsQueryAlone) {
  WatchModel model;
  model.Add(Event("observability.v1.dns_query", "witnessed",
                  R"({"decision":"deny","queryName":"evil.example","queryType":"A","reasonCode":"denied_not_in_allowlist","ruleRef":"default"})"));
  EXPECT_FALSE(model.Add(Event("dns.v1.query_refused", "witnessed",
                               R"({"queryName":"evil.example","queryType":"A","reason":"denied_not_in_allowlist"})")));
  EXPECT_EQ(model.denials_in_all(), 1u);
}

TEST(WatchModel, KeepsTheLanesApart) {
  WatchModel model;
  model.Add(DeniedFlow("10.0.0.1"));
  const auto claimed = model.Add(Spawned("sh"));
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->lane, Lane::kClaimed);
  EXPECT_EQ(claimed->text, "process.spawned 7 sh");
  EXPECT_EQ(model.lane(Lane::kWitnessed).size(), 1u);
  EXPECT_EQ(model.lane(Lane::kClaimed).size(), 1u);
}

TEST(WatchModel, ALaneThatIsNoneIsNeverWitnessed) {
  WatchModel model;
  for (const char* lane : {"", "witnesse", "Witnessed", "agent"}) {
    model.Add(Event("lifecycle.v1.started", lane, R"({"runId":"run-1"})"));
  }
  EXPECT_TRUE(model.lane(Lane::kWitnessed).empty());
  EXPECT_EQ(model.count(Lane::kClaimed), 4u);
}

TEST(WatchModel, StaysBoundedAndSaysWhatFoundNoRoom) {
  WatchModel model;
  for (int i = 0; i < 1000; ++i) model.Add(DeniedFlow(fmt::format("10.0.{}.{}", i / 250, i % 250)));
  EXPECT_EQ(model.denials().size(), WatchModel::kKeptDenials);
  EXPECT_EQ(model.denials_not_kept(), 1000 - WatchModel::kKeptDenials);
  EXPECT_EQ(model.lane(Lane::kWitnessed).size(), WatchModel::kKeptEvents);
  EXPECT_EQ(model.denials_in_all(), 1000u);
}

TEST(WatchModel, EscapesWhatAWorkloadChose) {
  WatchModel model;
  const auto event = model.Add(Spawned("\\u001b[2J\\u202e"));
  ASSERT_TRUE(event);
  EXPECT_THAT(event->text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(event->text, Not(HasSubstr("\u202e")));
}

TEST(WatchModel, CountsLinesThatAreNoEvents) {
  WatchModel model;
  for (const char* line : {"", "{", "[]", "{}", R"({"data":1})"}) EXPECT_FALSE(model.Add(line));
  EXPECT_EQ(model.unreadable(), 5u);
  EXPECT_EQ(model.events(), 0u);
}

TEST(WatchModel, TellsTheStateOfTheAgentAndTheEnd) {
  WatchModel model;
  model.Add(Event("evidence_log.v1.coverage_opened", "witnessed", R"({"observer":"agent"})"));
  EXPECT_EQ(model.agent_state(), "live");
  model.Add(Event("observability.v1.guest.agent_silenced", "witnessed", R"({"elapsedMs":10000})"));
  EXPECT_THAT(model.agent_state(), HasSubstr("silent"));
  EXPECT_FALSE(model.ended());
  model.Add(Event("evidence_log.v1.closing", "witnessed", R"({"outcome":{"exitCode":3,"reasonCode":"completed","signal":null}})"));
  EXPECT_TRUE(model.ended());
  EXPECT_EQ(model.outcome(), "completed, exit 3");
}

TEST(WatchView, PutsRefusalsAboveBothLanes) {
  WatchModel model;
  model.Add(Spawned("curl"));
  model.Add(DeniedFlow("10.0.0.1"));
  const std::string screen = RenderScreen(model, {100, 30});
  const auto denied = screen.find("1 × flow 10.0.0.1:80/tcp: nft_log_drop by default");
  const auto lanes = screen.find("THE HOST SAW");
  ASSERT_NE(denied, std::string::npos) << screen;
  ASSERT_NE(lanes, std::string::npos) << screen;
  EXPECT_LT(denied, lanes);
  // Side by side: one row holds both.
  EXPECT_THAT(screen, testing::ContainsRegex("! flow 10[^\n]* │ [^\n]*process.spawned 7 curl"));
}

TEST(WatchView, FitsTheScreenWhateverTheModelHolds) {
  WatchModel model;
  for (int i = 0; i < 600; ++i) {
    model.Add(DeniedFlow(fmt::format("10.1.{}.{}", i / 250, i % 250)));
    model.Add(Spawned(std::string(60, 'x')));
    model.Add(Event("evidence_log.v1.finding", "derived", R"({"rule":"r","text":"t","verdict":"gap"})"));
  }
  for (const ScreenSize size : {ScreenSize{80, 24}, {40, 12}, {200, 50}}) {
    const std::string screen = RenderScreen(model, size);
    EXPECT_LE(std::count(screen.begin(), screen.end(), '\n'), static_cast<long>(size.rows));
    std::size_t begin = 0;
    for (auto end = screen.find('\n'); end != std::string::npos; end = screen.find('\n', begin)) {
      std::size_t width = 0;
      for (const char c : screen.substr(begin, end - begin)) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      EXPECT_LE(width, size.columns);
      begin = end + 1;
    }
    EXPECT_THAT(screen, HasSubstr("× others"));
  }
}

TEST(WatchView, CutsAtCodePoints) {
  EXPECT_EQ(FitColumns("abc", 5), "abc  ");
  EXPECT_EQ(FitColumns("abcdef", 4), "abc…");
  EXPECT_EQ(FitColumns("äöüß", 4), "äöüß");
  EXPECT_EQ(FitColumns("äöüßé", 4), "äöü…");
  EXPECT_EQ(FitColumns("", 2), "  ");
  EXPECT_EQ(FitColumns("x", 0), "");
}

TEST(WatchView, WideCharactersTakeTwoColumnsAndCombiningMarksNone) {
  EXPECT_EQ(FitColumns("日本", 6), "日本  ");
  EXPECT_EQ(FitColumns("日本語", 5), "日本…");
  EXPECT_EQ(FitColumns("日本語", 4), "日… ") << "half a character is no character";
  EXPECT_EQ(FitColumns("ｆｕｌｌ", 8), "ｆｕｌｌ");
  EXPECT_EQ(FitColumns("a🔥b", 4), "a🔥b");
  EXPECT_EQ(FitColumns("🔥🔥", 3), "🔥…");
  EXPECT_EQ(FitColumns("e\u0301e\u0301", 3), "e\u0301e\u0301 ");
  EXPECT_EQ(FitColumns("ae\u0301bc", 3), "ae\u0301…");
  EXPECT_EQ(FitColumns("\xff\xe6", 3), "\xff\xe6 ") << "what is no character is a column";
}

TEST(WatchView, NoNameThatTheWorkloadChoseMovesTheBarBetweenTheLanes) {
  WatchModel model;
  for (const char* name : {"日本語日本語日本語日本語日本語日本語日本語", "🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥",
                           "\\u001b[2J\\u0007\\r\\n\\t\\u009b31m", "e\\u0301e\\u0301e\\u0301"}) {
    model.Add(DeniedFlow(name));
    model.Add(Spawned(name));
  }
  const std::string screen = RenderScreen(model, {80, 40});
  std::size_t bars = 0, begin = 0;
  for (auto end = screen.find('\n'); end != std::string::npos; end = screen.find('\n', begin)) {
    const std::string_view line = std::string_view(screen).substr(begin, end - begin);
    begin = end + 1;
    std::size_t column = 0;
    for (std::size_t at = 0; at < line.size(); ++at) {
      const auto first = static_cast<unsigned char>(line[at]);
      EXPECT_TRUE(first >= 0x20 && first != 0x7f) << line;
      EXPECT_FALSE(line.substr(at).starts_with("\xc2\x9b")) << line;
      if (line.substr(at).starts_with("│")) {
        EXPECT_EQ(column, 39u) << line;
        ++bars;
      }
      // Of the names above: UTF-8 that begins with e3 or more is wide, cc 81 is the accent.
      if ((first & 0xc0) != 0x80) column += first >= 0xe3 ? 2 : first == 0xcc ? 0 : 1;
    }
    EXPECT_LE(column, 80u) << line;
  }
  EXPECT_EQ(bars, 5u) << screen;
}

TEST(WatchView, ALineSaysDenied) {
  WatchModel model;
  const auto event = model.Add(DeniedFlow("10.0.0.1"));
  ASSERT_TRUE(event);
  EXPECT_EQ(RenderLine(*event), "03:04:05.678  DENIED  witnessed  flow 10.0.0.1:80/tcp deny nft_log_drop\n");
}

}  // namespace
}  // namespace cli
