// SPDX-License-Identifier: Apache-2.0
// Verifies keyset envelopes and their chains.
#include "spec/keyset.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/sha256.h"
#include "json/reader.h"
#include "spec/policy_tables.h"
#include "spec/reading.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

constexpr std::string_view kPayloadType = "application/vnd.cellos.trust-keyset-v1+json";

enum class WindowVerdict : std::uint8_t { kInside, kOutside, kNoTime };

WindowVerdict JudgeWindow(const KeysetSignature& signature, Time now) {
  if (signature.not_before) {
    const auto from = ParseTime(*signature.not_before);
    if (!from) return WindowVerdict::kNoTime;
    // The end is read too: a time that is none refuses the envelope wherever it stands.
    if (signature.not_after && !ParseTime(*signature.not_after)) return WindowVerdict::kNoTime;
    if (now < *from) return WindowVerdict::kOutside;
  }
  if (signature.not_after) {
    const auto until = ParseTime(*signature.not_after);
    if (!until) return WindowVerdict::kNoTime;
    if (now > *until) return WindowVerdict::kOutside;
  }
  return WindowVerdict::kInside;
}

std::string KeysetId(base::ByteSpan payload) {
  const auto tree = json::Parse(base::AsText(payload));
  return std::string(tree ? tree->root().StringOr("keysetId", "(unknown)") : "(unknown)");
}

// The signers that count, or the fault that refuses the envelope.
std::expected<std::vector<std::string>, DocumentError> CountSigners(const KeysetEnvelope& envelope,
                                                                    base::ByteSpan payload, const KeyRing& keys,
                                                                    Time now) {
  std::vector<std::string> signers;
  for (std::size_t i = 0; i < envelope.signatures.size(); ++i) {
    const KeysetSignature& signature = envelope.signatures[i];
    const crypto::PublicKey* key = FindKey(keys, signature.signer_kid);
    const bool counted = std::find(signers.begin(), signers.end(), signature.signer_kid) != signers.end();
    if (signature.algorithm != "ed25519" || counted || key == nullptr) continue;
    const WindowVerdict window = JudgeWindow(signature, now);
    if (window == WindowVerdict::kNoTime) {
      return std::unexpected(Refuse("bad_time", fmt::format("/signatures/{}", i),
                                    signature.not_before.value_or(signature.not_after.value_or("")), "RFC 3339 times"));
    }
    if (window == WindowVerdict::kOutside) continue;
    const auto bytes = base::Base64Decode(signature.signature, base::Base64::kUrl);
    if (bytes && crypto::VerifyEd25519(*key, payload, *bytes)) signers.push_back(signature.signer_kid);
  }
  return signers;
}

}  // namespace

std::expected<KeysetEnvelope, DocumentError> DecodeKeysetEnvelope(std::string_view text) {
  return Read<KeysetEnvelope>(text);
}

std::expected<VerifiedKeyset, DocumentError> VerifyKeyset(const KeysetEnvelope& envelope, const KeyRing& keys,
                                                          Time now) {
  if (envelope.schema_version != "1.0.0") {
    return std::unexpected(Refuse("bad_schema_version", "/schemaVersion", envelope.schema_version, "1.0.0"));
  }
  if (envelope.payload_type != kPayloadType) {
    return std::unexpected(Refuse("bad_payload_type", "/payloadType", envelope.payload_type, kPayloadType));
  }
  auto payload = base::Base64Decode(envelope.payload, base::Base64::kUrl);
  if (!payload) return std::unexpected(Refuse("bad_base64", "/payload", envelope.payload, "base64url"));
  const std::string digest = crypto::PrefixedHex(crypto::Sha256Of(*payload));
  if (digest != envelope.payload_digest) {
    return std::unexpected(Refuse("digest_mismatch", "/payloadDigest", envelope.payload_digest, digest));
  }
  if (envelope.signatures.empty()) {
    return std::unexpected(Refuse("no_signatures", "/signatures", "found none; required is at least one"));
  }
  auto signers = CountSigners(envelope, *payload, keys, now);
  if (!signers) return std::unexpected(std::move(signers).error());
  const std::size_t required = std::max<std::size_t>(envelope.required_signer_count.value_or(1), 1);
  if (signers->size() < required) {
    return std::unexpected(
        required == 1 ? Refuse("no_signature_verified", "/signatures", "no signature verified")
                      : Refuse("too_few_signers", "/signatures",
                               fmt::format("only {} distinct signers verified, need {}", signers->size(), required)));
  }
  std::string keyset_id = KeysetId(*payload);
  return VerifiedKeyset{std::move(*payload), digest, std::move(*signers), std::move(keyset_id)};
}

std::expected<VerifiedKeyset, DocumentError> VerifyKeysetChain(std::span<const KeysetEnvelope> envelopes,
                                                               const KeyRing& keys, Time now) {
  std::expected<VerifiedKeyset, DocumentError> newest =
      std::unexpected(Refuse("empty_chain", "", "found no envelope; required is at least one"));
  for (std::size_t i = 0; i < envelopes.size(); ++i) {
    Time at = now;
    if (i + 1 < envelopes.size()) {
      const auto replaced = ParseTime(envelopes[i + 1].produced_at);
      if (replaced && *replaced < now) at = *replaced;
    }
    auto verified = VerifyKeyset(envelopes[i], keys, at);
    if (!verified) {
      verified.error().pointer.insert(0, fmt::format("/{}", i));
      return verified;
    }
    const auto& link = envelopes[i].replaces_envelope_digest;
    const std::string pointer = fmt::format("/{}/replacesEnvelopeDigest", i);
    if (i > 0 && !link) {
      return std::unexpected(Refuse("chain_link_missing", pointer, "found none; required is the digest before"));
    }
    if (i > 0 && *link != newest->payload_digest) {
      return std::unexpected(Refuse("chain_link_mismatch", pointer, *link, newest->payload_digest));
    }
    newest = std::move(verified);
  }
  return newest;
}

}  // namespace spec
