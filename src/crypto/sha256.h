// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/encoding.h"

namespace crypto {

using Digest = std::array<std::uint8_t, 32>;

// Incremental SHA-256; a plain value, no allocation.
class Sha256 {
 public:
  Sha256();
  Sha256& Update(base::ByteSpan bytes);
  Sha256& Update(std::string_view text) { return Update(base::AsBytes(text)); }
  // Ends the computation; the object may not be used after it.
  Digest Finish();

 private:
  alignas(8) std::array<std::uint8_t, 128> state_;  // SHA256_CTX of libcrypto
};

Digest Sha256Of(base::ByteSpan bytes);
inline Digest Sha256Of(std::string_view text) { return Sha256Of(base::AsBytes(text)); }
Digest HmacSha256(base::ByteSpan key, base::ByteSpan message);

std::string Hex(const Digest& digest);
// "sha256:" + hex.
std::string PrefixedHex(const Digest& digest);

// Compares in time that depends on the sizes alone.
bool ConstantTimeEqual(base::ByteSpan a, base::ByteSpan b);

}  // namespace crypto
