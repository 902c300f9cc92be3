// SPDX-License-Identifier: Apache-2.0
// Ed25519 by libsodium. Nothing here needs sodium_init: no libsodium random source or allocator is used.
#include "crypto/ed25519.h"

#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_sign_ed25519.h>

#include <cstring>
#include <utility>

#include "crypto/locked_page.h"
#include "crypto/random.h"

namespace crypto {
namespace {

constexpr std::size_t kSecretBytes = 64;

// y < 2^255 - 19 with the sign bit left out (RFC 8032 §5.1.3).
bool IsCanonicalY(const std::uint8_t* point) {
  if ((point[31] & 0x7f) != 0x7f) return true;
  for (int i = 30; i > 0; --i) {
    if (point[i] != 0xff) return true;
  }
  return point[0] < 0xed;
}

// A point of order 1, 2, 4 or 8 becomes the identity when it is multiplied by 8.
bool IsOnCurveAndLarge(const std::uint8_t* point) {
  std::uint8_t doubled[32];
  if (crypto_core_ed25519_add(doubled, point, point) != 0) return false;
  if (crypto_core_ed25519_add(doubled, doubled, doubled) != 0) return false;
  if (crypto_core_ed25519_add(doubled, doubled, doubled) != 0) return false;
  static constexpr std::uint8_t kIdentity[32] = {1};
  return std::memcmp(doubled, kIdentity, 32) != 0;
}

}  // namespace

std::optional<PublicKey> CheckedPublicKey(base::ByteSpan bytes) {
  if (bytes.size() != 32 || !IsCanonicalY(bytes.data()) || !IsOnCurveAndLarge(bytes.data())) return std::nullopt;
  PublicKey key;
  std::memcpy(key.data(), bytes.data(), 32);
  return key;
}

bool IsCurvePoint(base::ByteSpan bytes) {
  std::uint8_t doubled[32];
  return bytes.size() == 32 && crypto_core_ed25519_add(doubled, bytes.data(), bytes.data()) == 0;
}

bool VerifyEd25519(const PublicKey& key, base::ByteSpan message, base::ByteSpan signature) {
  if (signature.size() != 64 || !IsCanonicalY(key.data()) || !IsCanonicalY(signature.data())) return false;
  return crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
}

base::Result<SigningKey> SigningKey::Generate() {
  SigningKey key;
  key.secret_ = TRY(NewLockedPage());
  std::uint8_t* seed = key.secret_ + kSecretBytes;
  TRY(FillRandom({seed, 32}));
  crypto_sign_ed25519_seed_keypair(key.public_.data(), key.secret_, seed);
  explicit_bzero(seed, 32);
  return key;
}

base::Result<SigningKey> SigningKey::FromSeed(base::ByteSpan seed) {
  if (seed.size() != 32) return base::Fail(base::ErrorKind::kInvalid, "an Ed25519 seed has 32 bytes");
  SigningKey key;
  key.secret_ = TRY(NewLockedPage());
  crypto_sign_ed25519_seed_keypair(key.public_.data(), key.secret_, seed.data());
  return key;
}

SigningKey::SigningKey(SigningKey&& other) noexcept
    : secret_(std::exchange(other.secret_, nullptr)), public_(other.public_) {}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  if (this != &other) {
    Wipe();
    secret_ = std::exchange(other.secret_, nullptr);
    public_ = other.public_;
  }
  return *this;
}

SigningKey::~SigningKey() { Wipe(); }

Signature SigningKey::Sign(base::ByteSpan message) const {
  Signature signature;
  crypto_sign_ed25519_detached(signature.data(), nullptr, message.data(), message.size(), secret_);
  return signature;
}

void SigningKey::Wipe() { FreeLockedPage(std::exchange(secret_, nullptr)); }

}  // namespace crypto
