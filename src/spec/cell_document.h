// SPDX-License-Identifier: Apache-2.0
// The execution cell document as plain values. Members stand in declaration order, which is the order of hashing.
//
// std::optional says whether a member was given (null counts as not given). Members that always have a value are plain.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace spec {

// A JSON map of strings, sorted by code point of the key.
using StringMap = std::vector<std::pair<std::string, std::string>>;

struct Correlation {
  std::optional<std::string> platform, external_run_id, external_job_id, tenant_id;
  std::optional<StringMap> labels;
  std::optional<std::string> correlation_id;
};

struct GitIngress {
  std::optional<std::string> url, ref, secret_ref;
};
struct OciImageIngress {
  std::string reference;
  std::optional<std::string> digest, secret_ref;
};
struct Ingress {
  std::optional<GitIngress> git;
  std::optional<OciImageIngress> oci_image;
};

struct Environment {
  std::string image_reference;
  std::optional<std::string> image_digest, template_id;
};

struct Placement {
  std::optional<std::string> pool_id, kubernetes_namespace, queue_name;
};

// What the document claims of the policy pack it was written for.
struct PolicyClaim {
  std::optional<std::string> pack_id, pack_version, bundle_digest;
};

enum class IdentityKind : std::uint8_t { kFederatedOidc };
struct Identity {
  IdentityKind kind = IdentityKind::kFederatedOidc;
  std::string provider, audience;
  std::optional<std::string> subject;
  std::optional<std::uint64_t> ttl_seconds;
  std::string secret_ref;
};

enum class SecretDelivery : std::uint8_t { kEnv, kRuntimeBroker, kRuntimeLeasedBroker };
enum class LimitKind : std::uint8_t { kMemory, kCpu, kPids };

struct CpuMax {
  std::uint64_t quota_micros = 0;
  std::optional<std::uint64_t> period_micros;  // kDefaultCpuPeriodMicros where absent
};
inline constexpr std::uint64_t kDefaultCpuPeriodMicros = 100'000;
inline constexpr std::uint64_t kDefaultPidsMax = 4096;
inline constexpr std::uint64_t kDefaultScratchBytes = std::uint64_t{1} << 30;

struct RunLimits {
  std::optional<std::uint64_t> memory_max_bytes;
  std::optional<CpuMax> cpu_max;
  std::optional<std::uint64_t> graceful_shutdown_seconds;
  std::optional<std::uint64_t> pids_max;
  std::optional<std::uint64_t> scratch_bytes;
  std::optional<std::vector<LimitKind>> best_effort;

  bool IsBestEffort(LimitKind kind) const {
    return best_effort && std::find(best_effort->begin(), best_effort->end(), kind) != best_effort->end();
  }
};

struct RunSpec {
  std::vector<std::string> argv;
  std::optional<std::string> working_directory;
  std::optional<std::uint64_t> timeout_ms;
  std::optional<RunLimits> limits;
  SecretDelivery secret_delivery = SecretDelivery::kRuntimeLeasedBroker;
  std::optional<StringMap> env;
  std::optional<bool> terminal;

  bool WantsTerminal() const { return terminal.value_or(false); }
};

// One path of the host and where it appears in the cell; both are the same where the document gives one path.
struct PathGrant {
  std::string source, target;
};
struct FilesystemGrant {
  std::vector<PathGrant> readable, writable;
};
// authority.filesystem: any JSON decodes; `grant` is set only when it has the granted shape.
struct FilesystemAuthority {
  std::string canonical;  // form V
  std::optional<FilesystemGrant> grant;
};
// authority.network: any JSON decodes; `declared` is true for {"mode":"declared"} only.
struct NetworkAuthority {
  std::string canonical;  // form V
  bool declared = false;
};

struct EgressRule {
  std::string host;
  std::uint16_t port = 0;
  std::optional<std::string> protocol, dns_egress_justification;
};

struct Capability {
  std::vector<EgressRule> egress_rules;
  std::vector<std::string> secret_refs;
};
struct DerivationStep {
  Capability from_capability, to_capability;
};
struct GrantorSignature {
  std::string algorithm, bytes;
};
struct AuthorityDerivation {
  std::string role_root;
  std::optional<std::string> parent_run_id;
  std::vector<DerivationStep> derivation_steps;
  Capability leaf_capability;
  GrantorSignature grantor_signature;
  std::optional<std::string> spec_hash, not_after;  // signed where given
};

