// SPDX-License-Identifier: Apache-2.0
// Reading what a gate says, and the words for its reasons and rules.
#include "wire/gate_record.h"

#include <string.h>

namespace wire {
namespace {

constexpr const char* kReasons[] = {
    "",
    "allowed_by_allowlist", "denied_not_in_allowlist", "denied_query_type", "malformed_query", "upstream_failure",
    "denied_dnssec", "denied_address_class", "denied_cname_chain", "denied_budget", "denied_doh_host", "denied_rebind",
    "gate_grant_match", "gate_not_answered", "gate_expired", "gate_port", "gate_protocol", "gate_metadata",
    "gate_address_class", "gate_not_redirected", "gate_limit", "gate_budget", "gate_revoked", "gate_upstream_failure",
    "l7_sni_allowlist_match", "l7_sni_allowlist_miss", "l7_sni_missing", "l7_http_host_allowlist_match",
    "l7_http_host_allowlist_miss", "l7_http_host_missing", "l7_h2_authority_allowlist_match",
    "l7_h2_authority_allowlist_miss", "l7_h2_authority_missing", "l7_h2_unparseable_headers",
    "l7_h2_authority_allowlist_match_huffman", "l7_h2_authority_allowlist_miss_huffman",
    "l7_h2_authority_allowlist_match_dynamic_indexed", "l7_h2_authority_allowlist_miss_dynamic_indexed",
    "l7_unknown_protocol", "l7_peek_timeout", "l7_malformed_hello", "l7_ech_not_granted", "l7_host_mismatch"};
static_assert(sizeof kReasons / sizeof *kReasons == static_cast<std::size_t>(GateReason::kCount));

constexpr const char* kBuiltins[] = {"host-address", "doh-hosts", "dns-wire",      "tls-hello",  "http-head",
                                     "h2-frames",    "limits",    "gate-listener", "cname-chain"};

bool In(GateReason reason, GateReason first, GateReason last) { return reason >= first && reason <= last; }

// The reasons that a record of this kind can have.
bool Fits(GateRecordKind kind, GateReason reason) {
  switch (kind) {
    case GateRecordKind::kDnsQuery: return In(reason, GateReason::kAllowedByAllowlist, GateReason::kDeniedRebind);
    case GateRecordKind::kFlow: return In(reason, GateReason::kGateGrantMatch, GateReason::kGateUpstreamFailure);
    case GateRecordKind::kL7: return In(reason, GateReason::kL7SniAllowlistMatch, GateReason::kL7HostMismatch);
    default: return true;
  }
}

template <std::size_t size>
bool IsText(const char (&text)[size]) {
  std::size_t end = 0;
  while (end < size && text[end] != 0) {
    if (text[end] < 0x20 || text[end] > 0x7e) return false;
    ++end;
  }
  return end < size;
}

bool IsAddress(const std::uint8_t (&address)[16], std::uint8_t v6) {
  if (v6 > 1) return false;
  for (std::size_t i = v6 != 0 ? 16 : 4; i < 16; ++i) {
    if (address[i] != 0) return false;
  }
  return true;
}

bool IsKind(GateRecordKind kind) { return kind >= GateRecordKind::kReady && kind < GateRecordKind::kCount; }

bool IsRule(RuleRef rule) {
  if (rule.kind >= RuleKind::kCount) return false;
  return rule.index < 65536;
}

// What only records of one kind have.
bool InRange(const GateRecord& record) {
  switch (record.kind) {
    case GateRecordKind::kReady: return record.count <= kLockAll;
    case GateRecordKind::kDnsQuery:
    case GateRecordKind::kDnsAlias:
    case GateRecordKind::kFlow:
    case GateRecordKind::kFlowClosed:
    case GateRecordKind::kL7: return record.id != 0;
    case GateRecordKind::kDnssecFailed:
      return record.code <= static_cast<std::uint32_t>(DnssecFault::kUnsupportedTypeInRequireMode);
    case GateRecordKind::kRebind: return record.code <= 1;
    case GateRecordKind::kTargetsEnd: return record.code <= static_cast<std::uint32_t>(TargetPurpose::kResolveEgress);
    case GateRecordKind::kSuppressed:
      return record.kind2 == GateRecordKind::kDnsQuery || record.kind2 == GateRecordKind::kFlow ||
             record.kind2 == GateRecordKind::kL7;
    case GateRecordKind::kSecretDenied: return record.code <= static_cast<std::uint32_t>(SecretFault::kMalformed);
    default: return true;
  }
}

bool FieldsInRange(const GateRecord& record) {
  return (record.protocol == IpProtocol::kTcp || record.protocol == IpProtocol::kUdp) && record.transport <= 1 &&
         record.closed_by <= ClosedBy::kGate && record.has_sni <= 1 && record.has_host <= 1 &&
         (record.rcode <= 15 || record.rcode == 0xff) && IsKind(record.kind2);
}

GateRecordFault FaultOf(const GateRecord& record) {
  if (!IsKind(record.kind)) return GateRecordFault::kKind;
  if (record.reason >= GateReason::kCount || !Fits(record.kind, record.reason)) return GateRecordFault::kReason;
  if (!IsRule(record.rule)) return GateRecordFault::kRule;
  if (!IsText(record.name) || !IsText(record.alpn)) return GateRecordFault::kText;
  if (!IsAddress(record.address, record.v6)) return GateRecordFault::kAddress;
  if (!FieldsInRange(record) || !InRange(record)) return GateRecordFault::kRange;
  return GateRecordFault::kNone;
}

// Writes text up to a bound; what does not fit is left out and the last byte stays free for the NUL.
class Out {
 public:
  Out(char* out, std::size_t size) : out_(out), size_(size) {}
  Out& Text(const char* text) {
    while (*text != 0) Byte(*text++);
    return *this;
  }
  Out& Index(std::uint32_t index) {
    char digits[10];
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + index % 10);
      index /= 10;
    } while (index != 0);
    Byte('[');
    while (count != 0) Byte(digits[--count]);
    Byte(']');
    return *this;
  }
  std::size_t Finish() {
    if (size_ != 0) out_[used_] = 0;
    return used_;
  }

