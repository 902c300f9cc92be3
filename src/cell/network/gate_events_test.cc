// SPDX-License-Identifier: Apache-2.0
// From records to events: order, links, counts, and nothing believed.
#include "cell/network/gate_events.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "crypto/ed25519.h"
#include "event/types.h"
#include "json/reader.h"

namespace cell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::GateReason;
using wire::GateRecord;
using wire::GateRecordKind;

class GateEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_gate_events_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = event::RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                                     {.origin = "test.invalid/runs/r", .clock = &base::SystemClock()});
    ASSERT_TRUE(log) << log.error().message;
    recorder_.emplace(std::move(*log), event::CellRef{.cell_id = "demo", .spec_id = "demo", .run_id = "r1"});
    ASSERT_TRUE(recorder_->Emit({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"}));
    network_.resolvers.push_back({.id = "r-1"});
    events_ = std::make_unique<GateEvents>(GateEvents::Parts{.recorder = &*recorder_,
                                                             .clock = &base::SystemClock(),
                                                             .network = &network_,
                                                             .settings = &settings_,
                                                             .policy_digest = "sha256:00"});
  }
  void TearDown() override {
    for (const char* name : {"events.jsonl", "checkpoints", "denials"}) ::unlinkat(directory_.get(), name, 0);
    ::rmdir(path_.c_str());
  }

  GateRecord Record(GateRecordKind kind, GateReason reason, const char* name, std::uint64_t id = 1) {
    GateRecord record{.kind = kind, .reason = reason, .id = id};
    record.at_ns = static_cast<std::uint64_t>(base::SystemClock().Boot().count());
    strncpy(record.name, name, sizeof record.name - 1);
    record.type = 1;
    record.rcode = 0;
    record.resolver = 0;
    record.port = 443;
    return record;
  }
  std::vector<std::string> Lines(const char* file = "/events.jsonl") {
    EXPECT_FALSE(recorder_->failed()) << recorder_->failed()->message;
    EXPECT_TRUE(recorder_->log().Flush());
    std::ifstream in(path_ + file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    // Leaf 0 is not the gate's.
    if (file == std::string_view("/events.jsonl") && !lines.empty()) lines.erase(lines.begin());
    return lines;
  }
  std::vector<std::string> Types() {
    std::vector<std::string> types;
    for (const std::string& line : Lines()) {
      const auto tree = json::Parse(line);
      const std::string_view type = tree->root().StringOr("type", "");
      types.emplace_back(type.substr(type.rfind('.') + 1));
    }
    return types;
  }

  std::string path_;
  base::UniqueFd directory_;
  std::optional<Recorder> recorder_;
  Settings settings_;
  plan::NetworkPlan network_;
  std::unique_ptr<GateEvents> events_;
};

TEST_F(GateEventsTest, AllowedQueriesArePermittedFirstAndRefusedOnesRefusedLast) {
  events_->Take(Record(GateRecordKind::kDnsQuery, GateReason::kAllowedByAllowlist, "ok.example", 1));
  events_->Take(Record(GateRecordKind::kDnsQuery, GateReason::kDeniedNotInAllowlist, "evil.example", 2));
  events_->Take(Record(GateRecordKind::kDnsQuery, GateReason::kMalformedQuery, "", 3));
  events_->Take(Record(GateRecordKind::kDnsQuery, GateReason::kUpstreamFailure, "ok.example", 4));
  EXPECT_THAT(Types(), ElementsAre("query_permitted", "dns_query", "dns_query", "query_refused", "dns_query",
                                   "query_permitted", "dns_query"));
  ASSERT_EQ(Lines().size(), 7u);
  EXPECT_THAT(Lines()[4], HasSubstr(R"x("queryName":"(unknown)","queryType":"A")x"));
}

TEST_F(GateEventsTest, AFlowNamesTheLeafOfTheAnswerThatLedToIt) {
  GateRecord alias = Record(GateRecordKind::kDnsAlias, GateReason::kNone, "cdn.example", 9);
  GateRecord query = Record(GateRecordKind::kDnsQuery, GateReason::kAllowedByAllowlist, "ok.example", 9);
  query.ttl_s = 60;
  events_->Take(alias);
  events_->Take(query);
  GateRecord flow = Record(GateRecordKind::kFlow, GateReason::kGateGrantMatch, "ok.example", 10);
  flow.query = 9;
  flow.rule = {.kind = wire::RuleKind::kEgressRule, .index = 2};
  flow.has_sni = 1;
  events_->Take(flow);
  GateRecord closed = Record(GateRecordKind::kFlowClosed, GateReason::kNone, "", 10);
  closed.bytes_in = 5;
  events_->Take(closed);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[2], HasSubstr(R"("cnames":["cdn.example"],"leaf":2,"name":"ok.example")"));
  EXPECT_THAT(lines[2], HasSubstr(R"("ruleRef":"authority.egressRules[2]")"));
  EXPECT_THAT(lines[2], HasSubstr(R"("sni":"ok.example")"));
  const auto decision = json::Parse(lines[2]), end = json::Parse(lines[3]);
  EXPECT_EQ(decision->root().Find("data")->StringOr("decisionId", "?"), end->root().Find("data")->StringOr("flowId", "!"));
  EXPECT_THAT(events_->rules_used(), ElementsAre(2u));
  EXPECT_EQ(events_->flows_allowed(), 1u);
  EXPECT_EQ(events_->flows_open(), 0u);
}

TEST_F(GateEventsTest, TimesOfTheGateNeverRunBackOrAhead) {
  GateRecord late = Record(GateRecordKind::kDnsQuery, GateReason::kDeniedNotInAllowlist, "a.example", 1);
  late.at_ns = UINT64_MAX;
  GateRecord early = late;
  early.at_ns = 1;
  events_->Take(late);
  events_->Take(early);
  EXPECT_EQ(Lines().size(), 4u) << "the log takes neither a future nor a step back";
  EXPECT_FALSE(recorder_->failed());
}

TEST_F(GateEventsTest, DenialsAreCountedByWhatRuleAndReason) {
  events_->AttachDenialFile(
      base::UniqueFd(::openat(directory_.get(), "denials", O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
  GateRecord denied = Record(GateRecordKind::kDnsQuery, GateReason::kDeniedNotInAllowlist, "tracker.example", 1);
  denied.rule = {.kind = wire::RuleKind::kDefault};
  events_->Take(denied);
  events_->Take(denied);
  GateRecord more = denied;
  more.kind = GateRecordKind::kSuppressed;
  more.kind2 = GateRecordKind::kDnsQuery;
  more.count = 40;
  events_->Take(more);
  EXPECT_EQ(events_->denials().total(), 42u);
  const auto lines = events_->denials().Lines();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].what, "tracker.example");
  EXPECT_EQ(lines[0].words, "no rule");
  const auto file = Lines("/denials");
  ASSERT_EQ(file.size(), 3u);
  EXPECT_THAT(file[0], HasSubstr(R"("what":"tracker.example","ruleRef":"default","reasonCode":"denied_not_in_allowlist",)"
                                 R"("hint":"`--allow tracker.example` would grant it"})"));
  EXPECT_THAT(Lines().back(), HasSubstr(R"("suppressed":40)"));
}

TEST_F(GateEventsTest, TheDenialFileKeepsTheLastThousandAndStaysBounded) {
  DenialFile file(base::UniqueFd(::openat(directory_.get(), "denials", O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
  for (int i = 0; i < 5000; ++i) {
    file.Add({.what = std::to_string(i), .rule_ref = "default", .reason_code = "gate_port", .hint = {}},
             base::SystemClock().Wall());
  }
  const auto lines = Lines("/denials");
  EXPECT_GE(lines.size(), 1000u);
  EXPECT_LE(lines.size(), 1100u);
  EXPECT_THAT(lines.back(), HasSubstr(R"("what":"4999")"));
}

TEST_F(GateEventsTest, DriftIsToldWhenTheSetOfAddressesChanges) {
  const auto resolve = [&](std::initializer_list<std::uint8_t> last, std::uint8_t rcode) {
    for (const std::uint8_t byte : last) {
      GateRecord target = Record(GateRecordKind::kTarget, GateReason::kNone, "ok.example");
      target.address[0] = 192;
      target.address[2] = 2;
      target.address[3] = byte;
      events_->Take(target);
    }
    GateRecord end = Record(GateRecordKind::kTargetsEnd, GateReason::kNone, "ok.example");
    end.code = static_cast<std::uint32_t>(wire::TargetPurpose::kRefreshTick);
    end.rcode = rcode;
    end.ttl_s = 60;
    events_->Take(end);
  };
  resolve({2, 1}, 0);
  resolve({1, 2}, 0);
  resolve({}, 2);      // the resolver failed: what was known stays
  resolve({1}, 0);
  resolve({}, 3);      // the name is gone
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr(R"("currentTargets":["192.0.2.1","192.0.2.2"])"));
  EXPECT_THAT(lines[0], HasSubstr(R"("previousDigest":"empty")"));
  EXPECT_THAT(lines[1], HasSubstr(R"("removedTargets":["192.0.2.2"])"));
  EXPECT_THAT(lines[2], HasSubstr(R"("currentTargets":[])"));
}

}  // namespace
}  // namespace cell
