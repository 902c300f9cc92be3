// SPDX-License-Identifier: Apache-2.0
// Each rule of a leaf, broken alone: the verdict names it.
#include "evidence/verify/log_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "event/types.h"

namespace evidence {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A leaf by its members in order; raw JSON values.
using Leaf = std::map<std::string, std::string>;

std::string Text(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string LineOf(const Leaf& leaf) {
  std::string line;
  for (const auto& [name, value] : leaf) line += (line.empty() ? "{" : ",") + Text(name) + ":" + value;
  return line + "}";
}

class Rules : public testing::Test {
 protected:
  Rules() { Add(Event(event::kLogOpened, "supervisor", R"({"runId":"r"})")); }

  // The next leaf, with nothing wrong about it but its data.
  Leaf Event(std::string_view type, std::string_view observer, std::string data = "{}") const {
    std::string sequence = std::to_string(index_);
    sequence.insert(0, 20 - sequence.size(), '0');
    return {{"boottimens", Text(std::to_string(1000 + index_))},
            {"data", std::move(data)},
            {"id", Text("0b9aa1c2-3d4e-4f50-8a6b-7c8d9e0f1a2b")},
            {"lane", Text(event::ToString(event::LaneOf(*event::ObserverOf(observer))))},
            {"observer", Text(observer)},
            {"sequence", Text(sequence)},
            {"source", Text("/cellos")},
            {"specversion", Text("1.0")},
            {"time", Text("2026-01-02T03:04:05.678Z")},
            {"type", Text(type)}};
  }
  void Add(const Leaf& leaf) {
    const auto checked = checker_.Check(index_++, LineOf(leaf));
    EXPECT_TRUE(checked) << checked.error().message << "\n" << LineOf(leaf);
  }
  // What a copy of the checker says of this as the next leaf; empty: nothing against it.
  std::string Why(const std::string& line) const {
    LogChecker checker = checker_;
    const auto checked = checker.Check(index_, line);
    return checked ? "" : checked.error().message;
  }
  std::string Why(const Leaf& leaf) const { return Why(LineOf(leaf)); }
  std::string With(const std::string& member, const std::string& value, std::string_view observer = "supervisor") const {
    Leaf leaf = Event(event::kStarted, observer);
    leaf[member] = value;
    return Why(leaf);
  }
  std::string WhyData(std::string_view type, std::string_view observer, const std::string& data) const {
    return Why(Event(type, observer, data));
  }
  void OpenCoverage(std::string_view observer) {
    Add(Event(event::kCoverageOpened, "supervisor",
              R"({"covers":["x"],"observer":")" + std::string(observer) + R"(","scope":"cell"})"));
  }

  LogChecker checker_{"r"};
  std::uint64_t index_ = 0;
};

constexpr std::string_view kNoCounts = R"("counters":{"delivered":0,"dropped":0,"issued":0,"unknown":0})";

TEST_F(Rules, OfEveryLeaf) {
  EXPECT_EQ(Why(Event(event::kStarted, "supervisor")), "");
  EXPECT_THAT(Why(LineOf(Event(event::kStarted, "supervisor")) + " "), HasSubstr("canonical JSON"));
  EXPECT_THAT(With("specversion", Text("1.1")), HasSubstr("specversion should be 1.0"));
  EXPECT_THAT(With("sequence", Text("00000000000000000002")), HasSubstr("sequence should be 00000000000000000001"));
  EXPECT_THAT(With("sequence", Text("1")), HasSubstr("sequence should be"));
  EXPECT_THAT(With("sequence", Text("000000000000000000010")), HasSubstr("sequence should be"));
  EXPECT_THAT(With("observer", Text("nobody")), HasSubstr("is no observer"));
  EXPECT_THAT(With("lane", Text("claimed")), HasSubstr("lane of supervisor should be witnessed"));
  EXPECT_THAT(With("lane", Text("Witnessed")), HasSubstr("lane of supervisor"));
  EXPECT_THAT(With("boottimens", Text("0x3e9")), HasSubstr("no decimal string"));
  EXPECT_THAT(With("id", Text("0b9aa1c2-3d4e-1f50-8a6b-7c8d9e0f1a2b")), HasSubstr("version 4"));
  EXPECT_THAT(With("id", Text("0b9aa1c2-3d4e-4f50-ca6b-7c8d9e0f1a2b")), HasSubstr("version 4")) << "variant";
  EXPECT_THAT(With("time", Text("2026-02-30T03:04:05.678Z")), HasSubstr("RFC 3339")) << "no such day";
  EXPECT_THAT(With("time", Text("2026-01-02T03:04:05Z")), HasSubstr("RFC 3339")) << "no milliseconds";
  EXPECT_THAT(With("more", "null"), HasSubstr("more is null"));
  for (const char* member : {"boottimens", "id", "lane", "observer", "sequence", "source", "specversion", "time", "type"}) {
    Leaf leaf = Event(event::kStarted, "supervisor");
    leaf[member] = "7";
    EXPECT_THAT(Why(leaf), StartsWith(std::string(member) + " is missing or no string"));
    leaf.erase(member);
    EXPECT_THAT(Why(leaf), StartsWith(std::string(member) + " is missing or no string"));
  }
}

TEST_F(Rules, OfTimeRunForEachObserverAlone) {
  Add(Event(event::kStarted, "init"));
  EXPECT_THAT(With("boottimens", Text("1000"), "init"), HasSubstr("boottimens of init runs backwards: 1000 after 1001"));
  EXPECT_EQ(With("boottimens", Text("1001"), "init"), "") << "two in one moment";
  EXPECT_EQ(With("boottimens", Text("1000"), "supervisor"), "");
}

TEST_F(Rules, OfLeafZero) {
  EXPECT_THAT(Why(Event(event::kLogOpened, "supervisor", R"({"runId":"r"})")), HasSubstr("only leaf 0"));
  LogChecker other("r");
  index_ = 0;
  EXPECT_THAT(other.Check(0, LineOf(Event(event::kStarted, "supervisor"))).error().message, HasSubstr("opened is leaf 0"));
  LogChecker third("r");
  EXPECT_THAT(third.Check(0, LineOf(Event(event::kLogOpened, "init", "{}"))).error().message,
              HasSubstr("observer of leaf 0 is not supervisor"));
}

TEST_F(Rules, OfClaims) {
  const std::string frame = R"("frameSha256":")" + std::string(64, 'a') + "\"";
  EXPECT_EQ(WhyData(event::kGuestProcessSpawned, "agent", "{" + frame + "}"), "");
  EXPECT_THAT(WhyData(event::kGuestProcessSpawned, "agent", "{}"), HasSubstr("no data.frameSha256"));
  EXPECT_THAT(WhyData(event::kGuestProcessSpawned, "agent", R"({"frameSha256":")" + std::string(64, 'A') + "\"}"),
              HasSubstr("no data.frameSha256"));
  EXPECT_THAT(WhyData(event::kFinding, "agent", "{" + frame + "}"), HasSubstr("type of the evidence family"));
  for (const std::string name : {"decision", "grant", "verdict"}) {
    const std::string member = Text(name) + ":1";
    const std::string data = name < "frameSha256" ? "{" + member + "," + frame + "}" : "{" + frame + "," + member + "}";
    EXPECT_THAT(WhyData(event::kGuestProcessSpawned, "agent", data), HasSubstr("carries data." + name));
  }
}

