// SPDX-License-Identifier: Apache-2.0
// Data of the identity events (events.md §4) and of our secret events (extensions.md §3). No value, length or digest of
// a secret ever enters one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct Identity {
  std::string provider, audience;
  std::optional<std::string> subject;
  std::optional<std::uint64_t> ttl_seconds;
  std::string secret_ref;
  std::string kind = "federatedOidc";
};
enum class IdentityOperation : std::uint8_t { kMaterialize, kRevoke };

Draft IdentityMaterializedEvent(const CellRef& cell, const Identity& identity);
Draft IdentityRevokedEvent(const CellRef& cell, const Identity& identity, std::optional<std::string> reason,
                           std::optional<Provenance> provenance);
Draft IdentityFailedEvent(const CellRef& cell, const Identity& identity, IdentityOperation operation,
                          std::string_view reason);
// `spec_hash` is the hex digest of the document bytes.
Draft UniversalTokenEvent(const CellRef& cell, std::optional<std::string> spec_hash,
                          std::optional<std::string> role_root);

struct Secret {
  std::string name, broker;
  std::string delivery;  // env | runtimeBroker | runtimeLeasedBroker
};
enum class RevokeOutcome : std::uint8_t { kRevoked, kExpired, kNotRevocable };

// `suppressed`: the row stands for that many that have none of their own.
Draft SecretDeliveredEvent(const CellRef& cell, const Secret& secret,
                           std::optional<std::uint64_t> suppressed = std::nullopt);
Draft SecretRevokedEvent(const CellRef& cell, const Secret& secret, RevokeOutcome outcome);
Draft SecretDeniedEvent(const CellRef& cell, const Secret& secret, std::string_view reason,
                        std::optional<std::uint64_t> suppressed = std::nullopt);

}  // namespace event
