// SPDX-License-Identifier: Apache-2.0
// Each rule of the cross-witness: what makes it agree, what a gap, what a contradiction, and what nothing at all.
#include "evidence/witness/cross_witness.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "evidence/witness/log_text.h"

namespace evidence {
namespace {

using event::Verdict;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<WitnessFinding> Of(const std::vector<WitnessFinding>& findings, std::string_view rule) {
  std::vector<WitnessFinding> out;
  std::ranges::copy_if(findings, std::back_inserter(out), [&](const auto& each) { return each.rule == rule; });
  return out;
}
std::vector<Verdict> VerdictsOf(const LogText& log, std::string_view rule) {
  std::vector<Verdict> out;
  for (const WitnessFinding& each : Of(log.Findings(), rule)) out.push_back(each.verdict);
  return out;
}
std::string TextOf(const LogText& log, std::string_view rule) {
  const auto found = Of(log.Findings(), rule);
  return found.empty() ? "" : found.front().text;
}

TEST(CrossWitness, AgreesOnARunThatAllWitnessesTellAlike) {
  LogText log;
  log.WholeRun();
  std::vector<std::string> rules;
  for (const WitnessFinding& each : log.Findings()) {
    EXPECT_EQ(each.verdict, Verdict::kAgree) << each.rule << ": " << each.text;
    rules.push_back(each.rule);
  }
  EXPECT_THAT(rules, IsSupersetOf({"process.starts", "process.ends", "process.execs", "process.pairs", "process.leader",
                                   "process.usage", "net.connect_without_flow", "net.flow_without_connect", "net.flows",
                                   "net.bytes", "net.flow_ends", "net.names", "net.questions", "net.refusals", "agent.silence",
                                   "agent.denials", "clock.guest"}));
}

TEST(CrossWitness, EveryFindingCitesAscendingLeavesAndOneThatIsNoClaim) {
  LogText log;
  log.WholeRun();
  for (const WitnessFinding& each : log.Findings()) {
    ASSERT_FALSE(each.cites.empty()) << each.rule;
    EXPECT_TRUE(std::ranges::is_sorted(each.cites));
    EXPECT_EQ(std::ranges::adjacent_find(each.cites), each.cites.end());
    EXPECT_LT(each.cites.back(), log.lines.size());
    EXPECT_TRUE(std::ranges::any_of(each.cites, [&](auto leaf) { return log.lines[leaf].contains(R"("lane":"witnessed")"); }))
        << each.rule;
    const bool of_claims = each.rule.starts_with("process.") || each.rule.starts_with("agent.") || each.rule == "clock.guest";
    EXPECT_TRUE(!of_claims || std::ranges::any_of(each.cites, [&](auto leaf) { return log.lines[leaf].contains(R"("lane":"claimed")"); }))
        << each.rule;
  }
}

TEST(CrossWitness, ClaimsAloneAreNoVerdict) {
  LogText log;
  log.Life(4);
  log.Claim("net.connect_attempted", 4);
  log.Claim("capability.denied", 4);
  EXPECT_THAT(log.Findings(), IsEmpty());
}

// Lives, execs and ends of three processes, against what a kernel counted of them and of the cell's own two.
LogText Processes(std::uint64_t processes, std::uint64_t exits, std::uint64_t lost, const std::string& reason) {
  LogText log;
  log.Begin();
  log.Life(4, 2);
  log.Life(5);
  log.Life(5);
  log.Census(processes, 6, exits, lost);
  log.End(reason);
  return log;
}

TEST(CrossWitness, AProcessThatNobodyClaimedIsAContradictionWhereNothingWasLost) {
  const LogText log = Processes(6, 6, 0, "completed");
  EXPECT_THAT(VerdictsOf(log, "process.starts"), ElementsAre(Verdict::kContradiction));
  EXPECT_THAT(VerdictsOf(log, "process.ends"), ElementsAre(Verdict::kContradiction));
  EXPECT_THAT(TextOf(log, "process.starts"), HasSubstr("3 processes claimed, 4 counted"));
}

TEST(CrossWitness, AProcessThatTheKernelDidNotCountIsAContradiction) {
  EXPECT_THAT(VerdictsOf(Processes(4, 4, 0, "completed"), "process.starts"), ElementsAre(Verdict::kContradiction));
}

TEST(CrossWitness, AProcessMissingWhereAWitnessLostSomethingIsAGap) {
  EXPECT_THAT(VerdictsOf(Processes(6, 6, 3, "completed"), "process.starts"), ElementsAre(Verdict::kGap)) << "the census lost";
  EXPECT_THAT(VerdictsOf(Processes(6, 6, 0, "ttl_exceeded"), "process.starts"), ElementsAre(Verdict::kGap)) << "killed";
  LogText dropped = Processes(6, 6, 0, "completed");
  dropped.Add(event::TelemetryDroppedEvent(dropped.cell, {.dropped_by_agent = 1, .read = 7, .accepted = 7}));
  EXPECT_THAT(VerdictsOf(dropped, "process.starts"), ElementsAre(Verdict::kGap)) << "the agent lost";
  LogText silent = Processes(6, 6, 0, "completed");
  silent.Add(event::AgentSilencedEvent(silent.cell, {.window_ms = 10000, .elapsed_ms = 10001}));
  EXPECT_THAT(VerdictsOf(silent, "process.starts"), ElementsAre(Verdict::kGap)) << "the agent was silent";
}

TEST(CrossWitness, ALossThatOnlyTheEndOfCoverageTellsCountsAsWell) {
  LogText log = Processes(6, 6, 0, "completed");
  log.Add(event::CoverageClosedEvent(log.cell, event::Observer::kAgent, "cell", log.agent, {},
                                     {.issued = 8, .delivered = 7, .dropped = 0, .unknown = 1}));
  EXPECT_THAT(VerdictsOf(log, "process.starts"), ElementsAre(Verdict::kGap));
  EXPECT_THAT(VerdictsOf(log, "host.holes"), ElementsAre(Verdict::kGap));

  CrossWitness told;
  const LogText same = Processes(6, 6, 0, "completed");
  for (std::size_t i = 0; i < same.lines.size(); ++i) told.Add(i, same.lines[i]);
  told.NoteLossy(event::Observer::kAgent);
  EXPECT_EQ(std::move(told).Conclude(), log.Findings()) << "whoever knows before the line is written says the same";
}

TEST(CrossWitness, TheOwnProcessesMayEndAfterTheLastReading) {
  for (const std::uint64_t exits : {3, 4, 5}) {
    EXPECT_THAT(VerdictsOf(Processes(5, exits, 0, "completed"), "process.ends"), ElementsAre(Verdict::kAgree)) << exits;
  }
}

TEST(CrossWitness, ANumberUsedAgainIsAnotherLifeAndAnExecIsNot) {
  LogText log;
  log.Begin();
  log.Life(4, 3);
  log.Life(4, 1);
  log.Census(4, 6, 4);
  log.End();
  EXPECT_THAT(VerdictsOf(log, "process.starts"), ElementsAre(Verdict::kAgree));
  EXPECT_THAT(TextOf(log, "process.execs"), HasSubstr("between 2 and 4 execs"));
  EXPECT_THAT(VerdictsOf(log, "process.execs"), ElementsAre(Verdict::kAgree));
}

TEST(CrossWitness, MoreExecsThanTheKernelSawAreAContradiction) {
  LogText log;
  log.Begin();
  log.Life(4, 5);
  log.Census(3, 5, 3);
  log.End();
  EXPECT_THAT(VerdictsOf(log, "process.execs"), ElementsAre(Verdict::kContradiction));
}

TEST(CrossWitness, LivesThatDoNotPairAreGaps) {
  LogText unended;
  unended.Begin();
  const auto spawned = unended.Claim("process.spawned", 9);
  const auto completed = unended.End();
  ASSERT_THAT(Of(unended.Findings(), "process.pairs"), SizeIs(1));
  EXPECT_THAT(Of(unended.Findings(), "process.pairs").front().cites, ElementsAre(spawned, completed));
  LogText unbegun;
  unbegun.Begin();
  unbegun.Claim("process.exited", 9);
  unbegun.End();
  EXPECT_THAT(VerdictsOf(unbegun, "process.pairs"), ElementsAre(Verdict::kGap));
}

TEST(CrossWitness, TheFirstProcessEndsAsInitReapedIt) {
  const auto run = [](event::ExitKind kind, std::uint32_t status, std::int32_t reaped) {
    LogText log;
    log.Begin();
    log.Life(4);
    log.ExitStatus(4, kind, status);
    log.ExitStatus(77, event::ExitKind::kExited, 5);
    log.End("completed", reaped);
    return VerdictsOf(log, "process.leader");
  };
  EXPECT_THAT(run(event::ExitKind::kExited, 3, 3), ElementsAre(Verdict::kAgree));
  EXPECT_THAT(run(event::ExitKind::kExited, 0, 3), ElementsAre(Verdict::kGap));
  EXPECT_THAT(run(event::ExitKind::kSignal, 3, 3), ElementsAre(Verdict::kGap));
}

TEST(CrossWitness, TheFirstProcessIsTheOneThatStartedFirstWhoeverIsClaimedFirst) {
  LogText log;
  log.Begin();
  log.Life(5);
  log.ExitStatus(5, event::ExitKind::kExited, 1);
  log.Claim("process.spawned", 4, /*guest_behind_ms=*/1500);
  log.Claim("process.exited", 4);
  log.ExitStatus(4, event::ExitKind::kExited, 3);
  log.End("completed", 3);
  EXPECT_THAT(VerdictsOf(log, "process.leader"), ElementsAre(Verdict::kAgree));
}

TEST(CrossWitness, AWorkloadThatRanAndThatNobodyClaimedIsAContradiction) {
  LogText log;
  log.Begin();
  log.Usage(50000);
  log.End();
  EXPECT_THAT(VerdictsOf(log, "process.usage"), ElementsAre(Verdict::kContradiction));
  EXPECT_THAT(TextOf(log, "process.usage"), HasSubstr("49000 us"));
}

TEST(CrossWitness, SourcesThatWereNotDeclaredAreNotMissed) {
  LogText log;
  log.Begin({"capability.denied"});
  log.Census(9, 9, 9);
  log.End();
  for (const char* rule : {"process.starts", "process.ends", "process.execs", "process.pairs", "process.usage"}) {
    EXPECT_THAT(VerdictsOf(log, rule), IsEmpty()) << rule;
  }
}

TEST(CrossWitness, AClaimOfASourceThatWasNotDeclaredIsAContradiction) {
  LogText log;
  log.Begin({"process.spawn"});
  const auto claim = log.Claim("net.connect_attempted", 4);
  const auto found = Of(log.Findings(), "agent.undeclared");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().verdict, Verdict::kContradiction);
  EXPECT_THAT(found.front().cites, ElementsAre(log.agent, claim));
}

TEST(CrossWitness, ConnectsBeyondAllThatTheHostSawAreAGapWithTheirNumber) {
  LogText log;
  log.Begin();
  for (int i = 0; i < 7; ++i) log.Claim("net.connect_attempted", 4);
  log.Flow("f1");
  log.FlowEnd("f1", 0, 0);
  log.Table(/*granted=*/1, /*refused=*/2, /*dns_sockets=*/1);
  log.End();
  EXPECT_THAT(VerdictsOf(log, "net.connect_without_flow"), ElementsAre(Verdict::kGap));
  EXPECT_THAT(TextOf(log, "net.connect_without_flow"), HasSubstr("3 that nothing outside shows"));
}

TEST(CrossWitness, FlowsThatNoConnectExplainsAreAGap) {
  LogText log;
  log.Begin();
  log.Flow("f1");
  log.Flow("f2");
  log.Claim("net.connect_attempted", 4);
  log.End();
  EXPECT_THAT(VerdictsOf(log, "net.flow_without_connect"), ElementsAre(Verdict::kGap));
}

TEST(CrossWitness, FlowsThatNoPacketBeganAreAContradiction) {
  LogText log;
  log.Begin();
  log.Flow("f1");
  log.Flow("f2");
  const auto table = log.Table(1, 0, 0);
  const auto found = Of(log.Findings(), "net.flows");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().verdict, Verdict::kContradiction);
  EXPECT_THAT(found.front().cites, Contains(table));
}

