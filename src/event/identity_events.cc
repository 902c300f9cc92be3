// SPDX-License-Identifier: Apache-2.0
// Data of the identity and secret events.
#include "event/identity_events.h"

#include "event/cell_ref_members.h"

namespace event {
namespace {

Object BeginIdentity(const CellRef& cell, const Identity& identity) {
  Object inner;
  inner.Add("audience", identity.audience);
  inner.Add("kind", identity.kind);
  inner.Add("provider", identity.provider);
  inner.Add("secretRef", identity.secret_ref);
  inner.AddOrNull("subject", identity.subject);
  inner.AddOrNull("ttlSeconds", identity.ttl_seconds);
  Object object = Begin(cell);
  object.Raw("identity", inner.Take());
  return object;
}

Object BeginSecret(const CellRef& cell, const Secret& secret) {
  Object object = BeginShort(cell);
  object.Add("broker", secret.broker).Add("delivery", secret.delivery).Add("name", secret.name);
  return object;
}

std::string_view ToString(RevokeOutcome outcome) {
  switch (outcome) {
    case RevokeOutcome::kRevoked: return "revoked";
    case RevokeOutcome::kExpired: return "expired";
    case RevokeOutcome::kNotRevocable: return "not_revocable";
  }
  return "not_revocable";
}

}  // namespace

Draft IdentityMaterializedEvent(const CellRef& cell, const Identity& identity) {
  return Finish(kIdentityMaterialized, BeginIdentity(cell, identity));
}

Draft IdentityRevokedEvent(const CellRef& cell, const Identity& identity, std::optional<std::string> reason,
                           std::optional<Provenance> provenance) {
  Object object = BeginIdentity(cell, identity);
  AddProvenance(object, provenance);
  object.AddCut("reason", reason);
  return Finish(kIdentityRevoked, std::move(object));
}

Draft IdentityFailedEvent(const CellRef& cell, const Identity& identity, IdentityOperation operation,
                          std::string_view reason) {
  Object object = BeginIdentity(cell, identity);
  object.Add("operation", operation == IdentityOperation::kMaterialize ? "materialize" : "revoke");
  object.AddCut("reason", reason);
  return Finish(kIdentityFailed, std::move(object));
}

Draft UniversalTokenEvent(const CellRef& cell, std::optional<std::string> spec_hash,
                          std::optional<std::string> role_root) {
  Object object = BeginShort(cell);
  object.Add("reason", "an authority token without parentRunId was accepted because scoped tokens are not required");
  object.Add("remediation", "issue tokens that name parentRunId and leave CELLOS_REQUIRE_SCOPED_DERIVATION_TOKENS on");
  object.AddOrNull("roleRoot", role_root);
  object.AddOrNull("specHash", spec_hash);
  object.Add("specId", cell.spec_id);
  return Finish(kUniversalToken, std::move(object));
}

Draft SecretDeliveredEvent(const CellRef& cell, const Secret& secret, std::optional<std::uint64_t> suppressed) {
  Object object = BeginSecret(cell, secret);
  object.Add("suppressed", suppressed);
  return Finish(kSecretDelivered, std::move(object));
}

Draft SecretRevokedEvent(const CellRef& cell, const Secret& secret, RevokeOutcome outcome) {
  Object object = BeginSecret(cell, secret);
  object.Add("outcome", ToString(outcome));
  return Finish(kSecretRevoked, std::move(object));
}

Draft SecretDeniedEvent(const CellRef& cell, const Secret& secret, std::string_view reason,
                        std::optional<std::uint64_t> suppressed) {
  Object object = BeginSecret(cell, secret);
  object.AddCut("reason", reason);
  object.Add("suppressed", suppressed);
  return Finish(kSecretDenied, std::move(object));
}

}  // namespace event
