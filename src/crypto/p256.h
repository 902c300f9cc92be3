// SPDX-License-Identifier: Apache-2.0
// ECDSA on P-256 with SHA-256 (FIPS 186-5), for verifiers that know no Ed25519.
#pragma once

#include <memory>
#include <optional>

#include "base/encoding.h"
#include "base/result.h"

namespace crypto {

// True when `spki` is the DER SubjectPublicKeyInfo of a P-256 key with the point uncompressed and on the curve.
bool IsP256Spki(base::ByteSpan spki);

// `signature` in strict DER: minimal lengths, positive minimal integers, nothing after; high s allowed.
bool VerifyP256(base::ByteSpan spki, base::ByteSpan message, base::ByteSpan signature);

// A private key in locked memory, wiped on destruction.
class P256SigningKey {
 public:
  static base::Result<P256SigningKey> Generate();
  // PKCS#8 DER with the public half, in the one form that ToPkcs8 and other tools write.
  static base::Result<P256SigningKey> FromPkcs8(base::ByteSpan der);
  P256SigningKey(P256SigningKey&&) noexcept;
  P256SigningKey& operator=(P256SigningKey&&) noexcept;
  ~P256SigningKey();

  // The public half: SPKI DER, 91 bytes.
  const base::Bytes& spki() const { return spki_; }
  // PKCS#8 DER; the caller wipes it.
  base::Result<base::Bytes> ToPkcs8() const;
  // DER signature.
  base::Result<base::Bytes> Sign(base::ByteSpan message) const;

 private:
  struct Key;
  explicit P256SigningKey(std::unique_ptr<Key> key);
  static base::Result<P256SigningKey> FromScalar(base::ByteSpan scalar);
  std::unique_ptr<Key> key_;
  base::Bytes spki_;
};

}  // namespace crypto
