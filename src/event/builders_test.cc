// SPDX-License-Identifier: Apache-2.0
// What the vectors of event data do not reach: sorting, cutting, members of ours, lists shared with the seal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/admission_events.h"
#include "event/compliance_events.h"
#include "event/evidence_events.h"
#include "event/export_events.h"
#include "event/identity_events.h"
#include "event/json_object.h"
#include "event/lifecycle_events.h"
#include "event/network_events.h"
#include "event/run_log.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace event {
namespace {

using testing::HasSubstr;
using testing::Not;

const CellRef kCell{.cell_id = "c", .spec_id = "s", .run_id = "r"};
// What the log puts around the data of any event.
constexpr std::size_t kEnvelopeBytes = 600;

void ExpectFits(const Draft& draft) {
  EXPECT_LE(draft.data.size(), kMaxLeafBytes - kEnvelopeBytes) << draft.type;
  EXPECT_TRUE(json::IsCanonicalJcs(draft.data, 31)) << draft.type << draft.data.substr(0, 300);
}

TEST(Object, SortsWhatWasAddedInAnotherOrder) {
  Object object;
  object.Add("z", "last").Add("a", true).Add("m", std::uint64_t{18446744073709551615u}).Add("k", std::int64_t{-5});
  object.Add("absent", std::optional<std::string>()).AddOrNull("null", std::optional<std::string>());
  EXPECT_EQ(object.Take(), R"({"a":true,"k":-5,"m":18446744073709551615,"null":null,"z":"last"})");
  Object lone;
  EXPECT_EQ(lone.Take(), "{}");
  Object two;
  two.Raw("b", R"({"x":[1,2]})").Raw("a", R"(",")");
  EXPECT_EQ(two.Take(), R"({"a":",","b":{"x":[1,2]}})");
}

TEST(Object, CutsAtUtf8BoundariesAndSaysSo) {
  EXPECT_EQ(CutUtf8("aé", 2), "a");
  EXPECT_EQ(CutUtf8("aé", 3), "aé");
  EXPECT_EQ(CutUtf8("😀", 3), "");
  Object object;
  object.AddCut("x", std::string_view("aéé"), 4);
  EXPECT_EQ(object.Take(), R"({"truncated":true,"x":"aé…"})");
}

TEST(Builders, HugeDocumentsStillFitIntoALeaf) {
  CellRef cell = kCell;
  cell.correlation.emplace();
  cell.correlation->labels.emplace();
  for (int i = 0; i < 5000; ++i) (*cell.correlation->labels)["label" + std::to_string(i)] = "value";
  cell.correlation->platform = std::string(100000, '\x01');
  const std::string long_text(200000, '\x02');
  ExpectFits(StartedEvent(cell, {}));
  EXPECT_THAT(StartedEvent(cell, {}).data, HasSubstr(R"("labels":null,"labelsBytes":)"));
  const std::vector<std::string> long_paths(100, std::string(4000, 'p'));
  ExpectFits(DestroyedEvent(cell, {.reason = long_text, .new_hook_files = long_paths, .set_id_files = long_paths}));
  ExpectFits(CommandCompletedEvent(cell, {.argv = std::vector<std::string>(4000, "argument-" + std::string(40, 'x'))}));
  ExpectFits(CommandCompletedEvent(cell, {.argv = {"sh", "-c", long_text}, .spawn_error = long_text}));
  ExpectFits(ProcessSpawnedEvent(cell, long_text, 1));
  ExpectFits(FsTouchExportEvent(cell, long_text, "out"));
  ExpectFits(NetworkPolicyEvent(cell, std::vector<EgressRule>(5000, {.host = "h.example", .port = 443})));
  ExpectFits(PolicyRejectedEvent(cell, std::vector<Violation>(500, {"rule", "/p", long_text}), {}, {}));
  ExpectFits(AdmissionRefusedEvent({.reason = "controls", .violations = std::vector<Violation>(500, {"r", "/p", long_text})}));
  ExpectFits(HomeostasisEvent(cell, {.recommended_removals = std::vector<Removal>(9000, std::string("SECRET"))}));
  ExpectFits(ComplianceSummaryEvent(cell, {.subject_urns = std::vector<std::string>(5000, "urn:cellos:cell:abcdef")}));
}

TEST(Builders, CutArgvSaysHowLongItWas) {
  const Draft draft = CommandCompletedEvent(kCell, {.argv = std::vector<std::string>(9000, "12345678")});
  const auto tree = json::Parse(draft.data);
  EXPECT_EQ(tree->root().Find("argc")->unsigned_integer(), 9000u);
  EXPECT_TRUE(tree->root().Find("truncated")->boolean());
  EXPECT_LT(tree->root().Find("argv")->array().size(), 9000u);
  EXPECT_THAT(CommandCompletedEvent(kCell, {.argv = {"a"}}).data, Not(HasSubstr("truncated")));
}

TEST(Builders, TheEndSaysWhenWritableGrantsWereNotSearchedAsAWhole) {
  EXPECT_THAT(DestroyedEvent(kCell, {.grants_searched = false}).data, HasSubstr(R"("truncated":true)"));
  EXPECT_THAT(DestroyedEvent(kCell, {}).data, Not(HasSubstr("truncated")));
}

TEST(Builders, AdmissionRefusedNamesEveryViolationWithItsPlace) {
  EXPECT_EQ(AdmissionRefusedEvent({.reason = "controls",
                                   .violations = {{"egress", "/spec/authority/egressRules", "no gate yet"}},
                                   .cell_id = "c"})
                .data,
            R"({"cellId":"c","reason":"controls","violationCount":1,"violations":[{"message":"no gate yet",)"
            R"("pointer":"/spec/authority/egressRules","rule":"egress"}]})");
}

TEST(Builders, SecretEventsNameAndNothingMore) {
  const Secret secret{.name = "TOKEN", .broker = "env", .delivery = "env"};
  EXPECT_EQ(SecretRevokedEvent(kCell, secret, RevokeOutcome::kNotRevocable).data,
            R"({"broker":"env","cellId":"c","delivery":"env","name":"TOKEN","outcome":"not_revocable","runId":"r"})");
  EXPECT_EQ(SecretDeliveredEvent(kCell, secret).data,
            R"({"broker":"env","cellId":"c","delivery":"env","name":"TOKEN","runId":"r"})");
}

TEST(Builders, CoverageAndClosingHaveTheFormThatTheSealRepeats) {
  const Hole hole{std::chrono::nanoseconds(5), std::chrono::nanoseconds(9), "overflow"};
  EXPECT_EQ(CoverageOpenedEvent(kCell, Observer::kHostCgroup, "cell", {"cgroup"}).data,
            R"({"cellId":"c","covers":["cgroup"],"observer":"host.cgroup","runId":"r","scope":"cell"})");
  EXPECT_EQ(CoverageClosedEvent(kCell, Observer::kInit, "cell", 3, {hole}, {4, 3, 1, 0}).data,
            R"({"cellId":"c","counters":{"delivered":3,"dropped":1,"issued":4,"unknown":0},"holes":[{"from":"5",)"
            R"("to":"9","why":"overflow"}],"observer":"init","opened":3,"runId":"r","scope":"cell"})");
  EXPECT_EQ(ClosingEvent(kCell, {.reason_code = "completed",
                                 .exit_code = 0,
                                 .sources = {{"log", {7, 7, 0, 0}}},
                                 .sinks = {{"jsonl", {8, 7, 1, 0}}},
                                 .coverage = {{Observer::kLog, "cell", 2, 6, {}}}})
                .data,
            R"({"cellId":"c","coverage":[{"from":2,"holes":[],"scope":"cell","source":"log","to":6}],)"
            R"("outcome":{"exitCode":0,"reasonCode":"completed","signal":null},"runId":"r","sinks":[{"delivered":7,)"
            R"("dropped":1,"issued":8,"source":"jsonl","unknown":0}],"sources":[{"delivered":7,"dropped":0,"issued":7,)"
            R"("source":"log","unknown":0}]})");
}

TEST(Builders, FindingIsDerivedAndCites) {
  const Draft draft = FindingEvent(kCell, Verdict::kContradiction, "connect-flow", {3, 1}, "why");
  EXPECT_EQ(LaneOf(draft.observer), Lane::kDerived);
  EXPECT_EQ(draft.data, R"({"cellId":"c","cites":[3,1],"rule":"connect-flow","runId":"r","text":"why","verdict":"contradiction"})");
}

TEST(Builders, CapabilitiesOfItsOwnNamespacePrivilegeNobody) {
  EXPECT_THAT(ContainerSecurityEvent(kCell, CapabilitySets{.bounding = 0x1ff}, false).data,
              HasSubstr(R"("capBnd":"00000000000001ff","capEff":"0000000000000000")"));
  EXPECT_FALSE(HoldsAny({.bounding = ~0ull}));
  EXPECT_TRUE(HoldsAny({.ambient = 1}));
}

TEST(Names, ObserversAndLanesAreTheClosedList) {
  for (int i = 0; i < kObserverCount; ++i) {
    const auto observer = static_cast<Observer>(i);
    EXPECT_EQ(ObserverOf(ToString(observer)), observer);
  }
  EXPECT_EQ(ObserverOf("gate"), std::nullopt);
  EXPECT_EQ(ToString(LaneOf(Observer::kAgent)), "claimed");
  EXPECT_EQ(ToString(LaneOf(Observer::kRuntimeTrace)), "witnessed");
}

}  // namespace
}  // namespace event