TEST_F(Rules, OfWhatIsDerived) {
  const auto finding = [&](std::string_view cites, std::string_view verdict = "gap", std::string_view rest = R"("rule":"r","text":"t",)") {
    return WhyData(event::kFinding, "witness",
                   R"({"cites":)" + std::string(cites) + "," + std::string(rest) + R"("verdict":")" + std::string(verdict) + "\"}");
  };
  EXPECT_EQ(finding("[0]"), "");
  EXPECT_THAT(finding("[]"), HasSubstr("cites nothing"));
  EXPECT_THAT(finding("[1]"), HasSubstr("no earlier leaf")) << "itself";
  EXPECT_THAT(finding("[0,-1]"), HasSubstr("no earlier leaf"));
  EXPECT_THAT(finding("[0]", "perhaps"), HasSubstr("neither agree, gap nor contradiction"));
  EXPECT_THAT(finding("[0]", "gap", R"("rule":"r",)"), HasSubstr("lacks rule or text"));
  EXPECT_THAT(finding("[0]", "gap", R"("rule":1,"text":"t",)"), HasSubstr("lacks rule or text"));
  EXPECT_THAT(WhyData(event::kFinding, "supervisor", R"({"cites":[0],"rule":"r","text":"t","verdict":"gap"})"),
              HasSubstr("a finding is not derived"));
}

TEST_F(Rules, OfFindingsAreCounted) {
  for (const std::string verdict : {"agree", "gap", "gap", "contradiction"}) {
    Add(Event(event::kFinding, "witness", R"({"cites":[0],"rule":"r","text":"t","verdict":")" + verdict + "\"}"));
  }
  EXPECT_EQ(checker_.summary().agree, 1u);
  EXPECT_EQ(checker_.summary().gap, 2u);
  EXPECT_EQ(checker_.summary().contradiction, 1u);
  EXPECT_EQ(checker_.summary().first_contradictions, std::vector<std::uint64_t>{4});
}

