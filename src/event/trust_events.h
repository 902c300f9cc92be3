// SPDX-License-Identifier: Apache-2.0
// Data of the trust events: keysets (events.md §6.4) and what a run declares about names and egress (§6.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct KeysetVerified {
  std::string keyset_id;       // "(unknown)" if unreadable
  std::string payload_digest;  // "sha256:…"
  std::string verified_signer_kid;
  std::string verified_at;     // RFC 3339
  std::optional<std::string> correlation_id;
};
Draft KeysetVerifiedEvent(const KeysetVerified& verified);

struct KeysetVerificationFailed {
  std::string attempted_keyset_path;  // base name; "(empty chain)"
  std::string reason;                 // error class and base name only
  std::string failed_at;              // RFC 3339
  std::optional<std::string> correlation_id;
};
Draft KeysetVerificationFailedEvent(const KeysetVerificationFailed& failed);

// Which keys the names and decisions of a run rest on.
struct TrustIds {
  std::string keyset_id = "cellos:builtin-v0";
  std::string issuer_kid;  // kDnsIssuer or kL7Issuer unless set
};
inline constexpr std::string_view kDnsIssuer = "cellos-local-resolve-v0";
inline constexpr std::string_view kL7Issuer = "cellos-local-l7-v0";

struct DnsTargetSet {
  std::string fqdn = "declared-egress.trust.cellos.internal";
  std::string previous_digest = "empty";
  std::string current_digest;  // the canonical spec hash
  std::string reason = "refresh";
  std::string updated_at;      // RFC 3339
  TrustIds trust;
};
Draft DnsTargetSetEvent(const CellRef& cell, const DnsTargetSet& set);

struct L7EgressDecision {
  std::string decision_id;  // UUID
  std::string action;       // allow | deny
  std::string sni_host;
  std::string policy_digest;
  std::string reason_code;
  std::optional<std::string> rule_ref;
  std::optional<std::uint32_t> stream_id;
  TrustIds trust;
  // Log only: the flow it was decided on; further denials of this kind that were only counted.
  std::optional<std::string> flow_id = std::nullopt;
  std::optional<std::uint64_t> suppressed = std::nullopt;
};
Draft L7EgressDecisionEvent(const CellRef& cell, const L7EgressDecision& decision);

struct DnsResolution {
  struct Target {
    std::string address, family;  // inet | inet6
    std::optional<std::uint16_t> port;
  };
  std::optional<std::string> receipt_id;
  std::string fqdn;
  std::string resolved_at;  // RFC 3339
  std::vector<Target> targets;
  std::int64_t ttl_seconds = 0;
  std::string policy_digest;
  TrustIds trust;
};
Draft DnsResolutionEvent(const CellRef& cell, const DnsResolution& resolution);

}  // namespace event
