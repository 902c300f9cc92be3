// SPDX-License-Identifier: Apache-2.0
// Data of the events about names: queries as the gate decided them, and what the resolver refresh found (events.md §6.2,
// §6.3; members that only the log has: extensions.md §3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

// Which keys and which policy a decision rests on; each left out when absent.
struct DecisionTrust {
  std::optional<std::string> keyset_id, issuer_kid, policy_digest;
};

struct DnsQuery {
  std::string query_id;  // UUID
  std::string name, type;
  bool allowed = false;
  std::string reason_code;
  std::optional<std::uint32_t> rcode;
  std::optional<std::string> resolver_id;
  std::optional<std::uint64_t> latency_ms;
  std::optional<std::uint64_t> target_count;
  std::string observed_at;  // RFC 3339
  DecisionTrust trust;
  // Log only.
  std::optional<std::string> rule_ref, asked_server, transport;
  std::optional<std::uint64_t> suppressed;  // further denials of this kind that were only counted
};
// Source the DNS proxy, observer gate.dns, as the two below.
Draft DnsQueryEvent(const CellRef& cell, const DnsQuery& query);
Draft DnsQueryPermittedEvent(const CellRef& cell, std::string_view name, std::string_view type,
                             std::string_view resolver);
Draft DnsQueryRefusedEvent(const CellRef& cell, std::string_view name, std::string_view type, std::string_view reason);

struct DnsDrift {
  std::string resolver_id, hostname;  // resolver_id empty: none
  std::vector<std::string> previous, current, added, removed;  // sorted
  std::string previous_digest, current_digest;
  std::uint64_t ttl_seconds = 0, stale_seconds = 0;
  std::optional<std::string> dnssec_status;
  std::string observed_at;
  DecisionTrust trust;
};
// SHA-256 of the sorted targets joined by LF, "sha256:…".
std::string DigestOfTargets(const std::vector<std::string>& sorted_targets);
// Observer gate.dns, as the three below.
Draft DnsDriftEvent(const CellRef& cell, const DnsDrift& drift);

struct DnsRebind {
  std::string hostname, novel_ip;
  std::uint64_t previous_count = 0, cumulative_count = 0;
  std::optional<std::string> resolver_id;
  std::string observed_at;
  DecisionTrust trust;  // the policy digest is required
};
Draft DnsRebindThresholdEvent(const CellRef& cell, const DnsRebind& rebind, std::uint32_t max_novel_ips);
Draft DnsRebindRejectedEvent(const CellRef& cell, const DnsRebind& rebind,
                             const std::vector<std::string>& response_allowlist);

struct DnssecFailed {
  std::string resolver_id, hostname, reason;
  bool fail_closed = false;
  std::string trust_anchor_source = "iana-default";
  std::optional<std::string> source;  // resolver_refresh | dataplane
  std::string observed_at;
  DecisionTrust trust;
};
Draft DnssecFailedEvent(const CellRef& cell, const DnssecFailed& failed);

}  // namespace event