TEST_F(Rules, OfTheEvidenceFamily) {
  EXPECT_THAT(Why([&] {
                Leaf leaf = Event(event::kCoverageOpened, "supervisor");
                leaf["data"] = "[]";
                return leaf;
              }()),
              HasSubstr("has no data"));
  EXPECT_THAT(WhyData(event::kCoverageOpened, "supervisor", R"({"covers":[],"observer":"init","runId":"other","scope":"s"})"),
              HasSubstr("data.runId should be r"));
}

TEST_F(Rules, OfOpenedIntervals) {
  const auto opened = [&](const std::string& data) { return WhyData(event::kCoverageOpened, "supervisor", data); };
  EXPECT_EQ(opened(R"({"covers":["x"],"observer":"init","scope":"cell"})"), "");
  for (const char* data : {R"({"covers":["x"],"observer":"nobody","scope":"cell"})", R"({"covers":["x"],"observer":"init"})",
                           R"({"observer":"init","scope":"cell"})", R"({"covers":"x","observer":"init","scope":"cell"})"}) {
    EXPECT_THAT(opened(data), HasSubstr("lacks a listed observer, a scope or what it covers")) << data;
  }
  EXPECT_THAT(opened(R"({"covers":["x",1],"observer":"init","scope":"cell"})"), HasSubstr("no string"));
  OpenCoverage("init");
  EXPECT_THAT(opened(R"({"covers":["x"],"observer":"init","scope":"other"})"), HasSubstr("init opens a second scope"));
}

TEST_F(Rules, OfClosedIntervals) {
  OpenCoverage("init");
  const auto closed = [&](const std::string& observer, const std::string& holes, const std::string& scope = "cell",
                          const std::string& leaf = "1", const std::string& counts = std::string(kNoCounts)) {
    return WhyData(event::kCoverageClosed, "supervisor",
                   "{" + counts + R"(,"holes":[)" + holes + R"(],"observer":")" + observer + R"(","opened":)" + leaf +
                       R"(,"scope":")" + scope + "\"}");
  };
  const auto hole = [](const std::string& from, const std::string& to) {
    return R"({"from":")" + from + R"(","to":")" + to + R"(","why":"w"})";
  };
  EXPECT_EQ(closed("init", ""), "");
  EXPECT_EQ(closed("init", hole("1001", "1002")), "");
  EXPECT_THAT(closed("log", ""), HasSubstr("not open"));
  EXPECT_THAT(closed("init", "", "other"), HasSubstr("should name scope \"cell\" and leaf 1"));
  EXPECT_THAT(closed("init", "", "cell", "0"), HasSubstr("should name scope \"cell\" and leaf 1"));
  EXPECT_THAT(closed("init", hole("1000", "1002")), HasSubstr("lies outside its interval"));
  EXPECT_THAT(closed("init", hole("1001", "1003")), HasSubstr("lies outside its interval"));
  EXPECT_THAT(closed("init", hole("1002", "1001")), HasSubstr("ends before it begins"));
  EXPECT_THAT(closed("init", "", "cell", "1", R"("counters":{"delivered":1,"dropped":1,"issued":3,"unknown":0})"),
              HasSubstr("unknown should be issued - delivered - dropped"));
  Add(Event(event::kCoverageClosed, "supervisor",
            "{" + std::string(kNoCounts) + R"(,"holes":[],"observer":"init","opened":1,"scope":"cell"})"));
  EXPECT_THAT(closed("init", ""), HasSubstr("not open")) << "once is enough";
}

TEST_F(Rules, OfTheLastLeaf) {
  const std::string good = R"({"coverage":[],"outcome":{"exitCode":0,"reasonCode":"completed","signal":null},"sources":[]})";
  EXPECT_THAT(WhyData(event::kClosing, "supervisor",
                      R"({"coverage":[],"outcome":{"exitCode":0,"reasonCode":"fine","signal":null},"sources":[]})"),
              HasSubstr("is no reason code"));
  EXPECT_THAT(WhyData(event::kClosing, "supervisor",
                      R"({"coverage":[],"outcome":{"exitCode":"0","reasonCode":"completed","signal":null},"sources":[]})"),
              HasSubstr("neither an integer nor null"));
  OpenCoverage("init");
  EXPECT_THAT(WhyData(event::kClosing, "supervisor", good), HasSubstr("the interval of init is not closed before closing"));
  Add(Event(event::kCoverageClosed, "supervisor",
            "{" + std::string(kNoCounts) + R"(,"holes":[],"observer":"init","opened":1,"scope":"cell"})"));
  Add(Event(event::kClosing, "supervisor", good));
  EXPECT_THAT(Why(Event(event::kStarted, "supervisor")), HasSubstr("behind closing"));
}

}  // namespace
}  // namespace evidence
