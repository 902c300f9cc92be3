// SPDX-License-Identifier: Apache-2.0
// SHA-256 of many messages at once.
#pragma once

#include <span>

#include "base/encoding.h"
#include "crypto/sha256.h"

namespace crypto {

// out[i] = SHA-256(prefix ‖ messages[i]); the prefix is shorter than 64 bytes, `out` has room for every message and
// overlaps none of them. Where the processor has SHA instructions, which wait for their own results most of the time, two
// messages are hashed in turns: in little more than half the time of one after the other.
void Sha256Many(base::ByteSpan prefix, std::span<const base::ByteSpan> messages, Digest* out);

}  // namespace crypto
