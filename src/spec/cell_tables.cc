// SPDX-License-Identifier: Apache-2.0
// The members of the execution cell document, in declaration order.
#include "spec/cell_tables.h"

#include "spec/constraints.h"

namespace spec {
namespace {

using enum Presence;

constexpr FieldRow kCellDocument[] = {
    Row<&CellDocument::api_version>("apiVersion", kRequired, "Format of the document", &kApiVersion),
    Row<&CellDocument::kind>("kind", kRequired, "Kind of the document", &kCellKind),
    Row<&CellDocument::spec>("spec", kRequired, "What shall run, with which authority"),
};
constexpr FieldRow kCellSpec[] = {
    Row<&CellSpec::id>("id", kRequired, "Id of the cell, also the cell id of the run", &kPortableId),
    Row<&CellSpec::correlation>("correlation", kNullable, "Ids of the caller, copied into events"),
    Row<&CellSpec::ingress>("ingress", kNullable, "Where source and image come from"),
    Row<&CellSpec::environment>("environment", kNullable, "Image that a backend with images starts from"),
    Row<&CellSpec::placement>("placement", kSkipNull, "Hints for a scheduler; at least one when given"),
    Row<&CellSpec::policy>("policy", kNullable,
                           "The policy pack this document was written for; matched with the loaded one"),
    Row<&CellSpec::identity>("identity", kNullable, "Identity token the workload gets"),
    Row<&CellSpec::run>("run", kNullable, "The command; without it the cell is created and destroyed"),
    Row<&CellSpec::authority>("authority", kRequired, "Everything the workload may do; {} grants nothing"),
    Row<&CellSpec::lifetime>("lifetime", kRequired, "How long the cell may live"),
    Row<&CellSpec::exports>("export", kNullable, "Files taken out after the run"),
    Row<&CellSpec::telemetry>("telemetry", kSkipNull, "What the in-cell witness reports"),
};
constexpr FieldRow kCorrelation[] = {
    Row<&Correlation::platform>("platform", kNullable, "Free text"),
    Row<&Correlation::external_run_id>("externalRunId", kNullable, "Free text"),
    Row<&Correlation::external_job_id>("externalJobId", kNullable, "Free text"),
    Row<&Correlation::tenant_id>("tenantId", kSkipNull, "Tenant of the run", &kTenant),
    Row<&Correlation::labels>("labels", kNullable, "Free text by free name"),
    Row<&Correlation::correlation_id>("correlationId", kSkipNull, "Free text"),
};
constexpr FieldRow kGitIngress[] = {
    Row<&GitIngress::url>("url", kNullable, "Repository"),
    Row<&GitIngress::ref>("ref", kNullable, "Reference to check out"),
    Row<&GitIngress::secret_ref>("secretRef", kNullable, "Secret for it, one of authority.secretRefs", &kPortableId),
};
constexpr FieldRow kOciImageIngress[] = {
    Row<&OciImageIngress::reference>("reference", kRequired, "Image reference", &kNotEmpty),
    Row<&OciImageIngress::digest>("digest", kNullable, "Digest it must have", &kImageDigest),
    Row<&OciImageIngress::secret_ref>("secretRef", kNullable, "Secret for it, one of authority.secretRefs",
                                      &kPortableId),
};
constexpr FieldRow kIngress[] = {
    Row<&Ingress::git>("git", kNullable, "A git repository"),
    Row<&Ingress::oci_image>("ociImage", kNullable, "An OCI image"),
};
constexpr FieldRow kImageEnvironment[] = {
    Row<&Environment::image_reference>("imageReference", kRequired, "Image reference", &kNotEmpty),
    Row<&Environment::image_digest>("imageDigest", kNullable, "Digest it must have", &kImageDigest),
    Row<&Environment::template_id>("templateId", kNullable, "Template of the pool", &kPortableId),
};
constexpr FieldRow kPlacement[] = {
    Row<&Placement::pool_id>("poolId", kSkipNull, "Pool of hosts", &kPortableId),
    Row<&Placement::kubernetes_namespace>("kubernetesNamespace", kSkipNull, "Namespace", &kNamespace),
    Row<&Placement::queue_name>("queueName", kSkipNull, "Queue", &kPortableId),
};
constexpr FieldRow kPolicyClaim[] = {
    Row<&PolicyClaim::pack_id>("packId", kNullable, "Id of the pack"),
    Row<&PolicyClaim::pack_version>("packVersion", kNullable, "Version of the pack"),
    Row<&PolicyClaim::bundle_digest>("bundleDigest", kNullable, "Digest of the pack's bytes, sha256:…"),
};
constexpr FieldRow kIdentity[] = {
    Row<&Identity::kind>("kind", kRequired, "Kind of identity"),
    Row<&Identity::provider>("provider", kRequired, "Who issues the token"),
    Row<&Identity::audience>("audience", kRequired, "Audience of the token"),
    Row<&Identity::subject>("subject", kNullable, "Subject of the token"),
    Row<&Identity::ttl_seconds>("ttlSeconds", kNullable, "Life of the token, at most lifetime.ttlSeconds"),
    Row<&Identity::secret_ref>("secretRef", kRequired, "Name it is delivered under, one of authority.secretRefs",
                               &kPortableId),
};
constexpr FieldRow kCpuMax[] = {
    Row<&CpuMax::quota_micros>("quotaMicros", kRequired, "CPU time per period", &kPositive),
    Row<&CpuMax::period_micros>("periodMicros", kNullable, "Period; default 100000", &kPositive),
};
constexpr FieldRow kRunLimits[] = {
    Row<&RunLimits::memory_max_bytes>("memoryMaxBytes", kNullable, "Memory of the workload", &kPositive),
    Row<&RunLimits::cpu_max>("cpuMax", kNullable, "CPU bandwidth of the workload"),
    Row<&RunLimits::graceful_shutdown_seconds>("gracefulShutdownSeconds", kSkipNull, "From SIGTERM to SIGKILL",
                                               &kGrace),
    Row<&RunLimits::pids_max>("pidsMax", kSkipNull, "Processes and threads of the workload; default 4096", &kPositive),
    Row<&RunLimits::scratch_bytes>("scratchBytes", kSkipNull, "All writable tmpfs together; default 1 GiB", &kPositive),
    Row<&RunLimits::best_effort>("bestEffort", kSkipDefault, "Limits that may be lost without refusing the start"),
};
constexpr FieldRow kRunSpec[] = {
    Row<&RunSpec::argv>("argv", kRequired, "The command and its arguments", &kArgv),
    Row<&RunSpec::working_directory>("workingDirectory", kNullable, "Directory of the command", &kAbsolutePath),
    Row<&RunSpec::timeout_ms>("timeoutMs", kNullable, "Wall clock limit, at most lifetime.ttlSeconds", &kPositive),
    Row<&RunSpec::limits>("limits", kNullable, "Resource limits"),
    Row<&RunSpec::secret_delivery>("secretDelivery", kDefault,
                                   "How secrets reach the workload; default runtimeLeasedBroker"),
    Row<&RunSpec::env>("env", kSkipNull, "Environment of the workload", &kEnvVariables),
    Row<&RunSpec::terminal>("terminal", kSkipDefault, "Own pseudo-terminal; default false"),
};
constexpr FieldRow kEgressRule[] = {
    Row<&EgressRule::host>("host", kRequired, "Where to", &kHost),
    Row<&EgressRule::port>("port", kRequired, "Port", &kPort),
    Row<&EgressRule::protocol>("protocol", kNullable, "Absent: 443 is https, 80 is http, else tcp", &kProtocol),
    Row<&EgressRule::dns_egress_justification>("dnsEgressJustification", kSkipNull,
                                               "Why DNS may leave, for the auditor"),
};
constexpr FieldRow kCapability[] = {
    Row<&Capability::egress_rules>("egressRules", kDefault, "Default []"),
    Row<&Capability::secret_refs>("secretRefs", kDefault, "Default []"),
};
constexpr FieldRow kDerivationStep[] = {
    Row<&DerivationStep::from_capability>("fromCapability", kRequired, "What was held"),
    Row<&DerivationStep::to_capability>("toCapability", kRequired, "What was passed on, no more than was held"),
};
constexpr FieldRow kGrantorSignature[] = {
    Row<&GrantorSignature::algorithm>("algorithm", kRequired, "Algorithm of the signature", &kEd25519),
    Row<&GrantorSignature::bytes>("bytes", kRequired, "Standard base64 of 64 bytes"),
};
constexpr FieldRow kAuthorityDerivation[] = {
    Row<&AuthorityDerivation::role_root>("roleRoot", kRequired, "Role whose key signed"),
    Row<&AuthorityDerivation::parent_run_id>("parentRunId", kNullable, "Run it was derived in; null: universal token"),
    Row<&AuthorityDerivation::derivation_steps>("derivationSteps", kDefault,
                                                "Each narrows, the last ends at the leaf; default []"),
    Row<&AuthorityDerivation::leaf_capability>("leafCapability", kRequired, "What the cell gets, at most"),
    Row<&AuthorityDerivation::grantor_signature>("grantorSignature", kRequired,
                                                 "Over leaf, parent run, role, specHash and notAfter"),
    Row<&AuthorityDerivation::spec_hash>("specHash", kSkipNull,
                                         "Canonical hash of the one spec it is for, taken without this token"),
    Row<&AuthorityDerivation::not_after>("notAfter", kSkipNull, "End of its life, RFC 3339, inclusive"),
};
constexpr FieldRow kDnssec[] = {
    Row<&Dnssec::validate>("validate", kDefault, "Default true"),
    Row<&Dnssec::fail_closed>("failClosed", kDefault, "Default false"),
    Row<&Dnssec::trust_anchors_path>("trustAnchorsPath", kSkipNull, "File of trust anchors"),
};
constexpr FieldRow kResolver[] = {
    Row<&Resolver::resolver_id>("resolverId", kRequired, "Name of the resolver", &kPortableId),
    Row<&Resolver::endpoint>("endpoint", kRequired, "Where it listens", &kEndpoint),
    Row<&Resolver::protocol>("protocol", kRequired, "How it is asked"),
    Row<&Resolver::trust_kid>("trustKid", kSkipNull, "Key id named in events", &kPortableId),
    Row<&Resolver::dnssec>("dnssec", kSkipNull, "Validation of its answers"),
};
constexpr FieldRow kRefreshPolicy[] = {
    Row<&RefreshPolicy::min_ttl_seconds>("minTtlSeconds", kSkipNull, "Shortest life of an answer"),
    Row<&RefreshPolicy::max_stale_seconds>("maxStaleSeconds", kSkipNull, "Not below minTtlSeconds"),
    Row<&RefreshPolicy::strategy>("strategy", kSkipNull, "Default ttl-honor"),
};
constexpr FieldRow kRebindingPolicy[] = {
    Row<&RebindingPolicy::response_ip_allowlist>("responseIpAllowlist", kSkipDefault, "Addresses a name may answer",
                                                 &kRebindEntry),
    Row<&RebindingPolicy::max_novel_ips_per_hostname>("maxNovelIpsPerHostname", kDefault, "Default 4", &kPositive),
    Row<&RebindingPolicy::reject_on_rebind>("rejectOnRebind", kDefault, "Default false"),
};
constexpr FieldRow kDnsBudget[] = {
    Row<&DnsBudget::names_per_minute>("namesPerMinute", kSkipNull, "Distinct names; default 300", &kPositive),
    Row<&DnsBudget::label_bytes_per_minute>("labelBytesPerMinute", kSkipNull, "Sum of label bytes; default 16384",
                                            &kPositive),
};
constexpr FieldRow kDnsAuthority[] = {
    Row<&DnsAuthority::resolvers>("resolvers", kSkipDefault, "Resolvers that may be asked"),
    Row<&DnsAuthority::allowed_query_types>("allowedQueryTypes", kSkipDefault, "Default A, AAAA, CNAME, HTTPS"),
    Row<&DnsAuthority::hostname_allowlist>("hostnameAllowlist", kSkipDefault, "Names that may be asked; empty: none",
                                           &kPattern),
    Row<&DnsAuthority::refresh_policy>("refreshPolicy", kSkipNull, "Life of answers"),
    Row<&DnsAuthority::rebinding_policy>("rebindingPolicy", kSkipNull, "Change of answers"),
    Row<&DnsAuthority::block_direct_workload_dns>("blockDirectWorkloadDns", kSkipDefault,
                                                  "Port 53 except to resolvers"),
    Row<&DnsAuthority::block_udp_doq>("blockUdpDoq", kSkipDefault, "UDP 853"),
    Row<&DnsAuthority::block_udp_http3>("blockUdpHttp3", kSkipDefault, "UDP 443"),
    Row<&DnsAuthority::budget>("budget", kSkipNull, "How much may be asked in a sliding minute"),
};
constexpr FieldRow kCdnProvider[] = {
    Row<&CdnProvider::provider_id>("providerId", kRequired, "Name of the provider", &kPortableId),
    Row<&CdnProvider::hostname_pattern>("hostnamePattern", kRequired, "Its names", &kPattern),
    Row<&CdnProvider::accept_fronting>("acceptFronting", kDefault, "Default false"),
};
constexpr FieldRow kCdnAuthority[] = {
    Row<&CdnAuthority::providers>("providers", kSkipDefault, "Content networks"),
};
constexpr FieldRow kAuthority[] = {
    Row<&Authority::filesystem>("filesystem", kNullable, "Paths of the host the workload may read, and write",
                                &kFilesystemShape),
    Row<&Authority::network>("network", kNullable, "How egressRules are to be understood", &kNetworkShape),
    Row<&Authority::egress_rules>("egressRules", kNullable, "Where the workload may connect to"),
    Row<&Authority::secret_refs>("secretRefs", kNullable, "Names of secrets the cell may get", &kUnique),
    Row<&Authority::authority_derivation>("authorityDerivation", kNullable, "Token that bounds this authority"),
    Row<&Authority::dns_authority>("dnsAuthority", kSkipNull, "Which names may be asked, and where"),
    Row<&Authority::cdn_authority>("cdnAuthority", kSkipNull, "Content networks that may be reached"),
};
constexpr FieldRow kLifetime[] = {
    Row<&Lifetime::ttl_seconds>("ttlSeconds", kRequired, "The whole life of the cell, up to its destruction",
                                &kPositive),
};
constexpr FieldRow kExportArtifact[] = {
    Row<&ExportArtifact::name>("name", kRequired, "Name it is delivered under", &kPortableId),
    Row<&ExportArtifact::path>("path", kRequired, "A regular file in the cell", &kAbsolutePath),
    Row<&ExportArtifact::target>("target", kNullable, "Name of a target; needed when there are several", &kPortableId),
    Row<&ExportArtifact::content_type>("contentType", kNullable, "Media type told to the target"),
};
constexpr FieldRow kHttpTarget[] = {
    Row<&ExportTarget::name>("name", kRequired, "Name of the target", &kPortableId),
    Row<&ExportTarget::base_url>("baseUrl", kRequired, "Where files are put; host and port are in egressRules",
                                 &kExportUrl),
    Row<&ExportTarget::secret_ref>("secretRef", kNullable, "Secret for it, one of authority.secretRefs"),
};
constexpr FieldRow kS3Target[] = {
    Row<&ExportTarget::name>("name", kRequired, "Name of the target", &kPortableId),
    Row<&ExportTarget::bucket>("bucket", kRequired, "Bucket", &kBucket),
    Row<&ExportTarget::key_prefix>("keyPrefix", kNullable, "Before each name"),
    Row<&ExportTarget::region>("region", kNullable, "Region"),
    Row<&ExportTarget::secret_ref>("secretRef", kNullable, "Secret for it, one of authority.secretRefs"),
};
constexpr FieldRow kExport[] = {
    Row<&Export::artifacts>("artifacts", kNullable, "Files to take out"),
    Row<&Export::targets>("targets", kNullable, "Where to; none: the run's directory"),
};
constexpr FieldRow kRateLimits[] = {
    Row<&RateLimits::events_per_second>("eventsPerSecond", kSkipNull, "Events"),
    Row<&RateLimits::bytes_per_second>("bytesPerSecond", kSkipNull, "Bytes"),
};
constexpr FieldRow kHostVsGuestFields[] = {
    Row<&HostVsGuestFields::host_fields>("hostFields", kSkipDefault, "Members the host vouches for"),
    Row<&HostVsGuestFields::guest_fields>("guestFields", kSkipDefault, "Members the guest claims"),
};
constexpr FieldRow kTelemetry[] = {
    Row<&Telemetry::channel>("channel", kRequired, "How the witness speaks"),
    Row<&Telemetry::events>("events", kRequired, "What it reports", &kListNotEmpty),
    Row<&Telemetry::rate_limits>("rateLimits", kSkipNull, "Above them events are counted as dropped"),
    Row<&Telemetry::host_vs_guest_fields>("hostVsGuestFields", kSkipNull, "Who vouches for which member"),
    Row<&Telemetry::agent_version>("agentVersion", kRequired, "Version of the witness", &kSemver),
    Row<&Telemetry::on_agent_failure>("onAgentFailure", kSkipNull, "Default fail-cell when hardened, else degrade"),
    Row<&Telemetry::process_detail>("processDetail", kSkipNull, "full: every death with its cause; default starts"),
};

}  // namespace

const ObjectShape ShapeOf<CellDocument>::kShape{"CellDocument", kCellDocument};
const ObjectShape ShapeOf<CellSpec>::kShape{"CellSpec", kCellSpec};
const ObjectShape ShapeOf<Correlation>::kShape{"Correlation", kCorrelation};
const ObjectShape ShapeOf<GitIngress>::kShape{"GitIngress", kGitIngress};
const ObjectShape ShapeOf<OciImageIngress>::kShape{"OciImageIngress", kOciImageIngress};
const ObjectShape ShapeOf<Ingress>::kShape{"Ingress", kIngress};
const ObjectShape ShapeOf<Environment>::kShape{"Environment", kImageEnvironment};
const ObjectShape ShapeOf<Placement>::kShape{"Placement", kPlacement};
const ObjectShape ShapeOf<PolicyClaim>::kShape{"PolicyClaim", kPolicyClaim};
const ObjectShape ShapeOf<Identity>::kShape{"Identity", kIdentity};
const ObjectShape ShapeOf<CpuMax>::kShape{"CpuMax", kCpuMax};
const ObjectShape ShapeOf<RunLimits>::kShape{"RunLimits", kRunLimits};
const ObjectShape ShapeOf<RunSpec>::kShape{"RunSpec", kRunSpec};
const ObjectShape ShapeOf<EgressRule>::kShape{"EgressRule", kEgressRule};
const ObjectShape ShapeOf<Capability>::kShape{"Capability", kCapability};
const ObjectShape ShapeOf<DerivationStep>::kShape{"DerivationStep", kDerivationStep};
const ObjectShape ShapeOf<GrantorSignature>::kShape{"GrantorSignature", kGrantorSignature};
const ObjectShape ShapeOf<AuthorityDerivation>::kShape{"AuthorityDerivation", kAuthorityDerivation};
const ObjectShape ShapeOf<Dnssec>::kShape{"Dnssec", kDnssec};
const ObjectShape ShapeOf<Resolver>::kShape{"Resolver", kResolver};
const ObjectShape ShapeOf<RefreshPolicy>::kShape{"RefreshPolicy", kRefreshPolicy};
const ObjectShape ShapeOf<RebindingPolicy>::kShape{"RebindingPolicy", kRebindingPolicy};
const ObjectShape ShapeOf<DnsBudget>::kShape{"DnsBudget", kDnsBudget};
const ObjectShape ShapeOf<DnsAuthority>::kShape{"DnsAuthority", kDnsAuthority};
const ObjectShape ShapeOf<CdnProvider>::kShape{"CdnProvider", kCdnProvider};
const ObjectShape ShapeOf<CdnAuthority>::kShape{"CdnAuthority", kCdnAuthority};
const ObjectShape ShapeOf<Authority>::kShape{"Authority", kAuthority};
const ObjectShape ShapeOf<Lifetime>::kShape{"Lifetime", kLifetime};
const ObjectShape ShapeOf<ExportArtifact>::kShape{"ExportArtifact", kExportArtifact};
const ObjectShape kExportTargetShapes[2] = {{"HttpTarget", kHttpTarget}, {"S3Target", kS3Target}};
const ObjectShape ShapeOf<Export>::kShape{"Export", kExport};
const ObjectShape ShapeOf<RateLimits>::kShape{"RateLimits", kRateLimits};
const ObjectShape ShapeOf<HostVsGuestFields>::kShape{"HostVsGuestFields", kHostVsGuestFields};
const ObjectShape ShapeOf<Telemetry>::kShape{"Telemetry", kTelemetry};

}  // namespace spec
