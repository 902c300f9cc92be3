// SPDX-License-Identifier: Apache-2.0
// Both SPKI forms have one fixed prefix each, so no ASN.1 parser is needed.
#include "crypto/spki.h"

#include <algorithm>
#include <cstring>

#include "crypto/p256.h"
#include "crypto/pem.h"
#include "crypto/sha256.h"

namespace crypto {
namespace {

constexpr std::uint8_t kEd25519Prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::string_view kLabel = "PUBLIC KEY";

}  // namespace

std::string_view ToString(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::kEd25519 ? "ed25519" : "ecdsa-p256-sha256";
}

bool SpkiKey::Verify(base::ByteSpan message, base::ByteSpan signature) const {
  return algorithm == KeyAlgorithm::kEd25519 ? VerifyEd25519(ed25519, message, signature)
                                             : VerifyP256(der, message, signature);
}

SpkiKey SpkiOf(const PublicKey& key) {
  SpkiKey spki{.der = base::Bytes(sizeof(kEd25519Prefix) + key.size()), .ed25519 = key};
  std::memcpy(spki.der.data(), kEd25519Prefix, sizeof(kEd25519Prefix));
  std::memcpy(spki.der.data() + sizeof(kEd25519Prefix), key.data(), key.size());
  spki.key_id = Hex(Sha256Of(spki.der));
  return spki;
}

base::Result<SpkiKey> ParseSpki(base::ByteSpan der) {
  constexpr std::size_t kPrefix = sizeof(kEd25519Prefix);
  if (der.size() == kPrefix + 32 && std::ranges::equal(der.first(kPrefix), kEd25519Prefix)) {
    const auto key = CheckedPublicKey(der.subspan(kPrefix));
    if (!key)
      return base::Fail(base::ErrorKind::kInvalid, "the Ed25519 public key is no canonical point of large order");
    return SpkiOf(*key);
  }
  if (IsP256Spki(der)) {
    return SpkiKey{
        .algorithm = KeyAlgorithm::kP256, .der = base::Bytes(der.begin(), der.end()), .key_id = Hex(Sha256Of(der))};
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    "the public key is neither Ed25519 nor P-256 with an uncompressed point (SubjectPublicKeyInfo)");
}

base::Result<SpkiKey> ParseSpkiPem(std::string_view text) {
  const auto der = PemDecode(text, kLabel);
  if (!der) return base::Fail(base::ErrorKind::kInvalid, "this is no PEM file with one PUBLIC KEY block");
  return ParseSpki(*der);
}

std::string ToPem(const SpkiKey& key) { return PemEncode(key.der, kLabel); }

}  // namespace crypto
