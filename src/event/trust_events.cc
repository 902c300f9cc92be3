// SPDX-License-Identifier: Apache-2.0
// Data of the trust events.
#include "event/trust_events.h"

#include "event/cell_ref_members.h"

namespace event {
namespace {

constexpr std::string_view kSchemaVersion = "1.0.0";
// The one name under which a run's declared egress is a target set.
constexpr std::string_view kDeclaredEgressName = "declared-egress.trust.cellos.internal";

}  // namespace

Draft KeysetVerifiedEvent(const KeysetVerified& verified) {
  Object object;
  object.Add("correlationId", verified.correlation_id);
  object.Add("keysetId", verified.keyset_id);
  object.Add("payloadDigest", verified.payload_digest);
  object.Add("schemaVersion", kSchemaVersion);
  object.Add("verifiedAt", verified.verified_at);
  object.Add("verifiedSignerKid", verified.signer_kid);
  return Finish(kKeysetVerified, std::move(object));
}

Draft KeysetVerificationFailedEvent(const KeysetVerificationFailed& failed) {
  const auto slash = failed.path.rfind('/');
  Object object;
  object.Add("attemptedKeysetPath", slash == std::string::npos ? failed.path : failed.path.substr(slash + 1));
  object.Add("correlationId", failed.correlation_id);
  object.Add("failedAt", failed.failed_at);
  object.Add("reason", failed.reason);
  object.Add("schemaVersion", kSchemaVersion);
  return Finish(kKeysetVerificationFailed, std::move(object));
}

Draft DnsTargetSetEvent(const CellRef& cell, const DnsTargetSet& set) {
  Object object = Begin(cell);
  object.Add("currentDigest", set.current_digest);
  object.Add("fqdn", kDeclaredEgressName);
  object.Add("issuerKid", set.issuer_kid);
  object.Add("keysetId", set.keyset_id);
  object.Add("previousDigest", "empty");
  object.Add("reason", "refresh");
  object.Add("updatedAt", set.updated_at);
  return Finish(kDnsTargetSet, std::move(object));
}

}  // namespace event
