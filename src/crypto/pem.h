// SPDX-License-Identifier: Apache-2.0
// PEM (RFC 7468) of one block.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"

namespace crypto {

// The bytes of `text`, which must be exactly one block of `label` with nothing around it but a final newline; lines end
// in LF or CR LF. Copies made on the way are wiped. nullopt: not that.
std::optional<base::Bytes> PemDecode(std::string_view text, std::string_view label);
std::string PemEncode(base::ByteSpan der, std::string_view label);

}  // namespace crypto
