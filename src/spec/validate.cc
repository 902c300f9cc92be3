// SPDX-License-Identifier: Apache-2.0
// The rules of a cell document in their order: the first one broken is the error.
#include "spec/capability.h"
#include "spec/document.h"
#include "spec/primitives.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

constexpr std::string_view kIdForm = "1 to 128 of letters, digits, '.', '_' and '-', a letter or digit first, no '..'";

Verdict ValidateTenant(const Correlation& correlation) {
  if (!correlation.tenant_id) return std::nullopt;
  constexpr auto kPointer = "/spec/correlation/tenantId";
  if (correlation.tenant_id->empty()) {
    return Refuse("empty_tenant_id", kPointer, *correlation.tenant_id, "a name that is not empty");
  }
  if (IsTenantId(*correlation.tenant_id)) return std::nullopt;
  return Refuse("bad_tenant_id", kPointer, *correlation.tenant_id,
                "1 to 128 of letters, digits, '_' and '-', a letter or digit first");
}

Verdict ValidateSecretRefs(const std::vector<std::string>& refs) {
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (!IsPortableId(refs[i])) {
      return Refuse("bad_identifier", fmt::format("/spec/authority/secretRefs/{}", i), refs[i], kIdForm);
    }
  }
  std::vector<std::string_view> sorted(refs.begin(), refs.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return std::nullopt;
  return Refuse("duplicate_secret_ref", "/spec/authority/secretRefs", *twice, "each name once");
}

Verdict ValidateIdentity(const Identity& identity, const CellSpec& spec) {
  if (!IsPortableId(identity.secret_ref)) {
    return Refuse("bad_identifier", "/spec/identity/secretRef", identity.secret_ref, kIdForm);
  }
  if (identity.ttl_seconds && *identity.ttl_seconds > spec.lifetime.ttl_seconds) {
    return Refuse("identity_ttl_exceeds_lifetime", "/spec/identity/ttlSeconds",
                  fmt::format("found {}; allowed is at most lifetime.ttlSeconds, {}", *identity.ttl_seconds,
                              spec.lifetime.ttl_seconds));
  }
  if (IsListed(spec.authority.secret_refs, identity.secret_ref)) return std::nullopt;
  return Refuse("identity_secret_not_granted", "/spec/identity/secretRef", identity.secret_ref,
                "a name that authority.secretRefs lists");
}

Verdict ValidateEnvironment(const Environment& environment) {
  if (environment.image_reference.empty()) {
    return Refuse("empty_image_reference", "/spec/environment/imageReference", "", "a reference");
  }
  if (environment.image_digest && !IsImageDigest(*environment.image_digest)) {
    return Refuse("bad_image_digest", "/spec/environment/imageDigest", *environment.image_digest,
                  "sha256: and 64 lower-case hexadecimal digits");
  }
  if (environment.template_id && !IsPortableId(*environment.template_id)) {
    return Refuse("bad_identifier", "/spec/environment/templateId", *environment.template_id, kIdForm);
  }
  return std::nullopt;
}

Verdict ValidatePlacement(const Placement& placement) {
  if (!placement.pool_id && !placement.kubernetes_namespace && !placement.queue_name) {
    return Refuse("empty_placement", "/spec/placement",
                  "found no hint; allowed is at least one of poolId, kubernetesNamespace, queueName");
  }
  if (placement.pool_id && !IsPortableId(*placement.pool_id)) {
    return Refuse("bad_identifier", "/spec/placement/poolId", *placement.pool_id, kIdForm);
  }
  if (placement.kubernetes_namespace && !IsNamespace(*placement.kubernetes_namespace)) {
    return Refuse("bad_kubernetes_namespace", "/spec/placement/kubernetesNamespace", *placement.kubernetes_namespace,
                  "1 to 63 of a-z, 0-9 and '-', a letter or digit at both ends");
  }
  if (placement.queue_name && !IsPortableId(*placement.queue_name)) {
    return Refuse("bad_identifier", "/spec/placement/queueName", *placement.queue_name, kIdForm);
  }
  return std::nullopt;
}

