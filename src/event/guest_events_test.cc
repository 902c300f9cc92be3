// SPDX-License-Identifier: Apache-2.0
#include "event/guest_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "event/guest_claims.h"
#include "event/leaf_rules.h"
#include "event/leaf_writer.h"
#include "event/published_form.h"
#include "event/types.h"
#include "json/canonical.h"

namespace event {
namespace {

using testing::HasSubstr;

const CellRef kCell{.cell_id = "cell-1", .spec_id = "s", .run_id = "run-1"};
const std::string kFrame(64, 'a');

GuestDeclaration Example() {
  return {.probe_source = "process.spawned",
          .pid = 42,
          .comm = "sh",
          .monotonic_ns = 1000000000,
          .received_at = base::WallTime(std::chrono::milliseconds(1700000000789)),
          .spec_signature_hash = "sha256:00",
          .frame_sha256 = kFrame};
}

std::string Leaf(const Draft& draft) {
  std::string leaf;
  WriteLeaf(leaf, draft,
            {.sequence = 7, .boot = base::BootTime(5), .time = base::FormatMillis(*draft.time), .id = "ev-1"});
  return leaf;
}

TEST(GuestDeclaration, IsPublishedWithTheBytesThatTheContractSigns) {
  const auto draft = GuestDeclarationEvent(kCell, Example());
  ASSERT_TRUE(draft.has_value());
  const std::string leaf = Leaf(*draft);
  EXPECT_TRUE(json::IsCanonicalJcs(leaf));
  EXPECT_THAT(leaf, HasSubstr(R"("time":"2023-11-14T22:13:20.789Z")"));
  EXPECT_THAT(leaf, HasSubstr(R"("lane":"claimed")"));
  const auto published = PublishedForm(leaf);
  ASSERT_TRUE(published.has_value() && published->has_value());
  const std::string text = (*published)->ToText();
  EXPECT_EQ(text,
            R"({"specversion":"1.0","id":"ev-1","source":"/cellos-supervisor/host-telemetry","type":)"
            R"("dev.cellos.events.cell.observability.guest.process_spawned","datacontenttype":"application/json",)"
            R"("data":{"guest":{"guestComm":"sh","guestMonotonicNs":1000000000,"guestPid":42,"probeSource":)"
            R"("process.spawned"},"host":{"cellId":"cell-1","hostReceivedAt":"2023-11-14T22:13:20Z","runId":"run-1",)"
            R"("specSignatureHash":"sha256:00"},"provenance":"declared"},"time":"2023-11-14T22:13:20Z",)"
            R"("traceparent":null})");
  EXPECT_EQ(crypto::Hex(crypto::Sha256Of(text)), "5cddde531016986c4e4e1705b0f967e4228a32c290fd4100e698518dd9652789");
}

TEST(GuestDeclaration, NamesItsFrameInTheLogAndKeepsTheRulesOfClaims) {
  for (const char* source :
       {"process.spawned", "process.exited", "capability.denied", "fs.inotify_fired", "net.connect_attempted"}) {
    GuestDeclaration declaration = Example();
    declaration.probe_source = source;
    const auto draft = GuestDeclarationEvent(kCell, declaration);
    ASSERT_TRUE(draft.has_value()) << source;
    EXPECT_TRUE(CheckDraft(*draft, 3).has_value()) << source;
    EXPECT_FALSE(IsOurType(draft->type)) << source;
    declaration.frame_sha256 = {};
    EXPECT_FALSE(CheckDraft(*GuestDeclarationEvent(kCell, declaration), 3).has_value()) << source;
  }
}

TEST(GuestDeclaration, HasNoTypeForOtherSources) {
  for (const char* source : {"agent.heartbeat", "agent.exit_status", "", "process.spawned ", "made.up"}) {
    GuestDeclaration declaration = Example();
    declaration.probe_source = source;
    EXPECT_FALSE(GuestDeclarationEvent(kCell, declaration).has_value()) << source;
    EXPECT_EQ(GuestTypeOf(source), "") << source;
  }
}

TEST(GuestDeclaration, EscapesWhatTheGuestNames) {
  GuestDeclaration declaration = Example();
  declaration.comm = "a\"\n},\"x\":\\\x01é";
  const auto draft = GuestDeclarationEvent(kCell, declaration);
  EXPECT_TRUE(json::IsCanonicalJcs(draft->data));
  EXPECT_THAT(draft->data, HasSubstr(R"("guestComm":"a\"\n},\"x\":\\\u0001é")"));
}

TEST(GuestDeclaration, OfBefore1970IsAnError) {
  GuestDeclaration declaration = Example();
  declaration.received_at = base::WallTime(std::chrono::milliseconds(-1));
  EXPECT_FALSE(GuestDeclarationEvent(kCell, declaration).has_value());
  declaration.received_at = base::WallTime{};
  EXPECT_TRUE(GuestDeclarationEvent(kCell, declaration).has_value());
}

TEST(GuestDeclaration, IsPublishedWithoutWhatOnlyTheLogSaysOfIt) {
  GuestClaimWriter writer(kCell, "sha256:00");
  const auto claim = writer.Declaration("process.spawned", {.pid = 42, .comm = "***", .monotonic_ns = 7,
                                                            .received_at = Example().received_at, .name_masked = true});
  ASSERT_TRUE(claim.has_value());
  const std::string leaf = Leaf((*claim)->draft());
  EXPECT_THAT(leaf, HasSubstr(R"("nameMasked":true)"));
  const auto published = PublishedForm(leaf);
  ASSERT_TRUE(published.has_value() && published->has_value());
  EXPECT_EQ((*published)->data.find("nameMasked"), std::string::npos);
}

TEST(GuestExitStatus, SaysTheCauseAndStaysInTheLog) {
  GuestDeclaration declaration = Example();
  declaration.probe_source = "agent.exit_status";
  const auto draft = GuestExitStatusEvent(kCell, {.declaration = declaration, .kind = ExitKind::kSignal, .status = 9});
  ASSERT_TRUE(draft.has_value());
  EXPECT_EQ(draft->data, R"({"cause":{"kind":"signal","status":9},"frameSha256":")" + kFrame +
                             R"(","guest":{"guestComm":"sh","guestPid":42,"probeSource":"agent.exit_status"},"host":{)"
                             R"("cellId":"cell-1","hostReceivedAt":"2023-11-14T22:13:20Z","runId":"run-1",)"
                             R"("specSignatureHash":"sha256:00"},"provenance":"declared"})");
  EXPECT_TRUE(json::IsCanonicalJcs(draft->data));
  EXPECT_TRUE(CheckDraft(*draft, 3).has_value());
  EXPECT_FALSE(PublishedForm(Leaf(*draft))->has_value());
}

TEST(AgentSilence, IsTheHostsWordAndItsReturnToo) {
  const AgentSilence silence{.window_ms = 10000,
                             .elapsed_ms = 10003,
                             .received_at = base::WallTime(std::chrono::milliseconds(1700000000789)),
                             .spec_signature_hash = "sha256:00"};
  const Draft silenced = AgentSilencedEvent(kCell, silence);
  EXPECT_EQ(silenced.type, "dev.cellos.events.cell.observability.v1.guest.agent_silenced");
  EXPECT_EQ(silenced.observer, Observer::kSupervisor);
  EXPECT_EQ(silenced.data,
            R"({"cellId":"cell-1","elapsedMs":10003,"epistemicStatus":"DECLARED","hostReceivedAt":)"
            R"("2023-11-14T22:13:20.789Z","keepaliveWindowMs":10000,"ruleClass":"GUEST_AGENT_DECLARATION",)"
            R"("runId":"run-1","specSignatureHash":"sha256:00"})");
  const auto published = PublishedForm(Leaf(silenced));
  ASSERT_TRUE(published.has_value() && published->has_value());
  EXPECT_EQ((*published)->data,
            R"({"cellId":"cell-1","elapsedMs":10003,"epistemicStatus":"DECLARED","keepaliveWindowMs":10000,)"
            R"("ruleClass":"GUEST_AGENT_DECLARATION","runId":"run-1"})");
  const Draft returned = AgentReturnedEvent(kCell, silence);
  EXPECT_EQ(returned.type, "dev.cellos.events.cell.observability.guest.agent_returned");
  EXPECT_TRUE(CheckDraft(returned, 3).has_value());
  EXPECT_FALSE(PublishedForm(Leaf(returned))->has_value());
}

TEST(TelemetryDropped, CountsEveryClassByName) {
  const Draft draft =
      TelemetryDroppedEvent(kCell, {.dropped_by_agent = 3,
                                    .read = 20,
                                    .accepted = 10,
                                    .heartbeats = 2,
                                    .over_rate = 5,
                                    .refused = {{"tagged_item", 1}, {"malformed_body", 2}},
                                    .received_at = base::WallTime(std::chrono::milliseconds(1700000000789)),
                                    .spec_signature_hash = "sha256:00"});
  EXPECT_EQ(draft.type, "dev.cellos.events.cell.observability.guest.telemetry_dropped");
  EXPECT_EQ(draft.data,
            R"({"accepted":10,"cellId":"cell-1","droppedByAgent":3,"heartbeats":2,"hostReceivedAt":)"
            R"("2023-11-14T22:13:20.789Z","overRate":5,"read":20,"refused":{"malformed_body":2,"tagged_item":1},)"
            R"("runId":"run-1","specSignatureHash":"sha256:00"})");
  EXPECT_TRUE(CheckDraft(draft, 3).has_value());
}

}  // namespace
}  // namespace event
