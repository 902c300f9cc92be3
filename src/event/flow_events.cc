// SPDX-License-Identifier: Apache-2.0
// Data of the events about connections.
#include "event/flow_events.h"

#include "event/cell_ref_members.h"

namespace event {

std::string ToJson(const LinkedQuery& query) {
  std::vector<std::string> cnames;
  for (const std::string& cname : query.cnames) cnames.push_back(Quoted(cname));
  Object object;
  object.Add("answeredAt", query.answered_at);
  object.AddCut("cnames", cnames);
  object.Add("leaf", query.leaf);
  object.AddCut("name", std::string_view(query.name));
  object.Add("queryId", query.query_id);
  object.Add("ttlSeconds", query.ttl_seconds);
  return object.Take();
}

// Members are added in the order in which they stand: a busy cell has many of these.
Draft FlowDecisionEvent(const CellRef& cell, const FlowDecision& decision, Observer observer) {
  Object object;
  object.AddCut("alpn", decision.alpn);
  object.Add("byteCount", decision.bytes);
  object.Add("cellId", cell.cell_id);
  if (cell.correlation) object.AddCut("correlationId", cell.correlation->correlation_id);
  object.Add("decision", decision.allowed ? "allow" : "deny");
  object.Add("decisionId", decision.decision_id);
  object.Add("direction", decision.direction);
  object.Add("dstAddr", decision.destination);
  object.Add("dstPort", decision.port);
  object.Add("flowId", decision.flow_id);
  object.AddCut("httpHost", decision.http_host);
  object.Add("issuerKid", decision.trust.issuer_kid);
  object.Add("keysetId", decision.trust.keyset_id);
  object.AddCut("nftRuleRef", decision.nft_rule_ref);
  object.Add("observedAt", decision.observed_at);
  object.Add("packetCount", decision.packets);
  object.Add("policyDigest", decision.trust.policy_digest);
  object.Add("protocol", decision.protocol);
  if (decision.query) object.Raw("query", ToJson(*decision.query));
  object.Add("reasonCode", decision.reason_code);
  object.Add("ruleRef", decision.rule_ref);
  object.Add("runId", cell.run_id);
  object.Add("schemaVersion", "1.0.0");
  object.AddCut("sni", decision.sni);
  object.Add("srcPort", decision.source_port);
  object.Add("suppressed", decision.suppressed);
  Draft draft = Finish(kNetworkFlowDecision, std::move(object));
  draft.observer = observer;
  return draft;
}

Draft FlowClosedEvent(const CellRef& cell, const FlowClosed& closed) {
  Object object;
  object.Add("bytesIn", closed.bytes_in);
  object.Add("bytesOut", closed.bytes_out);
  object.Add("cellId", cell.cell_id);
  object.Add("closedBy", closed.closed_by);
  object.Add("durationMs", closed.duration_ms);
  object.Add("flowId", closed.flow_id);
  object.Add("reasonCode", closed.reason_code);
  object.Add("runId", cell.run_id);
  Draft draft = Finish(kNetworkFlowClosed, std::move(object));
  draft.observer = Observer::kGateFlow;
  return draft;
}

Draft GateFailedEvent(const CellRef& cell, const GateFailed& failed) {
  Object object = BeginShort(cell);
  object.Add("flowsReset", failed.flows_reset);
  object.Add("phase", failed.phase);
  object.AddCut("reason", std::string_view(failed.reason));
  return Finish(kGateFailed, std::move(object));
}

}  // namespace event
