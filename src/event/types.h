// SPDX-License-Identifier: Apache-2.0
// The names that events carry: type and source strings (events.md §1.2, §3–§8, extensions.md §3), in static storage.
#pragma once

#include <string_view>

namespace event {

#define CELLOS_EVENT_TYPE(name, suffix) \
  inline constexpr std::string_view name = "dev.cellos.events.cell." suffix

// Published.
CELLOS_EVENT_TYPE(kStarted, "lifecycle.v1.started");
CELLOS_EVENT_TYPE(kDestroyed, "lifecycle.v1.destroyed");
CELLOS_EVENT_TYPE(kManifestFailed, "lifecycle.v1.manifest-failed");
CELLOS_EVENT_TYPE(kCommandCompleted, "command.v1.completed");
CELLOS_EVENT_TYPE(kProcessSpawned, "observability.v1.process_spawned");
CELLOS_EVENT_TYPE(kFsTouch, "observability.v1.fs_touch");
CELLOS_EVENT_TYPE(kIdentityMaterialized, "identity.v1.materialized");
CELLOS_EVENT_TYPE(kIdentityRevoked, "identity.v1.revoked");
CELLOS_EVENT_TYPE(kIdentityFailed, "identity.v1.failed");
CELLOS_EVENT_TYPE(kUniversalToken, "identity.v1.universal_token_accepted_in_permissive_mode");
CELLOS_EVENT_TYPE(kExportCompletedV1, "export.v1.completed");
CELLOS_EVENT_TYPE(kExportCompleted, "export.v2.completed");
CELLOS_EVENT_TYPE(kExportFailed, "export.v2.failed");
CELLOS_EVENT_TYPE(kComplianceSummary, "compliance.v1.summary");
CELLOS_EVENT_TYPE(kPolicyRejected, "policy.v1.rejected");
CELLOS_EVENT_TYPE(kAuthzRejected, "authz.v1.rejected");
CELLOS_EVENT_TYPE(kHomeostasis, "authority.v1.homeostasis");
CELLOS_EVENT_TYPE(kHomeostasisViolation, "authority.v1.homeostasis_violation");
CELLOS_EVENT_TYPE(kNetworkScope, "observability.v1.network_scope");
CELLOS_EVENT_TYPE(kNetworkPolicy, "observability.v1.network_policy");
CELLOS_EVENT_TYPE(kNetworkEnforcement, "observability.v1.network_enforcement");
CELLOS_EVENT_TYPE(kContainerSecurity, "observability.v1.container_security");
CELLOS_EVENT_TYPE(kDnsQuery, "observability.v1.dns_query");
CELLOS_EVENT_TYPE(kDnsQueryPermitted, "dns.v1.query_permitted");
CELLOS_EVENT_TYPE(kDnsQueryRefused, "dns.v1.query_refused");
CELLOS_EVENT_TYPE(kDnsResolution, "observability.v1.dns_resolution");
CELLOS_EVENT_TYPE(kDnsTargetSet, "observability.v1.dns_target_set");
CELLOS_EVENT_TYPE(kDnsAuthorityDrift, "observability.v1.dns_authority_drift");
CELLOS_EVENT_TYPE(kDnsRebindThreshold, "observability.v1.dns_authority_rebind_threshold");
CELLOS_EVENT_TYPE(kDnsRebindRejected, "observability.v1.dns_authority_rebind_rejected");
CELLOS_EVENT_TYPE(kDnsDnssecFailed, "observability.v1.dns_authority_dnssec_failed");
CELLOS_EVENT_TYPE(kL7EgressDecision, "observability.v1.l7_egress_decision");
CELLOS_EVENT_TYPE(kNetworkFlowDecision, "observability.v1.network_flow_decision");
CELLOS_EVENT_TYPE(kKeysetVerified, "trust.v1.keyset_verified");
CELLOS_EVENT_TYPE(kKeysetVerificationFailed, "trust.v1.keyset_verification_failed");
CELLOS_EVENT_TYPE(kHostCgroup, "observability.host.v1.cgroup");
CELLOS_EVENT_TYPE(kHostNftables, "observability.host.v1.nftables");
CELLOS_EVENT_TYPE(kHostTapLink, "observability.host.v1.tap_link");
CELLOS_EVENT_TYPE(kHostFcMetrics, "observability.host.v1.fc_metrics");
CELLOS_EVENT_TYPE(kGuestProcessSpawned, "observability.guest.process_spawned");
CELLOS_EVENT_TYPE(kGuestProcessExited, "observability.guest.process_exited");
CELLOS_EVENT_TYPE(kGuestCapabilityDenied, "observability.guest.capability_denied");
CELLOS_EVENT_TYPE(kGuestFsInotifyFired, "observability.guest.fs_inotify_fired");
CELLOS_EVENT_TYPE(kGuestNetConnectAttempted, "observability.guest.net_connect_attempted");
CELLOS_EVENT_TYPE(kGuestTelemetryDropped, "observability.guest.telemetry_dropped");
CELLOS_EVENT_TYPE(kGuestAgentSilenced, "observability.v1.guest.agent_silenced");
CELLOS_EVENT_TYPE(kEvidenceBundle, "evidence_bundle.v1.emitted");
// Ours: in the run log and in the log form, never in the published form.
CELLOS_EVENT_TYPE(kLogOpened, "evidence_log.v1.opened");
CELLOS_EVENT_TYPE(kCoverageOpened, "evidence_log.v1.coverage_opened");
CELLOS_EVENT_TYPE(kCoverageClosed, "evidence_log.v1.coverage_closed");
CELLOS_EVENT_TYPE(kFinding, "evidence_log.v1.finding");
CELLOS_EVENT_TYPE(kClosing, "evidence_log.v1.closing");
CELLOS_EVENT_TYPE(kAdmissionRefused, "admission.v1.refused");
CELLOS_EVENT_TYPE(kEffectiveControls, "observability.v1.effective_controls");
CELLOS_EVENT_TYPE(kSecretDelivered, "secret.v1.delivered");
CELLOS_EVENT_TYPE(kSecretRevoked, "secret.v1.revoked");
CELLOS_EVENT_TYPE(kSecretDenied, "secret.v1.denied");
CELLOS_EVENT_TYPE(kNetworkFlowClosed, "observability.v1.network_flow_closed");
CELLOS_EVENT_TYPE(kGateFailed, "observability.v1.gate_failed");
CELLOS_EVENT_TYPE(kIsolationRelaxed, "observability.v1.isolation_relaxed");
CELLOS_EVENT_TYPE(kGuestAgentReturned, "observability.guest.agent_returned");
CELLOS_EVENT_TYPE(kGuestProcessExitStatus, "observability.guest.process_exit_status");
CELLOS_EVENT_TYPE(kProcessCensus, "observability.v1.process_census");

#undef CELLOS_EVENT_TYPE

inline constexpr std::string_view kSignedEnvelope = "dev.cellos.events.signed_envelope.v1";

inline constexpr std::string_view kSourceSupervisor = "cellos-supervisor";
inline constexpr std::string_view kSourceDnsProxy = "cellos-dns-proxy";
inline constexpr std::string_view kSourceSniProxy = "cellos-sni-proxy";
inline constexpr std::string_view kSourceHostFirecracker = "cellos-host-firecracker";
inline constexpr std::string_view kSourceHostProbes = "cellos-host-telemetry/probes";
inline constexpr std::string_view kSourceGuestTelemetry = "/cellos-supervisor/host-telemetry";
inline constexpr std::string_view kSourceEventSigning = "/cellos-supervisor/event-signing";

}  // namespace event
