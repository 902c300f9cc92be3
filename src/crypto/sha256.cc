// SPDX-License-Identifier: Apache-2.0
// SHA-256 by libcrypto's low-level calls: no library start-up, no allocation, vector code chosen by the processor.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.h"

#include <openssl/sha.h>

#include <cstring>
#include <type_traits>

namespace crypto {
namespace {

static_assert(sizeof(SHA256_CTX) <= 128 && alignof(SHA256_CTX) <= 8);
static_assert(std::is_trivially_copyable_v<SHA256_CTX>);

SHA256_CTX* Context(std::array<std::uint8_t, 128>& state) { return reinterpret_cast<SHA256_CTX*>(state.data()); }

constexpr std::size_t kBlockBytes = 64;

}  // namespace

Sha256::Sha256() { SHA256_Init(Context(state_)); }

Sha256& Sha256::Update(base::ByteSpan bytes) {
  SHA256_Update(Context(state_), bytes.data(), bytes.size());
  return *this;
}

Digest Sha256::Finish() {
  Digest digest;
  SHA256_Final(digest.data(), Context(state_));
  return digest;
}

Digest Sha256Of(base::ByteSpan bytes) { return Sha256().Update(bytes).Finish(); }

Digest HmacSha256(base::ByteSpan key, base::ByteSpan message) {
  std::array<std::uint8_t, kBlockBytes> block{};
  if (key.size() > kBlockBytes) {
    const Digest shortened = Sha256Of(key);
    std::memcpy(block.data(), shortened.data(), shortened.size());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  for (std::uint8_t& byte : block) byte ^= 0x36;
  const Digest inner = Sha256().Update(block).Update(message).Finish();
  for (std::uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  const Digest outer = Sha256().Update(block).Update(inner).Finish();
  explicit_bzero(block.data(), block.size());
  return outer;
}

std::string Hex(const Digest& digest) { return base::HexEncode(digest); }

std::string PrefixedHex(const Digest& digest) { return "sha256:" + Hex(digest); }

bool ConstantTimeEqual(base::ByteSpan a, base::ByteSpan b) {
  if (a.size() != b.size()) return false;
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace crypto
