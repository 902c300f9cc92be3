// SPDX-License-Identifier: Apache-2.0
// The members of policy packs, authorization policies and keyset envelopes.
#include "spec/policy_tables.h"

#include "spec/constraints.h"

namespace spec {
namespace {

using enum Presence;

constexpr Constraint kPackVersion{"MAJOR.MINOR.PATCH, at least 1.0.0", ""};
constexpr Constraint kPatternsNotEmpty{"no empty pattern", ""};
constexpr Constraint kSubjects{"at least one, none blank", R"("minItems":1)"};
constexpr Constraint kNotBlank{"none blank", ""};

constexpr FieldRow kPolicyRules[] = {
    Row<&PolicyRules::max_lifetime_ttl_seconds>("maxLifetimeTtlSeconds", kSkipNull,
                                                "lifetime.ttlSeconds is at most this", &kPositive),
    Row<&PolicyRules::max_memory_max_bytes>("maxMemoryMaxBytes", kSkipNull,
                                            "run.limits.memoryMaxBytes is given and at most this", &kPositive),
    Row<&PolicyRules::max_run_timeout_ms>("maxRunTimeoutMs", kSkipNull,
                                          "The shorter of run.timeoutMs and the lifetime is at most this", &kPositive),
    Row<&PolicyRules::require_egress_declared>("requireEgressDeclared", kSkipDefault,
                                               "authority.egressRules has a rule; default false"),
    Row<&PolicyRules::forbid_outbound_egress_rules>("forbidOutboundEgressRules", kSkipDefault,
                                                    "authority.egressRules has no rule; default false"),
    Row<&PolicyRules::allowed_egress_hosts>("allowedEgressHosts", kSkipDefault,
                                            "Every rule's host matches one: *, *.x or a host; default []: no limit",
                                            &kPatternsNotEmpty),
    Row<&PolicyRules::require_runtime_secret_delivery>("requireRuntimeSecretDelivery", kSkipDefault,
                                                       "run.secretDelivery is not env; default false"),
    Row<&PolicyRules::require_resource_limits>("requireResourceLimits", kSkipDefault,
                                               "run.limits has memory and cpu; default false"),
    Row<&PolicyRules::flag_dns_egress_without_acknowledgment>("flagDnsEgressWithoutAcknowledgment", kSkipNull,
                                                              "Rules for port 53 and 853 say dns-acknowledged"),
    Row<&PolicyRules::require_dns_egress_justification>("requireDnsEgressJustification", kSkipNull,
                                                        "Acknowledged rules for port 53 say why"),
    Row<&PolicyRules::secret_ref_allowlist>("secretRefAllowlist", kSkipNull,
                                            "Caller to the names of secrets it may ask for"),
};
constexpr FieldRow kPolicyScope[] = {
    Row<&PolicyScope::pool_id>("poolId", kSkipNull, "Pool of the host"),
    Row<&PolicyScope::kubernetes_namespace>("kubernetesNamespace", kSkipNull, "Namespace of the host"),
    Row<&PolicyScope::queue_name>("queueName", kSkipNull, "Queue of the host"),
};
constexpr FieldRow kPolicyPackSpec[] = {
    Row<&PolicyPackSpec::id>("id", kRequired, "Name of the pack", &kPortableId),
    Row<&PolicyPackSpec::description>("description", kSkipNull, "Free text"),
    Row<&PolicyPackSpec::version>("version", kSkipNull, "Version of the pack", &kPackVersion),
    Row<&PolicyPackSpec::placement>("placement", kSkipNull, "Hosts it is for; default all"),
    Row<&PolicyPackSpec::rules>("rules", kRequired, "What documents must satisfy; {} demands nothing"),
};
constexpr FieldRow kPolicyPack[] = {
    Row<&PolicyPack::api_version>("apiVersion", kRequired, "Format of the document", &kApiVersion),
    Row<&PolicyPack::kind>("kind", kRequired, "Kind of the document", &kPackKind),
    Row<&PolicyPack::spec>("spec", kRequired, "The pack"),
};
constexpr FieldRow kAuthorizationSpec[] = {
    Row<&AuthorizationSpec::subjects>("subjects", kRequired, "Tenants that may run cells here", &kSubjects),
    Row<&AuthorizationSpec::allowed_pools>("allowedPools", kSkipDefault, "Default []: no limit", &kNotBlank),
    Row<&AuthorizationSpec::allowed_policy_packs>("allowedPolicyPacks", kSkipDefault, "Default []: no limit",
                                                  &kNotBlank),
    Row<&AuthorizationSpec::max_cells_per_hour>("maxCellsPerHour", kSkipNull, "Starts per subject", &kPositive),
};
constexpr FieldRow kAuthorizationPolicy[] = {
    Row<&AuthorizationPolicy::api_version>("apiVersion", kRequired, "Format of the document", &kApiVersion),
    Row<&AuthorizationPolicy::kind>("kind", kRequired, "Kind of the document", &kAuthorizationKind),
    Row<&AuthorizationPolicy::spec>("spec", kRequired, "The policy"),
};
constexpr FieldRow kKeysetSignature[] = {
    Row<&KeysetSignature::signer_kid>("signerKid", kRequired, "Key id in the keys file"),
    Row<&KeysetSignature::algorithm>("algorithm", kRequired, "ed25519; others are skipped"),
    Row<&KeysetSignature::signature>("signature", kRequired, "base64url of 64 bytes over the decoded payload"),
    Row<&KeysetSignature::not_before>("notBefore", kSkipNull, "RFC 3339, inclusive"),
    Row<&KeysetSignature::not_after>("notAfter", kSkipNull, "RFC 3339, inclusive"),
};
constexpr FieldRow kKeysetEnvelope[] = {
    Row<&KeysetEnvelope::schema_version>("schemaVersion", kRequired, "Format of the envelope", &kKeysetSchemaVersion),
    Row<&KeysetEnvelope::payload_type>("payloadType", kRequired, "Kind of the payload", &kPayloadType),
    Row<&KeysetEnvelope::payload>("payload", kRequired, "base64url of the keyset"),
    Row<&KeysetEnvelope::payload_digest>("payloadDigest", kRequired, "sha256:… of the decoded payload"),
    Row<&KeysetEnvelope::signatures>("signatures", kRequired, "Signatures over the decoded payload", &kListNotEmpty),
    Row<&KeysetEnvelope::produced_at>("producedAt", kRequired, "When it was made"),
    Row<&KeysetEnvelope::replaces_envelope_digest>("replacesEnvelopeDigest", kSkipNull,
                                                   "payloadDigest of the envelope before; absent in the first"),
    Row<&KeysetEnvelope::required_signer_count>("requiredSignerCount", kSkipNull,
                                                "Distinct signers needed; absent and 0 mean 1"),
};

}  // namespace

const ObjectShape ShapeOf<PolicyRules>::kShape{"PolicyRules", kPolicyRules};
const ObjectShape ShapeOf<PolicyScope>::kShape{"PolicyScope", kPolicyScope};
const ObjectShape ShapeOf<PolicyPackSpec>::kShape{"PolicyPackSpec", kPolicyPackSpec};
const ObjectShape ShapeOf<PolicyPack>::kShape{"PolicyPack", kPolicyPack};
const ObjectShape ShapeOf<AuthorizationSpec>::kShape{"AuthorizationSpec", kAuthorizationSpec};
const ObjectShape ShapeOf<AuthorizationPolicy>::kShape{"AuthorizationPolicy", kAuthorizationPolicy};
const ObjectShape ShapeOf<KeysetSignature>::kShape{"KeysetSignature", kKeysetSignature};
const ObjectShape ShapeOf<KeysetEnvelope>::kShape{"KeysetEnvelope", kKeysetEnvelope};

}  // namespace spec