 private:
  void Byte(char byte) {
    if (used_ + 1 < size_) out_[used_++] = byte;
  }
  char* out_;
  std::size_t size_, used_ = 0;
};

void FormatBuiltin(std::uint32_t index, const char* const* address_rows, std::size_t rows, Out& out) {
  constexpr auto kFirst = static_cast<std::uint32_t>(BuiltinRule::kHostAddress);
  out.Text("builtin.");
  if (index < rows) {
    out.Text(address_rows[index]);
  } else if (index >= kFirst && index - kFirst < sizeof kBuiltins / sizeof *kBuiltins) {
    out.Text(kBuiltins[index - kFirst]);
  } else {
    out.Text("unknown");
  }
}

}  // namespace

const char* ReasonText(GateReason reason) {
  return reason < GateReason::kCount ? kReasons[static_cast<std::size_t>(reason)] : "";
}

bool IsAllow(GateReason reason) {
  switch (reason) {
    case GateReason::kAllowedByAllowlist:
    case GateReason::kGateGrantMatch:
    case GateReason::kL7SniAllowlistMatch:
    case GateReason::kL7HttpHostAllowlistMatch:
    case GateReason::kL7H2AuthorityAllowlistMatch:
    case GateReason::kL7H2AuthorityAllowlistMatchHuffman:
    case GateReason::kL7H2AuthorityAllowlistMatchDynamicIndexed: return true;
    default: return false;
  }
}

std::size_t FormatRuleRef(RuleRef rule, const char* const* address_rows, std::size_t rows, char* out,
                          std::size_t size) {
  Out text(out, size);
  switch (rule.kind) {
    case RuleKind::kEgressRule: text.Text("authority.egressRules").Index(rule.index); break;
    case RuleKind::kHostnameAllowlist: text.Text("dnsAuthority.hostnameAllowlist").Index(rule.index); break;
    case RuleKind::kAllowedQueryTypes: text.Text("dnsAuthority.allowedQueryTypes"); break;
    case RuleKind::kBudget: text.Text("dnsAuthority.budget"); break;
    case RuleKind::kRebinding: text.Text("dnsAuthority.rebindingPolicy"); break;
    case RuleKind::kResponseIpAllowlist: text.Text("dnsAuthority.rebindingPolicy.responseIpAllowlist"); break;
    case RuleKind::kResolver: text.Text("dnsAuthority.resolvers").Index(rule.index); break;
    case RuleKind::kDnssec: text.Text("dnsAuthority.resolvers").Index(rule.index).Text(".dnssec"); break;
    case RuleKind::kDefault: text.Text("default"); break;
    case RuleKind::kBuiltin: FormatBuiltin(rule.index, address_rows, rows, text); break;
    case RuleKind::kNone:
    case RuleKind::kCount: break;
  }
  return text.Finish();
}

GateRecordFault DecodeGateRecord(const void* bytes, std::size_t size, GateRecord* record) {
  GateRecordFault fault = GateRecordFault::kSize;
  if (size == sizeof(GateRecord)) {
    memcpy(record, bytes, sizeof *record);
    fault = FaultOf(*record);
  }
  if (fault != GateRecordFault::kNone) *record = {};
  return fault;
}

GateRecordFault DecodeDialRequest(const void* bytes, std::size_t size, DialRequest* request) {
  *request = {};
  if (size != sizeof(DialRequest)) return GateRecordFault::kSize;
  DialRequest read;
  memcpy(&read, bytes, sizeof read);
  if (read.purpose > DialPurpose::kResolver) return GateRecordFault::kKind;
  if (read.protocol != IpProtocol::kTcp && read.protocol != IpProtocol::kUdp) return GateRecordFault::kRange;
  if (read.port == 0 || read.index >= 65536) return GateRecordFault::kRange;
  if (!IsAddress(read.address, read.v6)) return GateRecordFault::kAddress;
  *request = read;
  return GateRecordFault::kNone;
}

}  // namespace wire
