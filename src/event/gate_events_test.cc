// SPDX-License-Identifier: Apache-2.0
// Events of the gate: exact data in the log, and nothing of ours in the published form.
#include <gtest/gtest.h>

#include "event/dns_events.h"
#include "event/flow_events.h"
#include "event/leaf_writer.h"
#include "event/published_form.h"
#include "event/trust_events.h"
#include "event/types.h"

namespace event {
namespace {

CellRef Cell() { return {.cell_id = "demo", .spec_id = "demo", .run_id = "r1"}; }

std::string Published(const Draft& draft) {
  std::string leaf;
  WriteLeaf(leaf, draft, {.sequence = 0, .boot = {}, .time = "2026-01-02T03:04:05.678Z", .id = "x"});
  const auto form = PublishedForm(leaf);
  return form && *form ? (*form)->data : std::string();
}

TEST(GateEvents, AQueryTellsRuleServerAndTransportInTheLogOnly) {
  const Draft draft = DnsQueryEvent(Cell(), {.query_id = "q1",
                                             .name = "evil.example",
                                             .type = "A",
                                             .reason_code = "denied_not_in_allowlist",
                                             .rcode = 5,
                                             .observed_at = "2026-01-02T03:04:05.678Z",
                                             .rule_ref = "default",
                                             .asked_server = "127.0.0.53",
                                             .transport = "udp"});
  EXPECT_EQ(draft.observer, Observer::kGateDns);
  EXPECT_EQ(draft.data,
            R"({"askedServer":"127.0.0.53","cellId":"demo","decision":"deny","observedAt":"2026-01-02T03:04:05.678Z",)"
            R"("queryId":"q1","queryName":"evil.example","queryType":"A","reasonCode":"denied_not_in_allowlist",)"
            R"("responseRcode":5,"ruleRef":"default","runId":"r1","schemaVersion":"1.0.0","transport":"udp"})");
  EXPECT_EQ(Published(draft),
            R"({"cellId":"demo","decision":"deny","observedAt":"2026-01-02T03:04:05.678Z","queryId":"q1",)"
            R"("queryName":"evil.example","queryType":"A","reasonCode":"denied_not_in_allowlist","responseRcode":5,)"
            R"("runId":"r1","schemaVersion":"1.0.0"})");
}

TEST(GateEvents, APublishedQueryTypeIsOneOfTheContract) {
  const Draft draft = DnsQueryEvent(Cell(), {.query_id = "q1", .name = "x.example", .type = "TYPE99"});
  EXPECT_NE(draft.data.find(R"("queryType":"TYPE99")"), std::string::npos);
  EXPECT_NE(Published(draft).find(R"("queryType":"A")"), std::string::npos);
}

TEST(GateEvents, AFlowCarriesTheAnswerThatLedToIt) {
  const Draft draft = FlowDecisionEvent(
      Cell(),
      {.decision_id = "d1",
       .allowed = true,
       .reason_code = "gate_grant_match",
       .destination = "192.0.2.1",
       .port = 443,
       .protocol = "tcp",
       .observed_at = "2026-01-02T03:04:05.678Z",
       .flow_id = "d1",
       .rule_ref = "authority.egressRules[0]",
       .sni = "ok.example",
       .query = LinkedQuery{"q1", 17, "ok.example", "2026-01-02T03:04:05.000Z", 60, {"cdn.example"}},
       .source_port = 40001},
      Observer::kGateFlow);
  EXPECT_NE(draft.data.find(R"("query":{"answeredAt":"2026-01-02T03:04:05.000Z","cnames":["cdn.example"],"leaf":17,)"
                            R"("name":"ok.example","queryId":"q1","ttlSeconds":60})"),
            std::string::npos);
  EXPECT_EQ(Published(draft),
            R"({"cellId":"demo","decision":"allow","decisionId":"d1","direction":"egress","dstAddr":"192.0.2.1",)"
            R"("dstPort":443,"observedAt":"2026-01-02T03:04:05.678Z","protocol":"tcp","reasonCode":"gate_grant_match",)"
            R"("runId":"r1","schemaVersion":"1.0.0"})");
}

TEST(GateEvents, EndsOfFlowsAndOfTheGateAreOurs) {
  const Draft closed = FlowClosedEvent(Cell(), {"d1", 10, 20, 30, "peer", std::nullopt});
  EXPECT_EQ(closed.data,
            R"({"bytesIn":20,"bytesOut":10,"cellId":"demo","closedBy":"peer","durationMs":30,"flowId":"d1","runId":"r1"})");
  EXPECT_EQ(Published(closed), "");
  const Draft failed = GateFailedEvent(Cell(), {"run", "it died", 2});
  EXPECT_EQ(failed.data, R"({"cellId":"demo","flowsReset":2,"phase":"run","reason":"it died","runId":"r1"})");
  EXPECT_EQ(Published(failed), "");
}

TEST(GateEvents, TheDigestOfTargetsIsThatOfTheContract) {
  EXPECT_EQ(DigestOfTargets({"192.0.2.1", "192.0.2.2"}),
            "sha256:23ff6469ef188f4bcafd007e665bc444a4082e9fde846579b224bd5e0e66ba5b");
  EXPECT_EQ(DigestOfTargets({}), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace event
