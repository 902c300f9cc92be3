// SPDX-License-Identifier: Apache-2.0
// Authority derivation tokens: a signature that bounds what a cell may get.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "spec/capability.h"
#include "spec/cell_document.h"
#include "spec/document_error.h"
#include "spec/keys_file.h"
#include "spec/timestamp.h"

namespace spec {

// How a token ends for callers.
enum class DerivationResult : std::uint8_t {
  kValid,
  kInvalidSignature,
  kExceedsGrantorEgress,
  kExceedsGrantorSecrets,
  kMissingToken,
  kExpiredToken,
};

struct DerivationVerdict {
  DerivationResult result = DerivationResult::kValid;
  // kExceeds…: how many rules or secrets the document declares, and how many the leaf claims.
  std::size_t declared = 0, claimed = 0;
  // Unless kValid: unknown_algorithm, step_not_narrowing, exceeds_authority, unknown_role, bad_base64, bad_key_length,
  // bad_key, bad_signature_length, signature_mismatch, missing_derivation, other_spec, bad_time, expired; the pointer
  // is into the cell document.
  DocumentError error;
};

// The members of one standalone token, strict.
std::expected<AuthorityDerivation, DocumentError> ParseDerivationToken(std::string_view text);

// The signed bytes: form V of leafCapability, parentRunId, roleRoot and, where given, notAfter and specHash.
std::string DerivationPayload(const AuthorityDerivation& token);

// The checks in their order: algorithm and narrowing of the steps; leaf within the authority; role known; key;
// signature. `role_keys` from ParseAuthorityKeysFile; empty: no roles are known.
DerivationVerdict VerifyDerivation(const AuthorityDerivation& token, const Authority& authority,
                                   const KeyRing& role_keys);

// A token without parentRunId is universal; refused (unscoped_token) unless scoped tokens are not required.
enum class ScopedTokens : std::uint8_t { kRequired, kOptional };
std::optional<DocumentError> JudgeScope(const AuthorityDerivation& token, ScopedTokens scoped);

// What a token's specHash is compared with: the canonical hash of `spec` without its derivation token.
std::string SpecHashWithoutToken(const CellSpec& spec);

// The whole of admission's step for `document`: VerifyDerivation, then specHash and notAfter where the token has them.
// kMissingToken only where `required`. Without `now` a token that has an end is expired.
DerivationVerdict JudgeDerivation(const CellDocument& document, const KeyRing& role_keys, bool required,
                                  std::optional<Time> now = std::nullopt);

}  // namespace spec
