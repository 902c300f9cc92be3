// SPDX-License-Identifier: Apache-2.0
// What a gate and the supervisor tell each other: fixed-size messages; a packet holds one or more of one kind.
//
// The supervisor trusts no text and no number of a GateRecord: DecodeGateRecord refuses what no honest gate sends, and
// names are shown only in escaped form.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wire {

// Why a gate decided as it did; the texts are the contract's reason codes.
enum class GateReason : std::uint32_t {
  kNone,
  // dns_query
  kAllowedByAllowlist, kDeniedNotInAllowlist, kDeniedQueryType, kMalformedQuery, kUpstreamFailure, kDeniedDnssec,
  kDeniedAddressClass, kDeniedCnameChain, kDeniedBudget, kDeniedDohHost, kDeniedRebind,
  // network_flow_decision
  kGateGrantMatch, kGateNotAnswered, kGateExpired, kGatePort, kGateProtocol, kGateMetadata, kGateAddressClass,
  kGateNotRedirected, kGateLimit, kGateBudget, kGateRevoked, kGateUpstreamFailure,
  // l7_egress_decision
  kL7SniAllowlistMatch, kL7SniAllowlistMiss, kL7SniMissing, kL7HttpHostAllowlistMatch, kL7HttpHostAllowlistMiss,
  kL7HttpHostMissing, kL7H2AuthorityAllowlistMatch, kL7H2AuthorityAllowlistMiss, kL7H2AuthorityMissing,
  kL7H2UnparseableHeaders, kL7H2AuthorityAllowlistMatchHuffman, kL7H2AuthorityAllowlistMissHuffman,
  kL7H2AuthorityAllowlistMatchDynamicIndexed, kL7H2AuthorityAllowlistMissDynamicIndexed, kL7UnknownProtocol,
  kL7PeekTimeout, kL7MalformedHello, kL7EchNotGranted, kL7HostMismatch,
  kCount
};
// "denied_not_in_allowlist"; a static text.
const char* ReasonText(GateReason reason);
bool IsAllow(GateReason reason);

// The rule that decided.
enum class RuleKind : std::uint8_t {
  kNone, kEgressRule, kHostnameAllowlist, kAllowedQueryTypes, kBudget, kRebinding, kResponseIpAllowlist, kResolver,
  kDnssec, kDefault, kBuiltin, kCount
};
// What a rule of kind kBuiltin is when it is no row of the address table.
enum class BuiltinRule : std::uint32_t {
  kFirstAddressRow = 0,  // index of base::AddressTable
  kHostAddress = 1000, kDohHosts, kDnsWire, kTlsHello, kHttpHead, kH2Frames, kLimits, kGateListener, kCnameChain
};
struct RuleRef {
  RuleKind kind = RuleKind::kNone;
  std::uint8_t pad[3] = {};
  std::uint32_t index = 0;
};
// "authority.egressRules[3]", "dnsAuthority.hostnameAllowlist[0]", "dnsAuthority.budget", "default",
// "builtin.metadata-aws"; `address_rows` are the names of base::AddressTable. Bytes written without the NUL.
std::size_t FormatRuleRef(RuleRef rule, const char* const* address_rows, std::size_t rows, char* out, std::size_t size);

enum class GateRecordKind : std::uint32_t {
  kReady = 1,      // locked and listening; `count` = the lock-down facts as bits, see GateLock
  kBeat,           // every kGateBeatMs at the latest; `count` = flows open
  kDnsAlias,       // before the kDnsQuery of `id`: one CNAME link of an allowed answer; `count` = position
  kDnsQuery,       // one decision on one question
  kFlow,           // one decision on one connection or UDP association
  kFlowClosed,
  kL7,             // one decision on a hello, a request or a stream of flow `id`
  kDnssecFailed,   // a validation that failed: `name`, `resolver`; `reason` kDeniedDnssec, `code` DnssecFault
  kRebind,         // `name`, `address`: `code` 0 threshold, 1 rejected; `count` previous, `count2` cumulative
  kTarget,         // resolver refresh: one address of `name`, before kTargetsEnd
  kTargetsEnd,     // `name`, `ttl_s`, `count` addresses, `rcode`; `code` TargetPurpose
  kSuppressed,     // `count` further denials like the last with (`kind2`, `reason`, `rule`) were not told one by one
  kTotals,         // the last record: counters of everything, in `totals`
  kFailing,        // the gate ends itself: `code` errno, `name` says where
  kSecretDenied,   // a request on the secret socket was refused: `code` SecretFault
  kCount
};
inline constexpr std::uint32_t kGateBeatMs = 500;

enum class DnssecFault : std::uint32_t { kValidationFailed, kUnsignedInRequireMode, kUnsupportedTypeInRequireMode };
enum class TargetPurpose : std::uint32_t { kRefreshAtStart, kRefreshTick, kResolveEgress };
enum class SecretFault : std::uint32_t { kUnauthorized, kExpired, kUnknownKey, kBroker, kPeer, kMalformed };
// Bits of kReady: what the gate read back about itself.
enum GateLock : std::uint32_t {
  kLockNoCapabilities = 1, kLockNoNewPrivs = 2, kLockFilter = 4, kLockEmptyRoot = 8, kLockRlimits = 16,
  kLockAll = 31
};

enum class ClosedBy : std::uint8_t { kWorkload, kPeer, kGate };
enum class IpProtocol : std::uint8_t { kTcp = 6, kUdp = 17 };