enum class ResolverProtocol : std::uint8_t { kDo53Udp, kDo53Tcp, kDot, kDoh, kDoq };
enum class QueryType : std::uint8_t { kA, kAaaa, kCname, kTxt, kMx, kSrv, kNs, kPtr, kHttps, kSvcb };
enum class RefreshStrategy : std::uint8_t { kTtlHonor, kFixedInterval, kManual };

struct Dnssec {
  bool validate = true;
  bool fail_closed = false;
  std::optional<std::string> trust_anchors_path;
};
struct Resolver {
  std::string resolver_id, endpoint;
  ResolverProtocol protocol = ResolverProtocol::kDo53Udp;
  std::optional<std::string> trust_kid;
  std::optional<Dnssec> dnssec;
};
struct RefreshPolicy {
  std::optional<std::uint32_t> min_ttl_seconds, max_stale_seconds;
  std::optional<RefreshStrategy> strategy;
};
struct RebindingPolicy {
  std::vector<std::string> response_ip_allowlist;
  std::uint32_t max_novel_ips_per_hostname = 4;
  bool reject_on_rebind = false;
};
inline constexpr std::uint32_t kDefaultNamesPerMinute = 300;
inline constexpr std::uint32_t kDefaultLabelBytesPerMinute = 16384;
struct DnsBudget {
  std::optional<std::uint32_t> names_per_minute, label_bytes_per_minute;
};
struct DnsAuthority {
  std::vector<Resolver> resolvers;
  std::vector<QueryType> allowed_query_types;  // empty: A, AAAA, CNAME, HTTPS
  std::vector<std::string> hostname_allowlist;
  std::optional<RefreshPolicy> refresh_policy;
  std::optional<RebindingPolicy> rebinding_policy;
  bool block_direct_workload_dns = false, block_udp_doq = false, block_udp_http3 = false;
  std::optional<DnsBudget> budget;
};

struct CdnProvider {
  std::string provider_id, hostname_pattern;
  bool accept_fronting = false;
};
struct CdnAuthority {
  std::vector<CdnProvider> providers;
};

struct Authority {
  std::optional<FilesystemAuthority> filesystem;
  std::optional<NetworkAuthority> network;
  std::optional<std::vector<EgressRule>> egress_rules;
  std::optional<std::vector<std::string>> secret_refs;
  std::optional<AuthorityDerivation> authority_derivation;
  std::optional<DnsAuthority> dns_authority;
  std::optional<CdnAuthority> cdn_authority;
};

struct Lifetime {
  std::uint64_t ttl_seconds = 0;
};

struct ExportArtifact {
  std::string name, path;
  std::optional<std::string> target, content_type;
};
enum class ExportTargetKind : std::uint8_t { kHttp, kS3 };
struct ExportTarget {
  ExportTargetKind kind = ExportTargetKind::kHttp;
  std::string name;
  std::string base_url;                           // http
  std::string bucket;                             // s3
  std::optional<std::string> key_prefix, region;  // s3
  std::optional<std::string> secret_ref;
};
struct Export {
  std::optional<std::vector<ExportArtifact>> artifacts;
  std::optional<std::vector<ExportTarget>> targets;
};

enum class TelemetryChannel : std::uint8_t { kVsockCbor };
enum class AgentFailure : std::uint8_t { kFailCell, kDegrade };
enum class ProcessDetail : std::uint8_t { kStarts, kFull };

struct RateLimits {
  std::optional<std::uint32_t> events_per_second, bytes_per_second;
};
struct HostVsGuestFields {
  std::vector<std::string> host_fields, guest_fields;
};
struct Telemetry {
  TelemetryChannel channel = TelemetryChannel::kVsockCbor;
  std::vector<std::string> events;
  std::optional<RateLimits> rate_limits;
  std::optional<HostVsGuestFields> host_vs_guest_fields;
  std::string agent_version;
  std::optional<AgentFailure> on_agent_failure;  // absent: fail-cell under the hardened profile, else degrade
  std::optional<ProcessDetail> process_detail;   // absent: starts
};

struct CellSpec {
  std::string id;
  std::optional<Correlation> correlation;
  std::optional<Ingress> ingress;
  std::optional<Environment> environment;
  std::optional<Placement> placement;
  std::optional<PolicyClaim> policy;
  std::optional<Identity> identity;
  std::optional<RunSpec> run;
  Authority authority;
  Lifetime lifetime;
  std::optional<Export> exports;
  std::optional<Telemetry> telemetry;
};

struct CellDocument {
  std::string api_version, kind;
  CellSpec spec;
};

}  // namespace spec
