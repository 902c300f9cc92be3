// SPDX-License-Identifier: Apache-2.0
// Data of the trust events: keysets verified or not, and the declared target set (events.md §6.2, §6.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct KeysetVerified {
  std::string keyset_id, payload_digest, signer_kid;
  std::string verified_at;  // RFC 3339
  std::optional<std::string> correlation_id;
};
Draft KeysetVerifiedEvent(const KeysetVerified& verified);

struct KeysetVerificationFailed {
  std::string path;    // only its base name is told; "(empty chain)" where there is none
  std::string reason;  // class of the fault, no path
  std::string failed_at;
  std::optional<std::string> correlation_id;
};
Draft KeysetVerificationFailedEvent(const KeysetVerificationFailed& failed);

// Once per run, at its creation: the digest is that of the policy in force.
struct DnsTargetSet {
  std::string keyset_id, issuer_kid, current_digest, updated_at;
};
Draft DnsTargetSetEvent(const CellRef& cell, const DnsTargetSet& set);

}  // namespace event
