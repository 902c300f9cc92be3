// SPDX-License-Identifier: Apache-2.0
// Two SHA-256 computations in turns on one core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace crypto::internal {

using Sha256State = std::array<std::uint32_t, 8>;

// Whether this processor can; else Sha256CompressPair may not be called.
bool HasSha256Pair();

// Takes `blocks` blocks of 64 bytes, at least one, from each of `a_bytes` and `b_bytes`.
void Sha256CompressPair(Sha256State& a, const std::uint8_t* a_bytes, Sha256State& b, const std::uint8_t* b_bytes,
                        std::size_t blocks);

}  // namespace crypto::internal
