// SPDX-License-Identifier: Apache-2.0
// Data of the trust events.
#include "event/trust_events.h"

#include "event/cell_ref_members.h"

namespace event {
namespace {

constexpr std::string_view kSchemaVersion = "1.0.0";

void AddTrust(Object& object, const TrustIds& trust, std::string_view default_issuer) {
  object.Add("issuerKid", trust.issuer_kid.empty() ? default_issuer : std::string_view(trust.issuer_kid));
  object.Add("keysetId", trust.keyset_id);
}

}  // namespace

Draft KeysetVerifiedEvent(const KeysetVerified& verified) {
  Object object;
  object.Add("correlationId", verified.correlation_id);
  object.Add("keysetId", verified.keyset_id);
  object.Add("payloadDigest", verified.payload_digest);
  object.Add("schemaVersion", kSchemaVersion);
  object.Add("verifiedAt", verified.verified_at);
  object.Add("verifiedSignerKid", verified.verified_signer_kid);
  return Finish(kKeysetVerified, std::move(object));
}

Draft KeysetVerificationFailedEvent(const KeysetVerificationFailed& failed) {
  Object object;
  object.AddCut("attemptedKeysetPath", std::string_view(failed.attempted_keyset_path));
  object.Add("correlationId", failed.correlation_id);
  object.Add("failedAt", failed.failed_at);
  object.AddCut("reason", std::string_view(failed.reason));
  object.Add("schemaVersion", kSchemaVersion);
  return Finish(kKeysetVerificationFailed, std::move(object));
}

Draft DnsTargetSetEvent(const CellRef& cell, const DnsTargetSet& set) {
  Object object = Begin(cell);
  object.Add("currentDigest", set.current_digest);
  object.Add("fqdn", set.fqdn);
  AddTrust(object, set.trust, kDnsIssuer);
  object.Add("previousDigest", set.previous_digest);
  object.Add("reason", set.reason);
  object.Add("updatedAt", set.updated_at);
  return Finish(kDnsTargetSet, std::move(object));
}

Draft L7EgressDecisionEvent(const CellRef& cell, const L7EgressDecision& decision) {
  Object object = Begin(cell);
  object.Add("action", decision.action);
  object.Add("decisionId", decision.decision_id);
  object.Add("flowId", decision.flow_id);
  AddTrust(object, decision.trust, kL7Issuer);
  object.Add("policyDigest", decision.policy_digest);
  object.Add("reasonCode", decision.reason_code);
  object.AddCut("ruleRef", decision.rule_ref);
  object.AddCut("sniHost", std::string_view(decision.sni_host));
  object.Add("streamId", decision.stream_id);
  object.Add("suppressed", decision.suppressed);
  return Finish(kL7EgressDecision, std::move(object));
}

Draft DnsResolutionEvent(const CellRef& cell, const DnsResolution& resolution) {
  std::vector<std::string> targets;
  for (const DnsResolution::Target& target : resolution.targets) {
    Object row;
    row.Add("address", target.address).Add("family", target.family).Add("port", target.port);
    targets.push_back(row.Take());
  }
  Object object = Begin(cell);
  object.AddCut("fqdn", std::string_view(resolution.fqdn));
  AddTrust(object, resolution.trust, kDnsIssuer);
  object.Add("policyDigest", resolution.policy_digest);
  object.AddCut("receiptId", resolution.receipt_id);
  object.Add("resolvedAt", resolution.resolved_at);
  object.AddCut("targets", targets);
  object.Add("ttlSeconds", resolution.ttl_seconds);
  return Finish(kDnsResolution, std::move(object));
}

}  // namespace event
