// SPDX-License-Identifier: Apache-2.0
// Public keys as SubjectPublicKeyInfo (RFC 5280, RFC 8410), of the two kinds that sign a seal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "base/result.h"
#include "crypto/ed25519.h"

namespace crypto {

enum class KeyAlgorithm : std::uint8_t { kEd25519, kP256 };
// "ed25519" or "ecdsa-p256-sha256".
std::string_view ToString(KeyAlgorithm algorithm);

struct SpkiKey {
  KeyAlgorithm algorithm = KeyAlgorithm::kEd25519;
  base::Bytes der;      // the SPKI itself
  PublicKey ed25519{};  // the raw key of kEd25519, else zeros
  std::string key_id;   // hex SHA-256 of `der`

  // The rule of its algorithm: strict Ed25519, or P-256 with SHA-256 and strict DER.
  bool Verify(base::ByteSpan message, base::ByteSpan signature) const;
};

SpkiKey SpkiOf(const PublicKey& key);
// Exactly one of the two forms: Ed25519 that CheckedPublicKey accepts, or P-256 with the uncompressed point; else
// kInvalid.
base::Result<SpkiKey> ParseSpki(base::ByteSpan der);
// From a PEM block "PUBLIC KEY".
base::Result<SpkiKey> ParseSpkiPem(std::string_view text);
std::string ToPem(const SpkiKey& key);

}  // namespace crypto
