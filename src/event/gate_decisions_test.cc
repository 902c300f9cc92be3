// SPDX-License-Identifier: Apache-2.0
// The quick writer of decisions against the builders that say what a decision is.
#include "event/gate_decisions.h"

#include <gtest/gtest.h>

#include "event/flow_events.h"
#include "event/leaf_rules.h"
#include "event/types.h"
#include "json/canonical.h"

namespace event {
namespace {

const std::string kLong(5000, 'x');
constexpr std::string_view kId = "6f1ad9c4-7d3b-4b43-9d37-0d5c5a3a0c11";
constexpr std::string_view kTime = "2026-01-02T03:04:05.678Z";
const std::string kNames[] = {"ok.example", "", "a\"\\\n\x01", "\xc3\xa9t\xc3\xa9",
                              std::string(GateDecisionWriter::kMaxName, 0x01)};

// From a cell of which events say nearly nothing to one whose texts must be cut.
std::vector<CellRef> Cells() {
  const Correlation some{.platform = "ci", .tenant_id = "t \"1\"", .correlation_id = "c/1"};
  const Correlation much{.labels = {{{"k", "v"}}}, .correlation_id = kLong};
  return {{.cell_id = "cell \"1\"", .spec_id = "s\\"},
          {.cell_id = "demo", .spec_id = "demo", .run_id = "run-1", .correlation = some},
          {.cell_id = "demo", .spec_id = "demo", .run_id = "run-1", .correlation = much}};
}

std::vector<GateDecisionWriter::Run> Runs() {
  return {{},
          {.query_trust = {"set-1", "kid \"1\"", "sha256:00"},
           .l7_trust = {"set-2", "kid-2"},
           .policy_digest = "sha256:01",
           .resolvers = {"r-1", "r \"2\"", kLong}}};
}

GateDecisionWriter::Moment When() {
  return {
      .boot = base::BootTime(123), .wall = base::WallTime(std::chrono::milliseconds(1'767'323'045'678)), .text = kTime};
}

void ExpectSame(const Draft& quick, const Draft& built) {
  EXPECT_EQ(quick.data, built.data);
  EXPECT_EQ(quick.type, built.type);
  EXPECT_EQ(quick.source, built.source);
  EXPECT_EQ(quick.observer, built.observer);
  EXPECT_EQ(quick.observed_at, When().boot);
  EXPECT_EQ(quick.time, When().wall);
  EXPECT_TRUE(quick.id.empty());
  EXPECT_TRUE(CheckDraft(quick, 5));
  EXPECT_TRUE(json::IsCanonicalJcs(quick.data, 31)) << quick.data;
}

std::optional<std::string> Some(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

template <class Check>
void ForEachWriter(const Check& check) {
  for (const CellRef& cell : Cells()) {
    for (const GateDecisionWriter::Run& run : Runs()) {
      GateDecisionWriter writer(cell, run);
      check(writer, cell, run);
    }
  }
}

TEST(GateDecisions, QueriesAreTheBytesOfTheBuilders) {
  ForEachWriter([](GateDecisionWriter& writer, const CellRef& cell, const GateDecisionWriter::Run& run) {
    for (const std::string& name : kNames) {
      for (unsigned form = 0; form < 16; ++form) {
        const std::size_t resolver = form / 4;  // the last is not there
        GateDecisionWriter::Query query{.id = kId,
                                        .name = name,
                                        .type = "AAAA",
                                        .allowed = (form & 1) != 0,
                                        .reason_code = "allowed_by_allowlist",
                                        .rule_ref = (form & 2) != 0 ? "default" : "",
                                        .asked_server = "2001:db8::1",
                                        .transport = "tcp"};
        DnsQuery built{.query_id = std::string(kId),
                       .name = name,
                       .type = "AAAA",
                       .allowed = query.allowed,
                       .reason_code = "allowed_by_allowlist",
                       .observed_at = std::string(kTime),
                       .trust = run.query_trust,
                       .rule_ref = Some(query.rule_ref),
                       .asked_server = "2001:db8::1",
                       .transport = "tcp"};
        ExpectSame(writer.QueryEvent(query, When()), DnsQueryEvent(cell, built));
        query.rcode = 5;
        query.upstream = {.resolver = resolver, .latency_ms = UINT64_MAX, .targets = 3};
        built.rcode = 5;
        built.latency_ms = UINT64_MAX;
        built.target_count = 3;
        built.resolver_id = run.resolvers.empty() ? "" : run.resolvers[resolver < run.resolvers.size() ? resolver : 0];
        ExpectSame(writer.QueryEvent(query, When()), DnsQueryEvent(cell, built));
        ExpectSame(writer.PermittedEvent(query, When()),
                   DnsQueryPermittedEvent(cell, name, "AAAA", *built.resolver_id));
      }
    }
  });
}

TEST(GateDecisions, FlowsAreTheBytesOfTheBuilders) {
  const LinkedQuery answer{"q1", 17, "a\"b", "2026-01-02T03:04:05.000Z", 60, {"cdn.example"}};
  const std::string answer_json = ToJson(answer);
  ForEachWriter([&](GateDecisionWriter& writer, const CellRef& cell, const GateDecisionWriter::Run&) {
    for (const std::string& name : kNames) {
      for (unsigned form = 0; form < 64; ++form) {
        const bool sni = (form & 4) != 0, host = (form & 8) != 0;
        const std::string_view alpn = (form & 16) != 0 ? "h\"2" : "",
                               rule = (form & 2) != 0 ? "authority.egressRules[3]" : "";
        const std::uint16_t source = (form & 32) != 0 ? 65535 : 0;
        FlowDecision built{.decision_id = std::string(kId),
                           .allowed = (form & 1) != 0,
                           .reason_code = "gate_port",
                           .destination = "192.0.2.1",
                           .port = 443,
                           .protocol = "tcp",
                           .observed_at = std::string(kTime),
                           .flow_id = std::string(kId),
                           .rule_ref = Some(rule),
                           .alpn = Some(alpn)};
        if (sni) built.sni = name;
        if (host) built.http_host = name;
        if (source != 0) built.source_port = source;
        if (sni) built.query = answer;
        ExpectSame(writer.FlowEvent({.id = kId,
                                     .allowed = built.allowed,
                                     .reason_code = "gate_port",
                                     .destination = "192.0.2.1",
                                     .port = 443,
                                     .source_port = source,
                                     .protocol = "tcp",
                                     .rule_ref = rule,
                                     .alpn = alpn,
                                     .name = name,
                                     .has_sni = sni,
                                     .has_host = host,
                                     .query = sni ? std::string_view(answer_json) : std::string_view()},
                                    When()),
                   FlowDecisionEvent(cell, built, Observer::kGateFlow));
      }
    }
  });
}

TEST(GateDecisions, EndsAreTheBytesOfTheBuilders) {
  ForEachWriter([](GateDecisionWriter& writer, const CellRef& cell, const GateDecisionWriter::Run&) {
    for (const std::string_view reason : {"", "gate_budget"}) {
      for (const std::string_view flow : {"", "6f1ad9c4-7d3b-4b43-9d37-0d5c5a3a0c11"}) {
        ExpectSame(writer.ClosedEvent({.flow_id = flow,
                                       .bytes_out = UINT64_MAX,
                                       .bytes_in = 2,
                                       .duration_ms = 3,
                                       .closed_by = "workload",
                                       .reason_code = reason},
                                      When()),
                   FlowClosedEvent(cell, {std::string(flow), UINT64_MAX, 2, 3, "workload", Some(reason)}));
      }
    }
  });
}

TEST(GateDecisions, DecisionsOnNamesAreTheBytesOfTheBuilders) {
  ForEachWriter([](GateDecisionWriter& writer, const CellRef& cell, const GateDecisionWriter::Run& run) {
    for (const std::string& name : kNames) {
      for (unsigned form = 0; form < 16; ++form) {
        const std::string_view rule = (form & 2) != 0 ? "builtin.tls-hello" : "";
        L7EgressDecision built{.decision_id = std::string(kId),
                               .action = (form & 1) != 0 ? "allow" : "deny",
                               .sni_host = name,
                               .policy_digest = run.policy_digest,
                               .reason_code = "l7_sni_allowlist_match",
                               .rule_ref = Some(rule),
                               .trust = run.l7_trust};
        GateDecisionWriter::L7 decision{.id = kId,
                                        .allowed = (form & 1) != 0,
                                        .name = name,
                                        .reason_code = "l7_sni_allowlist_match",
                                        .rule_ref = rule};
        if ((form & 4) != 0) built.stream_id = decision.stream = UINT32_MAX;
        if ((form & 8) != 0) built.flow_id = decision.flow_id = "d1";
        Draft draft = L7EgressDecisionEvent(cell, built);
        draft.source = kSourceSniProxy;
        draft.observer = Observer::kGateL7;
        ExpectSame(writer.L7Event(decision, When()), draft);
      }
    }
  });
}

}  // namespace
}  // namespace event
