// SPDX-License-Identifier: Apache-2.0
// Trust keyset envelopes: a signed list of keys, alone or in a chain where each replaces the one before.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "spec/document_error.h"
#include "spec/keys_file.h"
#include "spec/timestamp.h"

namespace spec {

struct KeysetSignature {
  std::string signer_kid, algorithm, signature;
  std::optional<std::string> not_before, not_after;
};

struct KeysetEnvelope {
  std::string schema_version, payload_type, payload, payload_digest;
  std::vector<KeysetSignature> signatures;
  std::string produced_at;
  std::optional<std::string> replaces_envelope_digest;
  std::optional<std::uint32_t> required_signer_count;
};

// A keyset that verified.
struct VerifiedKeyset {
  base::Bytes payload;               // the signed bytes
  std::string payload_digest;        // sha256:…
  std::vector<std::string> signers;  // distinct key ids that verified
  std::string keyset_id;             // of the payload; "(unknown)" where it has none
};

std::expected<KeysetEnvelope, DocumentError> DecodeKeysetEnvelope(std::string_view text);

// The checks in their order: schema version, payload type, base64, digest, signatures present; then each signature is
// skipped when its algorithm is unknown, its key id is counted already or unknown, `now` is outside its window, or it
// does not verify; a window time that is no time refuses the envelope. Classes: bad_schema_version, bad_payload_type,
// bad_base64, digest_mismatch, no_signatures, bad_time, no_signature_verified, too_few_signers.
std::expected<VerifiedKeyset, DocumentError> VerifyKeyset(const KeysetEnvelope& envelope, const KeyRing& keys,
                                                          Time now);

// Oldest first; the keyset of the last. Each must verify, and each after the first must name the digest of the one
// before (empty_chain, chain_link_missing, chain_link_mismatch). All but the last are judged at the time their
// successor was produced, where that is a time before `now`.
std::expected<VerifiedKeyset, DocumentError> VerifyKeysetChain(std::span<const KeysetEnvelope> envelopes,
                                                               const KeyRing& keys, Time now);

}  // namespace spec
