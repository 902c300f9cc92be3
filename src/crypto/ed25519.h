// SPDX-License-Identifier: Apache-2.0
// Ed25519 (RFC 8032): strict verification for everyone, signing for the holders of a key.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/encoding.h"
#include "base/result.h"

namespace crypto {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// A public key that may be trusted to decide: canonical encoding, on the curve, not of small order.
std::optional<PublicKey> CheckedPublicKey(base::ByteSpan bytes);

// The encoding of any point of the curve, also one that CheckedPublicKey refuses and no signature verifies against.
bool IsCurvePoint(base::ByteSpan bytes);

// Strict: refuses small-order or non-canonical keys and R, S >= L; equation without cofactor.
bool VerifyEd25519(const PublicKey& key, base::ByteSpan message, base::ByteSpan signature);

// A private key in locked memory: mlock, MADV_DONTDUMP, MADV_WIPEONFORK; wiped on destruction and on Wipe.
class SigningKey {
 public:
  // A fresh random key.
  static base::Result<SigningKey> Generate();
  // From a 32-byte seed; the caller wipes its own copy.
  static base::Result<SigningKey> FromSeed(base::ByteSpan seed);

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  const PublicKey& public_key() const { return public_; }
  // Must not be called after Wipe.
  Signature Sign(base::ByteSpan message) const;
  Signature Sign(std::string_view message) const { return Sign(base::AsBytes(message)); }
  void Wipe();

 private:
  SigningKey() = default;
  std::uint8_t* secret_ = nullptr;  // 64 bytes: seed and public key, in a locked page of its own
  PublicKey public_{};
  friend class KeyFile;
};

}  // namespace crypto
