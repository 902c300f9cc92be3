// SPDX-License-Identifier: Apache-2.0
// Data of the events about names.
#include "event/dns_events.h"

#include "crypto/sha256.h"
#include "event/cell_ref_members.h"

namespace event {
namespace {

constexpr std::string_view kSchemaVersion = "1.0.0";

void AddTrust(Object& object, const CellRef& cell, const DecisionTrust& trust) {
  if (cell.correlation) object.AddCut("correlationId", cell.correlation->correlation_id);
  object.Add("issuerKid", trust.issuer_kid);
  object.Add("keysetId", trust.keyset_id);
  object.Add("policyDigest", trust.policy_digest);
}

Object BeginDns(const CellRef& cell, const DecisionTrust& trust) {
  Object object = BeginShort(cell);
  AddTrust(object, cell, trust);
  object.Add("schemaVersion", kSchemaVersion);
  return object;
}

Draft OfGate(std::string_view type, std::string_view source, Object object) {
  Draft draft = Finish(type, std::move(object));
  draft.source = source;
  draft.observer = Observer::kGateDns;
  return draft;
}

std::vector<std::string> AllQuoted(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  quoted.reserve(texts.size());
  for (const std::string& text : texts) quoted.push_back(Quoted(text));
  return quoted;
}

Object BeginRebind(const CellRef& cell, const DnsRebind& rebind) {
  Object object = BeginDns(cell, rebind.trust);
  object.Add("cumulativeIpCount", rebind.cumulative_count);
  object.AddCut("hostname", std::string_view(rebind.hostname));
  object.Add("novelIp", rebind.novel_ip);
  object.Add("observedAt", rebind.observed_at);
  object.Add("previousIpCount", rebind.previous_count);
  object.AddCut("resolverId", rebind.resolver_id);
  return object;
}

}  // namespace

// The most frequent event of all: its members are added in the order in which they stand.
Draft DnsQueryEvent(const CellRef& cell, const DnsQuery& query) {
  Object object;
  object.Add("askedServer", query.asked_server);
  object.Add("cellId", cell.cell_id);
  if (cell.correlation) object.AddCut("correlationId", cell.correlation->correlation_id);
  object.Add("decision", query.allowed ? "allow" : "deny");
  object.Add("issuerKid", query.trust.issuer_kid);
  object.Add("keysetId", query.trust.keyset_id);
  object.Add("observedAt", query.observed_at);
  object.Add("policyDigest", query.trust.policy_digest);
  object.Add("queryId", query.query_id);
  object.AddCut("queryName", std::string_view(query.name));
  object.Add("queryType", query.type);
  object.Add("reasonCode", query.reason_code);
  object.Add("responseRcode", query.rcode);
  object.Add("responseTargetCount", query.target_count);
  object.Add("ruleRef", query.rule_ref);
  object.Add("runId", cell.run_id);
  object.Add("schemaVersion", kSchemaVersion);
  object.Add("suppressed", query.suppressed);
  object.Add("transport", query.transport);
  object.Add("upstreamLatencyMs", query.latency_ms);
  object.AddCut("upstreamResolverId", query.resolver_id);
  return OfGate(kDnsQuery, kSourceDnsProxy, std::move(object));
}

Draft DnsQueryPermittedEvent(const CellRef& cell, std::string_view name, std::string_view type,
                             std::string_view resolver) {
  Object object;
  object.Add("cellId", cell.cell_id);
  object.AddCut("queryName", name);
  object.Add("queryType", type);
  object.AddCut("resolver", resolver);
  object.Add("runId", cell.run_id);
  object.Add("schemaVersion", kSchemaVersion);
  return OfGate(kDnsQueryPermitted, kSourceDnsProxy, std::move(object));
}

Draft DnsQueryRefusedEvent(const CellRef& cell, std::string_view name, std::string_view type,
                           std::string_view reason) {
  Object object;
  object.Add("cellId", cell.cell_id);
  object.AddCut("queryName", name);
  object.Add("queryType", type);
  object.Add("reason", reason);
  object.Add("schemaVersion", kSchemaVersion);
  return OfGate(kDnsQueryRefused, kSourceDnsProxy, std::move(object));
}

std::string DigestOfTargets(const std::vector<std::string>& sorted_targets) {
  std::string joined;
  for (const std::string& target : sorted_targets) {
    if (!joined.empty()) joined.push_back('\n');
    joined.append(target);
  }
  return crypto::PrefixedHex(crypto::Sha256Of(joined));
}

Draft DnsDriftEvent(const CellRef& cell, const DnsDrift& drift) {
  Object object = BeginDns(cell, drift.trust);
  object.AddCut("addedTargets", AllQuoted(drift.added));
  object.Add("currentDigest", drift.current_digest);
  object.AddCut("currentTargets", AllQuoted(drift.current));
  object.Add("dnssecStatus", drift.dnssec_status);
  object.AddCut("hostname", std::string_view(drift.hostname));
  object.Add("observedAt", drift.observed_at);
  object.Add("previousDigest", drift.previous_digest);
  object.AddCut("previousTargets", AllQuoted(drift.previous));
  object.AddCut("removedTargets", AllQuoted(drift.removed));
  object.AddCut("resolverId", std::string_view(drift.resolver_id));
  object.Add("staleSeconds", drift.stale_seconds);
  object.Add("ttlSeconds", drift.ttl_seconds);
  return OfGate(kDnsAuthorityDrift, kSourceSupervisor, std::move(object));
}

Draft DnsRebindThresholdEvent(const CellRef& cell, const DnsRebind& rebind, std::uint32_t max_novel_ips) {
  Object object = BeginRebind(cell, rebind);
  object.Add("maxNovelIpsPerHostname", max_novel_ips);
  return OfGate(kDnsRebindThreshold, kSourceSupervisor, std::move(object));
}

Draft DnsRebindRejectedEvent(const CellRef& cell, const DnsRebind& rebind,
                             const std::vector<std::string>& response_allowlist) {
  Object object = BeginRebind(cell, rebind);
  object.AddCut("responseIpAllowlist", AllQuoted(response_allowlist));
  return OfGate(kDnsRebindRejected, kSourceSupervisor, std::move(object));
}

Draft DnssecFailedEvent(const CellRef& cell, const DnssecFailed& failed) {
  Object object = BeginDns(cell, failed.trust);
  object.Add("failClosed", failed.fail_closed);
  object.AddCut("hostname", std::string_view(failed.hostname));
  object.Add("observedAt", failed.observed_at);
  object.Add("reason", failed.reason);
  object.AddCut("resolverId", std::string_view(failed.resolver_id));
  object.Add("source", failed.source);
  object.AddCut("trustAnchorSource", std::string_view(failed.trust_anchor_source));
  const bool by_gate = failed.source == "dataplane";
  return OfGate(kDnsDnssecFailed, by_gate ? kSourceDnsProxy : kSourceSupervisor, std::move(object));
}

}  // namespace event