struct GateTotals {
  std::uint64_t queries, queries_allowed, queries_denied, queries_malformed, upstream_failures, cache_hits;
  std::uint64_t upstream_ignored;      // answers that were not ours
  std::uint64_t flows_allowed, flows_denied, l7_allowed, l7_denied, bytes_out, bytes_in;
  std::uint64_t suppressed;            // denials only counted
  std::uint64_t lost;                  // records that could not be sent
  std::uint64_t relay_accepts, udp_datagrams_in, udp_datagrams_dropped;
};

struct GateRecord {
  GateRecordKind kind = GateRecordKind::kBeat;
  GateReason reason = GateReason::kNone;
  std::uint64_t id = 0;            // of the query or flow, from 1, never reused in a run
  std::uint64_t query = 0;         // kFlow: the query that answered the address, or 0
  std::uint64_t at_ns = 0;         // CLOCK_BOOTTIME
  RuleRef rule = {};
  std::uint32_t count = 0, count2 = 0, code = 0;
  std::uint32_t ttl_s = 0;
  std::uint32_t stream = 0;        // HTTP/2; 0 = none
  std::uint32_t latency_us = 0;    // of the upstream
  std::uint64_t bytes_out = 0, bytes_in = 0, duration_ms = 0;
  std::uint16_t port = 0, source_port = 0;   // destination asked for; the workload's own
  std::uint16_t type = 0;          // of the question
  std::uint8_t rcode = 0xff;       // 0xff = none was sent
  std::uint8_t v6 = 0;             // family of `address`
  IpProtocol protocol = IpProtocol::kTcp;
  std::uint8_t transport = 0;      // DNS: 0 udp, 1 tcp
  std::uint8_t resolver = 0xff;    // index in the config; 0xff = none
  ClosedBy closed_by = ClosedBy::kWorkload;
  std::uint8_t has_sni = 0, has_host = 0;    // kFlow, kL7: `name` is an SNI, a Host or :authority
  GateRecordKind kind2 = GateRecordKind::kBeat;
  std::uint8_t address[16] = {};   // flow: destination; dns: server asked; target, rebind: the address
  char alpn[32] = {};              // first protocol of the hello
  char name[256] = {};             // NUL-terminated; a canonical host name, or what stands for one
  GateTotals totals = {};
};
static_assert(sizeof(GateRecord) % 8 == 0);
inline constexpr std::size_t kMaxRecordsPerPacket = 32;

enum class GateRecordFault : std::uint8_t { kNone, kSize, kKind, kReason, kRule, kText, kAddress, kRange };
// One record of `size` bytes (exactly sizeof(GateRecord)).
GateRecordFault DecodeGateRecord(const void* bytes, std::size_t size, GateRecord* record);

enum class GateCommandKind : std::uint32_t { kRevoke = 1, kStop, kRefresh };
struct GateCommand {
  GateCommandKind kind = GateCommandKind::kStop;  // kRevoke: reset every flow, deny new ones; kStop: the same, then kTotals
  std::uint32_t index = 0;                        // kRefresh: name
};

enum class DialPurpose : std::uint8_t { kFlow, kResolver };
struct DialRequest {
  std::uint64_t id = 0;
  std::uint32_t index = 0;         // of authority.egressRules, or of the config's resolvers
  std::uint16_t port = 0;
  DialPurpose purpose = DialPurpose::kFlow;
  IpProtocol protocol = IpProtocol::kTcp;
  std::uint8_t v6 = 0;
  std::uint8_t pad[7] = {};
  std::uint8_t address[16] = {};
};
static_assert(sizeof(DialRequest) == 40);
// A packet of requests is answered by one packet of as many replies, in their order. It carries one descriptor for each
// reply whose error is 0: non-blocking; TCP may still be connecting (poll for writing, SO_ERROR).
inline constexpr std::size_t kMaxDialsPerPacket = 16;
struct DialReply {
  std::uint64_t id = 0;
  std::int32_t error = 0;          // errno; EPERM: refused by the plan's tables
  std::uint32_t pad = 0;
};
// One request of `size` bytes (exactly sizeof(DialRequest)).
GateRecordFault DecodeDialRequest(const void* bytes, std::size_t size, DialRequest* request);

struct SecretRequest {
  std::uint64_t id = 0;
  std::uint32_t index = 0;         // of the config's secrets
  std::uint32_t pad = 0;
};
// Followed by `bytes` bytes of value (status 0) or of error text.
struct SecretReply {
  std::uint64_t id = 0;
  std::uint32_t status = 0;        // 0, or 1 + SecretFault
  std::uint32_t bytes = 0;
};
inline constexpr std::size_t kMaxSecretBytes = 65536;

// Gate to cellos-upstream and back, on a seqpacket socket: this header, then one DNS message.
struct UpstreamRequest {
  std::uint64_t id = 0;
  std::uint32_t resolver = 0;      // index in the config
  std::uint32_t bytes = 0;         // of the message; at most 65,535
};
enum class UpstreamOutcome : std::uint32_t { kAnswered, kValidated, kInsecure, kBogus, kUnsupportedType, kFailed };
struct UpstreamReply {
  std::uint64_t id = 0;
  UpstreamOutcome outcome = UpstreamOutcome::kFailed;
  std::uint16_t algorithm = 0, key_tag = 0;  // of the RRSIG; 0 = unknown
  std::uint32_t bytes = 0;         // of the answer; 0 when there is none
  std::uint32_t pad = 0;
};
inline constexpr std::size_t kMaxDnsMessage = 65535;

}  // namespace wire