TEST(CrossWitness, ConnectionsThatTheGateDidNotDecideAreAGap) {
  LogText log;
  log.Begin();
  log.Flow("f1");
  log.Table(3, 0, 0);
  EXPECT_THAT(VerdictsOf(log, "net.flows"), ElementsAre(Verdict::kGap));
}

TEST(CrossWitness, AReadingThatCameBeforeTheLastFlowSaysNothing) {
  LogText log;
  log.Begin();
  log.Table(0, 0, 0);
  log.Flow("f1");
  log.FlowEnd("f1", 100, 100);
  EXPECT_THAT(VerdictsOf(log, "net.flows"), IsEmpty());
  EXPECT_THAT(VerdictsOf(log, "net.bytes"), IsEmpty());
}

TEST(CrossWitness, BytesOutThatNoPacketCarriedAreAContradictionAndTooFewAGap) {
  const auto run = [](std::uint64_t out, std::uint64_t in) {
    LogText log;
    log.Begin();
    log.Flow("f1");
    log.FlowEnd("f1", out, in);
    log.Table(1, 0, 0, 100'000);
    return VerdictsOf(log, "net.bytes");
  };
  EXPECT_THAT(run(95'000, 95'000), ElementsAre(Verdict::kAgree));
  EXPECT_THAT(run(100'000, 95'000), ElementsAre(Verdict::kContradiction));
  EXPECT_THAT(run(50'000, 95'000), ElementsAre(Verdict::kGap));
  // A workload that stops reading: the gate took from the server what no packet carried into the cell.
  EXPECT_THAT(run(95'000, 100'000), ElementsAre(Verdict::kGap));
  EXPECT_THAT(run(95'000, 900'000'000), ElementsAre(Verdict::kGap));
  EXPECT_THAT(run(100'000, 100'000), ElementsAre(Verdict::kContradiction));
}

TEST(CrossWitness, AnEndOfAFlowThatNobodyLetThroughIsAContradiction) {
  LogText log;
  log.Begin();
  log.Flow("f1");
  log.FlowEnd("f2", 10, 10);
  EXPECT_THAT(VerdictsOf(log, "net.flow_ends"), ElementsAre(Verdict::kContradiction));
  LogText open;
  open.Begin();
  open.Flow("f1");
  EXPECT_THAT(VerdictsOf(open, "net.flow_ends"), ElementsAre(Verdict::kGap));
}

event::LinkedQuery Linked(const std::string& id, const std::string& name, event::LeafIndex leaf) {
  return {.query_id = id, .leaf = leaf, .name = name, .answered_at = "t", .ttl_seconds = 60};
}

TEST(CrossWitness, AFlowToANameCitesTheAnswerThatOpenedItsAddress) {
  LogText log;
  log.Begin();
  const auto answer = log.Query("q1", "name.example");
  const auto flow = log.Flow("f1", 1, Linked("q1", "name.example", answer));
  const auto found = Of(log.Findings(), "net.names");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().verdict, Verdict::kAgree);
  EXPECT_THAT(found.front().cites, ElementsAre(answer, flow));
}

TEST(CrossWitness, AnAnswerThatTheLogDoesNotHaveIsAContradiction) {
  const auto run = [](auto&& flow) {
    LogText log;
    log.Begin();
    const auto answer = log.Query("q1", "name.example");
    const auto denied = log.Query("q2", "other.example", false);
    flow(log, answer, denied);
    return VerdictsOf(log, "net.names");
  };
  using Leaf = event::LeafIndex;
  EXPECT_THAT(run([](LogText& log, Leaf answer, Leaf) { log.Flow("f", 1, Linked("q9", "name.example", answer)); }),
              ElementsAre(Verdict::kContradiction)) << "another id";
  EXPECT_THAT(run([](LogText& log, Leaf answer, Leaf) { log.Flow("f", 1, Linked("q1", "x.example", answer)); }),
              ElementsAre(Verdict::kContradiction)) << "another name";
  EXPECT_THAT(run([](LogText& log, Leaf, Leaf denied) { log.Flow("f", 1, Linked("q1", "name.example", denied)); }),
              ElementsAre(Verdict::kContradiction)) << "another leaf";
  EXPECT_THAT(run([](LogText& log, Leaf, Leaf denied) { log.Flow("f", 1, Linked("q2", "other.example", denied)); }),
              ElementsAre(Verdict::kContradiction)) << "a refused question";
  EXPECT_THAT(run([](LogText& log, Leaf, Leaf) { log.Flow("f", 1); }), ElementsAre(Verdict::kContradiction)) << "none";
  EXPECT_THAT(run([](LogText& log, Leaf, Leaf) { log.Flow("f", 0); }), IsEmpty()) << "a rule for an address needs none";
}

TEST(CrossWitness, WhatTheGateLostIsNoContradiction) {
  LogText log;
  log.Begin();
  log.Flow("f", 1);
  log.FlowEnd("g", 1, 1);
  log.Add(event::GateFailedEvent(log.cell, {.phase = "run", .reason = "died", .flows_reset = 1}));
  for (const WitnessFinding& each : log.Findings()) EXPECT_EQ(each.verdict, Verdict::kGap) << each.rule;
  EXPECT_THAT(VerdictsOf(log, "host.holes"), ElementsAre(Verdict::kGap));
}

TEST(CrossWitness, RefusalsAreTheOnesThatTheKernelCounted) {
  const auto run = [](int told, std::uint64_t counted) {
    LogText log;
    log.Begin();
    for (int i = 0; i < told; ++i) log.Refusal();
    log.Table(0, counted, 0);
    return VerdictsOf(log, "net.refusals");
  };
  EXPECT_THAT(run(2, 2), ElementsAre(Verdict::kAgree));
  EXPECT_THAT(run(1, 2), ElementsAre(Verdict::kGap));
  EXPECT_THAT(run(2, 1), ElementsAre(Verdict::kContradiction));
  EXPECT_THAT(run(0, 0), IsEmpty());
}

TEST(CrossWitness, QuestionsThatNoPacketAskedAreAContradiction) {
  LogText log;
  log.Begin();
  log.Query("q1", "name.example");
  log.Table(0, 0, 0);
  EXPECT_THAT(VerdictsOf(log, "net.questions"), ElementsAre(Verdict::kContradiction));
}

TEST(CrossWitness, MismatchesAreToldOneByOneUpToABoundAndCountedBeyond) {
  LogText log;
  log.Begin();
  for (int i = 0; i < 1000; ++i) log.FlowEnd("f" + std::to_string(i), 1, 1);
  const auto found = Of(log.Findings(), "net.flow_ends");
  ASSERT_THAT(found, SizeIs(65));
  EXPECT_THAT(found.back().text, HasSubstr("936 more"));
}

TEST(CrossWitness, ASilenceIsAGapThatCitesIt) {
  LogText log;
  log.Begin();
  const auto silence = log.Add(event::AgentSilencedEvent(log.cell, {.window_ms = 10000, .elapsed_ms = 12345}));
  log.End();
  const auto found = Of(log.Findings(), "agent.silence");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().verdict, Verdict::kGap);
  EXPECT_THAT(found.front().text, HasSubstr("12345 ms"));
  EXPECT_THAT(found.front().cites, ElementsAre(log.agent, silence));
}

TEST(CrossWitness, TheSumsOfTheReceiverClose) {
  const auto run = [](const event::TelemetryDropped& dropped) {
    LogText log;
    log.Begin();
    log.Life(4);
    log.Add(event::TelemetryDroppedEvent(log.cell, dropped));
    log.Life(5);
    return VerdictsOf(log, "agent.drops");
  };
  EXPECT_THAT(run({.read = 3, .accepted = 2, .heartbeats = 1}), ElementsAre(Verdict::kAgree));
  EXPECT_THAT(run({.read = 5, .accepted = 2, .heartbeats = 1, .over_rate = 1, .refused = {{"oversized", 1}}}),
              ElementsAre(Verdict::kGap));
  EXPECT_THAT(run({.dropped_by_agent = 4, .read = 3, .accepted = 2, .heartbeats = 1}), ElementsAre(Verdict::kGap));
  EXPECT_THAT(run({.read = 9, .accepted = 2, .heartbeats = 1}), ElementsAre(Verdict::kContradiction));
  EXPECT_THAT(run({.read = 2, .accepted = 1, .heartbeats = 1}), ElementsAre(Verdict::kContradiction));
}

TEST(CrossWitness, AStepOfTheWallClockIsNotedWhereItHappened) {
  for (const std::int64_t by : {-3'600'000L, 10L * 365 * 86'400'000}) {
    LogText log;
    log.Begin();
    const auto before = log.lines.size() - 2;  // the last that the supervisor told
    log.StepWall(by);
    log.End();
    const auto found = Of(log.Findings(), "clock.wall");
    ASSERT_THAT(found, SizeIs(1)) << by;
    EXPECT_EQ(found.front().verdict, Verdict::kGap);
    EXPECT_THAT(found.front().cites, Contains(before));
  }
}

TEST(CrossWitness, AClaimWhoseClockJumpsIsNoted) {
  LogText log;
  log.Begin();
  log.Claim("process.spawned", 4);
  log.Claim("process.spawned", 5, /*guest_behind_ms=*/5000);
  EXPECT_THAT(VerdictsOf(log, "clock.guest"), ElementsAre(Verdict::kGap));
}

TEST(CrossWitness, WhatALivingCellDoesAfterItsEndIsAContradiction) {
  LogText log;
  log.Begin();
  log.End();
  log.Flow("f1");
  EXPECT_THAT(VerdictsOf(log, "log.after_destroyed"), ElementsAre(Verdict::kContradiction));
}

TEST(CrossWitness, WhatTheWitnessWroteItselfChangesNothing) {
  LogText log;
  log.WholeRun();
  const auto before = log.Findings();
  for (const WitnessFinding& each : before) log.Add(event::FindingEvent(log.cell, each.verdict, each.rule, each.cites, each.text));
  log.StepWall(86'400'000);
  log.Add(event::EvidenceBundleEvent(log.cell, {.destroyed = "d"}));
  log.Add(event::CoverageClosedEvent(log.cell, event::Observer::kAgent, "cell", log.agent, {}, {}));
  log.Add(event::ClosingEvent(log.cell, {.reason_code = "completed"}));
  EXPECT_EQ(log.Findings(), before);
}

// A supervisor that signs anything can leave a line out. What several witnesses saw is missed all the same.
TEST(CrossWitness, LeavingOutAnyLineThatAnotherWitnessSawAsWellChangesTheFindings) {
  LogText log;
  log.WholeRun();
  const auto whole = log.Findings();
  for (std::size_t i = 0; i < log.lines.size(); ++i) {
    const bool told_twice = std::ranges::any_of(
        std::initializer_list<std::string_view>{"guest.", "network_flow", "dns_query", "process_census", "nftables", "completed"},
        [&](std::string_view type) { return log.lines[i].contains(std::string(type)); });
    if (!told_twice) continue;
    auto lines = log.lines;
    lines[i] = "";  // the others keep their places
    EXPECT_NE(LogText::FindingsOf(lines), whole) << log.lines[i];
  }
}

TEST(CrossWitness, NoLineWhateverItHoldsBreaksIt) {
  LogText log;
  log.WholeRun();
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    auto lines = log.lines;
    for (int edits = 0; edits < 8; ++edits) {
      std::string& line = lines[random() % lines.size()];
      if (line.empty()) continue;
      const std::size_t at = random() % line.size();
      switch (random() % 4) {
        case 0: line[at] = static_cast<char>(random()); break;
        case 1: line.resize(at); break;
        case 2: line.insert(at, "18446744073709551615"); break;
        default: line = lines[random() % lines.size()]; break;
      }
    }
    for (const WitnessFinding& each : LogText::FindingsOf(lines)) {
      ASSERT_FALSE(each.cites.empty());
      ASSERT_LT(each.cites.back(), lines.size());
      ASSERT_TRUE(IsCrossWitnessRule(each.rule));
    }
  }
}

TEST(CrossWitness, MemoryIsBoundedHoweverManyNamesALogInvents) {
  LogText log;
  log.Begin();
  for (std::uint32_t i = 0; i < ProcessFacts::kFollowed + 10; ++i) log.Claim("process.spawned", i + 10);
  log.End();
  EXPECT_THAT(TextOf(log, "process.pairs"), HasSubstr(std::to_string(ProcessFacts::kFollowed + 10)));
}

TEST(CrossWitness, TheTableNamesEachRuleOnce) {
  std::vector<std::string_view> names;
  for (const Rule& rule : CrossWitnessRules()) {
    names.push_back(rule.name);
    EXPECT_FALSE(rule.one_side.empty() || rule.other_side.empty());
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  EXPECT_FALSE(IsCrossWitnessRule("gate.connections"));
}

}  // namespace
}  // namespace evidence
