// SPDX-License-Identifier: Apache-2.0
// From the arguments of a record to the product's own builders.
#include "vectors/kinds/events_data_builders.h"

#include <charconv>

#include "event/admission_events.h"
#include "event/compliance_events.h"
#include "event/dns_events.h"
#include "event/evidence_events.h"
#include "event/export_events.h"
#include "event/flow_events.h"
#include "event/identity_events.h"
#include "event/lifecycle_events.h"
#include "event/network_events.h"
#include "event/trust_events.h"

namespace vectors {

event::CellRef CellOf(const Arguments& args) {
  const Arguments spec = args.In("spec"), correlation = spec.In("correlation");
  event::CellRef cell{.cell_id = args.TextOr("cell_id"), .spec_id = spec.TextOr("id"), .run_id = args.Text("run_id")};
  if (!correlation.given()) return cell;
  cell.correlation = event::Correlation{.platform = correlation.Text("platform"),
                                        .external_run_id = correlation.Text("externalRunId"),
                                        .external_job_id = correlation.Text("externalJobId"),
                                        .tenant_id = correlation.Text("tenantId"),
                                        .correlation_id = correlation.Text("correlationId")};
  if (const Value* labels = correlation.Get("labels")) {
    cell.correlation->labels.emplace();
    for (const json::Member& label : labels->object()) {
      cell.correlation->labels->emplace(label.name, label.value.string());
    }
  }
  return cell;
}

namespace {

std::optional<event::Placement> PlacementOf(const Arguments& spec) {
  const Arguments placement = spec.In("placement");
  if (!placement.given()) return std::nullopt;
  return event::Placement{placement.Text("poolId"), placement.Text("kubernetesNamespace"), placement.Text("queueName")};
}

std::optional<event::Provenance> ProvenanceOf(const Arguments& args) {
  const Arguments provenance = args.In("provenance");
  if (!provenance.given()) return std::nullopt;
  return event::Provenance{provenance.TextOr("parent"), provenance.TextOr("parentType")};
}

std::uint64_t TtlOf(const Arguments& args) { return args.In("spec").In("lifetime").Natural("ttlSeconds").value_or(0); }

event::Draft Started(const Arguments& args) {
  return event::StartedEvent(CellOf(args), {.ttl_seconds = TtlOf(args),
                                            .spec_hash = args.Text("spec_hash"),
                                            .derivation_verified = args.Flag("derivation_verified"),
                                            .role_root = args.Text("role_root"),
                                            .parent_run_id = args.Text("parent_run_id"),
                                            .kernel_digest = args.Text("kernel_digest_sha256"),
                                            .rootfs_digest = args.Text("rootfs_digest_sha256"),
                                            .firecracker_digest = args.Text("firecracker_digest_sha256"),
                                            .placement = PlacementOf(args.In("spec"))});
}

event::Draft Destroyed(const Arguments& args) {
  event::Destroyed destroyed{.ttl_seconds = TtlOf(args),
                             .outcome = args.Text("outcome") == "succeeded" ? event::Outcome::kSucceeded
                                                                            : event::Outcome::kFailed,
                             .reason = args.Text("reason"),
                             .evidence_bundle_ref = args.Text("evidence_bundle_ref")};
  if (const auto state = args.Text("terminal_state")) {
    destroyed.terminal_state = *state == "clean" ? event::TerminalState::kClean : event::TerminalState::kForced;
  }
  if (const auto residue = args.Text("residue_class")) {
    destroyed.residue_class =
        *residue == "none" ? event::ResidueClass::kNone : event::ResidueClass::kDocumentedException;
  }
  return event::DestroyedEvent(CellOf(args), destroyed);
}

event::Draft Compliance(const Arguments& args) {
  const Arguments spec = args.In("spec"), run = spec.In("run"), policy = spec.In("policy");
  return event::ComplianceSummaryEvent(
      CellOf(args),
      {.lifetime_ttl_seconds = TtlOf(args),
       .egress_rule_count = spec.In("authority").Items("egressRules").size(),
       .resource_limits_present = run.Get("limits") != nullptr,
       .secret_delivery_mode = run.given() ? run.TextOr("secretDelivery", "runtimeLeasedBroker") : "env",
       .export_target_count = spec.In("export").Items("targets").size(),
       .policy_pack_id = policy.Text("packId"),
       .policy_pack_version = policy.Text("packVersion"),
       .policy_bundle_digest = policy.Text("bundleDigest"),
       .placement = PlacementOf(spec),
       .command_exit_code = args.Integer("command_exit_code"),
       .subject_urns = args.Texts("subject_urns")});
}

event::Identity IdentityOf(const Arguments& args) {
  const Arguments identity = args.In("identity");
  return {.provider = identity.TextOr("provider"),
          .audience = identity.TextOr("audience"),
          .subject = identity.Text("subject"),
          .ttl_seconds = identity.Natural("ttlSeconds"),
          .secret_ref = identity.TextOr("secretRef"),
          .kind = identity.TextOr("kind")};
}

event::Draft Materialized(const Arguments& args) {
  return event::IdentityMaterializedEvent(CellOf(args), IdentityOf(args));
}
event::Draft Revoked(const Arguments& args) {
  return event::IdentityRevokedEvent(CellOf(args), IdentityOf(args), args.Text("reason"), ProvenanceOf(args));
}
event::Draft IdentityFailed(const Arguments& args) {
  return event::IdentityFailedEvent(CellOf(args), IdentityOf(args),
                                    args.Text("operation") == "materialize" ? event::IdentityOperation::kMaterialize
                                                                            : event::IdentityOperation::kRevoke,
                                    args.TextOr("reason"));
}

event::Draft Completed(const Arguments& args) {
  return event::CommandCompletedEvent(CellOf(args), {.argv = args.Texts("argv"),
                                                     .exit_code = args.Integer("exit_code").value_or(-1),
                                                     .duration_ms = args.Natural("duration_ms").value_or(0),
                                                     .spawn_error = args.Text("spawn_error")});
}
event::Draft Spawned(const Arguments& args) {
  return event::ProcessSpawnedEvent(CellOf(args), args.TextOr("program"), args.Natural("argc").value_or(0));
}
event::Draft FsTouch(const Arguments& args) {
  return event::FsTouchExportEvent(CellOf(args), args.TextOr("source_path"), args.TextOr("artifact_name"));
}
event::Draft Manifest(const Arguments& args) {
  return event::ManifestFailedEvent({.role = args.TextOr("role"),
                                     .expected_sha256 = args.TextOr("expected_sha256"),
                                     .actual_sha256 = args.TextOr("actual_sha256"),
                                     .manifest_path = args.TextOr("manifest_path")});
}

event::Draft Exported(const Arguments& args) {
  const Arguments receipt = args.In("receipt");
  return event::ExportCompletedEvent(CellOf(args), {.artifact_name = args.TextOr("artifact_name"),
                                                    .target_kind = receipt.TextOr("targetKind"),
                                                    .target_name = receipt.Text("targetName"),
                                                    .destination = receipt.TextOr("destination"),
                                                    .bytes_written = receipt.Natural("bytesWritten").value_or(0),
                                                    .provenance = ProvenanceOf(args)});
}
event::Draft ExportFailed(const Arguments& args) {
  return event::ExportFailedEvent(CellOf(args), {.artifact_name = args.TextOr("artifact_name"),
                                                 .target_kind = args.TextOr("target_kind"),
                                                 .reason = args.TextOr("reason"),
                                                 .target_name = args.Text("target_name"),
                                                 .destination = args.Text("destination"),
                                                 .provenance = ProvenanceOf(args)});
}

event::Draft Scope(const Arguments& args) {
  return event::NetworkScopeEvent(CellOf(args), args.Natural("egress_rule_count").value_or(0),
                                  args.Flag("has_opaque_network_authority").value_or(false));
}

event::EgressRule RuleOf(const Arguments& rule) {
  return {.host = rule.TextOr("host"),
          .port = static_cast<std::uint16_t>(rule.Natural("port").value_or(0)),
          .protocol = rule.Text("protocol"),
          .dns_egress_justification = rule.Text("dnsEgressJustification")};
}

event::Draft NetworkPolicy(const Arguments& args) {
  std::vector<event::EgressRule> rules;
  for (const Value& rule : args.Items("egress_rules")) rules.push_back(RuleOf(Arguments(&rule)));
  return event::NetworkPolicyEvent(CellOf(args), rules, args.TextOr("isolation_mode"));
}

event::Draft Enforcement(const Arguments& args) {
  return event::NetworkEnforcementEvent(
      CellOf(args), {.nft_rules_applied = args.Flag("nft_rules_applied").value_or(false),
                     .declared_egress_rule_count = args.Natural("declared_egress_rule_count").value_or(0),
                     .command_exit_code = args.Integer("command_exit_code").value_or(-1),
                     .spawn_error = args.Text("spawn_error"),
                     .isolation_mode = args.TextOr("isolation_mode", "clone_newnet")});
}

std::uint64_t HexNumber(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

event::Draft ContainerSecurity(const Arguments& args) {
  if (!args.Text("cap_eff")) return event::ContainerSecurityEvent(CellOf(args), std::nullopt, false);
  const event::CapabilityTexts texts{args.TextOr("cap_eff"), args.TextOr("cap_prm"), args.TextOr("cap_bnd"),
                                     args.TextOr("cap_amb"), args.TextOr("cap_inh")};
  const event::CapabilitySets sets{HexNumber(texts.effective), HexNumber(texts.permitted), HexNumber(texts.bounding),
                                   HexNumber(texts.ambient), HexNumber(texts.inheritable)};
  return event::ContainerSecurityEvent(CellOf(args), texts, event::HoldsAny(sets));
}

event::Draft PolicyRejected(const Arguments& args) {
  std::vector<event::Violation> violations;
  for (const Value& item : args.Items("violations")) {
    violations.push_back({Arguments(&item).TextOr("rule"), {}, Arguments(&item).TextOr("message")});
  }
  const Arguments policy = args.In("spec").In("policy");
  return event::PolicyRejectedEvent(CellOf(args), violations, policy.Text("packId"), policy.Text("packVersion"));
}
event::Draft AuthzRejected(const Arguments& args) {
  return event::AuthzRejectedEvent(CellOf(args), {.reason = args.TextOr("reason"),
                                                  .message = args.TextOr("message"),
                                                  .denied_pool_id = args.Text("denied_pool_id"),
                                                  .denied_policy_pack_id = args.Text("denied_policy_pack_id")});
}

event::Draft Homeostasis(const Arguments& args) {
  const Arguments signal = args.In("signal");
  event::Homeostasis homeostasis{.spec_hash = signal.TextOr("specHash"),
                                 .declared_egress_rules = signal.Natural("declaredEgressRules").value_or(0),
                                 .exercised_egress = signal.Natural("exercisedEgressConnections"),
                                 .declared_mount_paths = signal.Natural("declaredMountPaths").value_or(0),
                                 .accessed_mount_paths = signal.Natural("accessedMountPaths").value_or(0),
                                 .declared_secret_count = signal.Natural("declaredSecretCount").value_or(0)};
  homeostasis.why_not_known = signal.TextOr("exercisedEgressReason", homeostasis.why_not_known);
  for (const Value& item : signal.Items("recommendedRemovals")) {
    const Arguments removal(&item);
    if (removal.Text("kind") == "egressRule") {
      homeostasis.recommended_removals.emplace_back(RuleOf(removal));
    } else {
      homeostasis.recommended_removals.emplace_back(removal.TextOr("name"));
    }
  }
  return event::HomeostasisEvent(CellOf(args), homeostasis);
}

event::Draft Violation(const Arguments& args) {
  const std::uint64_t declared = args.Natural("declared_egress").value_or(0);
  const std::uint64_t exercised = args.Natural("exercised_egress").value_or(0);
  return event::HomeostasisViolationEvent({.cell_id = args.TextOr("cell_id"),
                                           .declared_egress_rules = declared,
                                           .exercised_egress = exercised,
                                           .overage = exercised > declared ? exercised - declared : 0,
                                           .spec_hash = args.TextOr("spec_hash")});
}

event::Draft Bundle(const Arguments& args) {
  const Arguments refs = args.In("refs");
  event::EvidenceBundle bundle{.spec_signature_hash = args.TextOr("spec_signature_hash"),
                               .emitted_at_unix_ms = args.Natural("emitted_at_unix_ms").value_or(0),
                               .started = refs.TextOr("started"),
                               .destroyed = refs.TextOr("destroyed"),
                               .command_completed = refs.Text("command_completed"),
                               .spawned = refs.Texts("spawned"),
                               .fc_metrics = refs.Texts("fc_metrics"),
                               .cgroup = refs.Texts("cgroup"),
                               .nftables = refs.Texts("nftables"),
                               .tap = refs.Texts("tap"),
                               .homeostasis = refs.Text("homeostasis"),
                               .compliance_summary = refs.Text("compliance_summary"),
                               .residue_exception = refs.Text("residue_exception"),
                               .residue = args.Text("residue_class") == "none"
                                              ? event::ResidueClass::kNone
                                              : event::ResidueClass::kDocumentedException};
  for (const Value& item : refs.Items("guest")) {
    const auto row = item.array();
    bundle.guest.push_back({std::string(row[0].string()), std::string(row[1].string()), std::string(row[2].string())});
  }
  return event::EvidenceBundleEvent(CellOf(args), bundle);
}

event::TrustIds TrustOf(const Arguments& args) { return {args.TextOr("keyset_id"), args.TextOr("issuer_kid")}; }

event::Draft TargetSet(const Arguments& args) {
  return event::DnsTargetSetEvent(CellOf(args), {.fqdn = args.TextOr("fqdn"),
                                                 .previous_digest = args.TextOr("previous_digest"),
                                                 .current_digest = args.TextOr("current_digest"),
                                                 .reason = args.TextOr("reason"),
                                                 .updated_at = args.TextOr("updated_at"),
                                                 .trust = TrustOf(args)});
}

event::Draft L7Decision(const Arguments& args) {
  event::L7EgressDecision decision{.decision_id = args.TextOr("decision_id"),
                                   .action = args.TextOr("action"),
                                   .sni_host = args.TextOr("sni_host"),
                                   .policy_digest = args.TextOr("policy_digest"),
                                   .reason_code = args.TextOr("reason_code"),
                                   .rule_ref = args.Text("rule_ref"),
                                   .trust = TrustOf(args)};
  if (const auto stream = args.Natural("stream_id")) decision.stream_id = static_cast<std::uint32_t>(*stream);
  return event::L7EgressDecisionEvent(CellOf(args), decision);
}

event::Draft Resolution(const Arguments& args) {
  event::DnsResolution resolution{.receipt_id = args.Text("receipt_id"),
                                  .fqdn = args.TextOr("fqdn"),
                                  .resolved_at = args.TextOr("resolved_at"),
                                  .ttl_seconds = args.Integer("ttl_seconds").value_or(0),
                                  .policy_digest = args.TextOr("policy_digest"),
                                  .trust = TrustOf(args)};
  for (const Value& item : args.Items("targets")) {
    const Arguments target(&item);
    event::DnsResolution::Target row{target.TextOr("address"), target.TextOr("family"), std::nullopt};
    if (const auto port = target.Natural("port")) row.port = static_cast<std::uint16_t>(*port);
    resolution.targets.push_back(row);
  }
  return event::DnsResolutionEvent(CellOf(args), resolution);
}

event::Draft KeysetVerified(const Arguments& args) {
  return event::KeysetVerifiedEvent({args.TextOr("keyset_id"), args.TextOr("payload_digest"),
                                     args.TextOr("verified_signer_kid"), args.TextOr("verified_at"),
                                     args.Text("correlation_id")});
}
event::Draft KeysetFailed(const Arguments& args) {
  return event::KeysetVerificationFailedEvent({args.TextOr("attempted_keyset_path"), args.TextOr("reason"),
                                               args.TextOr("failed_at"), args.Text("correlation_id")});
}

// Members of these records stand in a payload of their own.
event::CellRef CellOfPayload(const Arguments& payload) {
  event::CellRef cell{.cell_id = payload.TextOr("cellId"), .run_id = payload.Text("runId")};
  if (auto id = payload.Text("correlationId")) cell.correlation = event::Correlation{.correlation_id = std::move(id)};
  return cell;
}
event::DecisionTrust TrustOfPayload(const Arguments& payload) {
  return {payload.Text("keysetId"), payload.Text("issuerKid"), payload.Text("policyDigest")};
}

event::Draft Query(const Arguments& args) {
  const Arguments payload = args.In("payload");
  event::DnsQuery query{.query_id = payload.TextOr("queryId"),
                        .name = payload.TextOr("queryName"),
                        .type = payload.TextOr("queryType"),
                        .allowed = payload.TextOr("decision") == "allow",
                        .reason_code = payload.TextOr("reasonCode"),
                        .resolver_id = payload.Text("upstreamResolverId"),
                        .latency_ms = payload.Natural("upstreamLatencyMs"),
                        .target_count = payload.Natural("responseTargetCount"),
                        .observed_at = payload.TextOr("observedAt"),
                        .trust = TrustOfPayload(payload)};
  if (const auto rcode = payload.Natural("responseRcode")) query.rcode = static_cast<std::uint32_t>(*rcode);
  return event::DnsQueryEvent(CellOfPayload(payload), query);
}
event::Draft QueryPermitted(const Arguments& args) {
  return event::DnsQueryPermittedEvent(CellOf(args), args.TextOr("qname"), args.TextOr("qtype"), args.TextOr("resolver"));
}
event::Draft QueryRefused(const Arguments& args) {
  return event::DnsQueryRefusedEvent(CellOf(args), args.TextOr("qname"), args.TextOr("qtype"), args.TextOr("reason"));
}

event::Draft Drift(const Arguments& args) {
  const Arguments payload = args.In("payload");
  return event::DnsDriftEvent(CellOfPayload(payload), {.resolver_id = payload.TextOr("resolverId"),
                                                       .hostname = payload.TextOr("hostname"),
                                                       .previous = payload.Texts("previousTargets"),
                                                       .current = payload.Texts("currentTargets"),
                                                       .added = payload.Texts("addedTargets"),
                                                       .removed = payload.Texts("removedTargets"),
                                                       .previous_digest = payload.TextOr("previousDigest"),
                                                       .current_digest = payload.TextOr("currentDigest"),
                                                       .ttl_seconds = payload.Natural("ttlSeconds").value_or(0),
                                                       .stale_seconds = payload.Natural("staleSeconds").value_or(0),
                                                       .dnssec_status = payload.Text("dnssecStatus"),
                                                       .observed_at = payload.TextOr("observedAt"),
                                                       .trust = TrustOfPayload(payload)});
}
event::DnsRebind RebindOf(const Arguments& payload) {
  return {.hostname = payload.TextOr("hostname"),
          .novel_ip = payload.TextOr("novelIp"),
          .previous_count = payload.Natural("previousIpCount").value_or(0),
          .cumulative_count = payload.Natural("cumulativeIpCount").value_or(0),
          .resolver_id = payload.Text("resolverId"),
          .observed_at = payload.TextOr("observedAt"),
          .trust = TrustOfPayload(payload)};
}
event::Draft RebindThreshold(const Arguments& args) {
  const Arguments payload = args.In("payload");
  return event::DnsRebindThresholdEvent(CellOfPayload(payload), RebindOf(payload),
                                        static_cast<std::uint32_t>(payload.Natural("maxNovelIpsPerHostname").value_or(0)));
}
event::Draft RebindRejected(const Arguments& args) {
  const Arguments payload = args.In("payload");
  return event::DnsRebindRejectedEvent(CellOfPayload(payload), RebindOf(payload), payload.Texts("responseIpAllowlist"));
}
event::Draft DnssecFailed(const Arguments& args) {
  const Arguments payload = args.In("payload");
  return event::DnssecFailedEvent(CellOfPayload(payload), {.resolver_id = payload.TextOr("resolverId"),
                                                           .hostname = payload.TextOr("hostname"),
                                                           .reason = payload.TextOr("reason"),
                                                           .fail_closed = payload.Flag("failClosed").value_or(false),
                                                           .trust_anchor_source = payload.TextOr("trustAnchorSource"),
                                                           .source = payload.Text("source"),
                                                           .observed_at = payload.TextOr("observedAt"),
                                                           .trust = TrustOfPayload(payload)});
}

event::Draft Flow(const Arguments& args) {
  const Arguments payload = args.In("payload");
  event::FlowDecision flow{.decision_id = payload.TextOr("decisionId"),
                           .direction = payload.TextOr("direction"),
                           .allowed = payload.TextOr("decision") == "allow",
                           .reason_code = payload.TextOr("reasonCode"),
                           .nft_rule_ref = payload.Text("nftRuleRef"),
                           .destination = payload.Text("dstAddr"),
                           .protocol = payload.Text("protocol"),
                           .packets = payload.Natural("packetCount"),
                           .bytes = payload.Natural("byteCount"),
                           .observed_at = payload.TextOr("observedAt"),
                           .trust = TrustOfPayload(payload)};
  if (const auto port = payload.Natural("dstPort")) flow.port = static_cast<std::uint16_t>(*port);
  return event::FlowDecisionEvent(CellOfPayload(payload), flow, event::Observer::kGateFlow);
}

constexpr Builder kBuilders[] = {
    {"lifecycle_started_data_v1", Started},
    {"lifecycle_destroyed_data_v1", Destroyed},
    {"lifecycle_destroyed_data_v1_typed", Destroyed},
    {"compliance_summary_data_v1", Compliance},
    {"compliance_summary_data_v1_with_subjects", Compliance},
    {"identity_materialized_data_v1", Materialized},
    {"identity_revoked_data_v1", Revoked},
    {"identity_failed_data_v1", IdentityFailed},
    {"command_completed_data_v1", Completed},
    {"observability_process_spawned_data_v1", Spawned},
    {"observability_fs_touch_export_data_v1", FsTouch},
    {"manifest_failed_data_v1", Manifest},
    {"export_completed_data_v2", Exported},
    {"export_failed_data_v2", ExportFailed},
    {"observability_network_scope_data_v1", Scope},
    {"observability_network_policy_data_v1", NetworkPolicy},
    {"observability_network_enforcement_data_v1", Enforcement},
    {"observability_container_security_data_v1", ContainerSecurity},
    {"policy_rejected_data_v1", PolicyRejected},
    {"authz_rejected_data_v1", AuthzRejected},
    {"homeostasis_signal_data_v1", Homeostasis},
    {"homeostasis_violation_data_v1", Violation},
    {"evidence_bundle_emitted_data_v1", Bundle},
    {"observability_dns_target_set_data_v1", TargetSet},
    {"observability_l7_egress_decision_data_v1", L7Decision},
    {"observability_dns_resolution_data_v1", Resolution},
    {"cloud_event_v1_dns_query", Query},
    {"cloud_event_v1_dns_query_permitted", QueryPermitted},
    {"cloud_event_v1_dns_query_refused", QueryRefused},
    {"cloud_event_v1_dns_authority_drift", Drift},
    {"cloud_event_v1_dns_authority_rebind_threshold", RebindThreshold},
    {"cloud_event_v1_dns_authority_rebind_rejected", RebindRejected},
    {"cloud_event_v1_dns_authority_dnssec_failed", DnssecFailed},
    {"cloud_event_v1_network_flow_decision", Flow},
    {"cloud_event_v1_keyset_verified", KeysetVerified},
    {"cloud_event_v1_keyset_verification_failed", KeysetFailed},
};

}  // namespace

const Builder* FindBuilder(std::string_view name) {
  for (const Builder& builder : kBuilders) {
    if (builder.name == name) return &builder;
  }
  return nullptr;
}

}  // namespace vectors
