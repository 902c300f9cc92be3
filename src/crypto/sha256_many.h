// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) of many short messages at once.
#pragma once

#include <span>

#include "base/encoding.h"
#include "crypto/sha256.h"

namespace crypto {

// Messages shorter than this with their prefix are hashed eight at a time where the library can; longer ones alone.
inline constexpr std::size_t kSideBySideBytes = 2048 - 8;

// out[i] = SHA-256(prefix ‖ messages[i]); `out` has room for every message and overlaps none of them.
void Sha256Many(base::ByteSpan prefix, std::span<const base::ByteSpan> messages, Digest* out);

}  // namespace crypto