Verdict ValidateIngressSecret(const std::optional<std::string>& secret, std::string pointer,
                              const Authority& authority) {
  if (!secret) return std::nullopt;
  if (!IsPortableId(*secret)) return Refuse("bad_identifier", std::move(pointer), *secret, kIdForm);
  if (IsListed(authority.secret_refs, *secret)) return std::nullopt;
  return Refuse("ingress_secret_not_granted", std::move(pointer), *secret, "a name that authority.secretRefs lists");
}

Verdict ValidateIngress(const Ingress& ingress, const Authority& authority) {
  if (ingress.git) {
    if (auto fault = ValidateIngressSecret(ingress.git->secret_ref, "/spec/ingress/git/secretRef", authority))
      return fault;
  }
  if (!ingress.oci_image) return std::nullopt;
  const OciImageIngress& image = *ingress.oci_image;
  if (auto fault = ValidateIngressSecret(image.secret_ref, "/spec/ingress/ociImage/secretRef", authority)) return fault;
  if (image.reference.empty()) {
    return Refuse("empty_image_reference", "/spec/ingress/ociImage/reference", "", "a reference");
  }
  if (image.digest && !IsImageDigest(*image.digest)) {
    return Refuse("bad_image_digest", "/spec/ingress/ociImage/digest", *image.digest,
                  "sha256: and 64 lower-case hexadecimal digits");
  }
  return std::nullopt;
}

Verdict ValidateAuthority(const Authority& authority) {
  if (authority.egress_rules) {
    if (auto fault = ValidateEgressRules(*authority.egress_rules)) return fault;
  }
  if (authority.dns_authority) {
    if (auto fault = ValidateDnsAuthority(*authority.dns_authority)) return fault;
  }
  if (authority.cdn_authority) {
    if (auto fault = ValidateCdnAuthority(*authority.cdn_authority)) return fault;
  }
  if (!authority.authority_derivation) return std::nullopt;
  if (Excess(authority.authority_derivation->leaf_capability, authority).IsNone()) return std::nullopt;
  return Refuse("derivation_exceeds_authority", "/spec/authority/authorityDerivation/leafCapability",
                "found more than authority.egressRules and authority.secretRefs grant; allowed is a part of them");
}

Verdict ValidateHead(const CellDocument& document) {
  if (document.api_version != "cellos.io/v1") {
    return Refuse("bad_api_version", "/apiVersion", document.api_version, "cellos.io/v1");
  }
  if (document.kind != "ExecutionCell") return Refuse("bad_kind", "/kind", document.kind, "ExecutionCell");
  if (!IsPortableId(document.spec.id)) return Refuse("bad_identifier", "/spec/id", document.spec.id, kIdForm);
  if (document.spec.lifetime.ttl_seconds == 0) {
    return Refuse("zero_ttl", "/spec/lifetime/ttlSeconds", "found 0; allowed is at least 1");
  }
  return std::nullopt;
}

Verdict Validate(const CellDocument& document) {
  const CellSpec& spec = document.spec;
  if (auto fault = ValidateHead(document)) return fault;
  if (spec.correlation) {
    if (auto fault = ValidateTenant(*spec.correlation)) return fault;
  }
  if (spec.authority.secret_refs) {
    if (auto fault = ValidateSecretRefs(*spec.authority.secret_refs)) return fault;
  }
  if (spec.identity) {
    if (auto fault = ValidateIdentity(*spec.identity, spec)) return fault;
  }
  if (spec.environment) {
    if (auto fault = ValidateEnvironment(*spec.environment)) return fault;
  }
  if (spec.placement) {
    if (auto fault = ValidatePlacement(*spec.placement)) return fault;
  }
  if (spec.ingress) {
    if (auto fault = ValidateIngress(*spec.ingress, spec.authority)) return fault;
  }
  if (spec.run) {
    if (auto fault = ValidateRun(*spec.run, spec.lifetime)) return fault;
  }
  if (auto fault = ValidateAuthority(spec.authority)) return fault;
  if (spec.exports) {
    if (auto fault = ValidateExports(*spec.exports, spec.authority)) return fault;
  }
  if (!spec.telemetry) return std::nullopt;
  return ValidateTelemetry(*spec.telemetry, spec.authority.egress_rules && !spec.authority.egress_rules->empty());
}

}  // namespace

std::expected<void, DocumentError> ValidateCellDocument(const CellDocument& document) {
  auto fault = Validate(document);
  if (fault) [[unlikely]]
    return std::unexpected(std::move(*fault));
  return {};
}

}  // namespace spec
