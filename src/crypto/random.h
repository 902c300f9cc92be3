// SPDX-License-Identifier: Apache-2.0
// Random bytes of the kernel (getrandom(2)) and UUIDs made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace crypto {

// Fills `out` straight from the kernel; blocks only before the kernel's pool is first seeded.
base::Result<> FillRandom(std::span<std::uint8_t> out);

// A random UUID, version 4 (RFC 9562), lower-case, 36 characters: 122 bits nobody can guess. Served from a buffer that
// the kernel wipes in a child of fork, so that two processes never share one. Thread-safe. Aborts the process when the
// kernel gives no random bytes: there is no honest id then.
std::string NewUuid();
// The same, appended.
void AppendUuid(std::string& out);

// `bytes` random bytes in lower-case hex (run ids, temporary names).
std::string RandomHex(std::size_t bytes);

}  // namespace crypto
