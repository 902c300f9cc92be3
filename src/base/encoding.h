// SPDX-License-Identifier: Apache-2.0
// Hex, base64 and text made safe to show.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Lower-case hex.
std::string HexEncode(ByteSpan bytes);
// Lower-case hex of even length only; nullopt otherwise.
std::optional<Bytes> HexDecode(std::string_view text);

// RFC 4648. kStandard: '+' '/', padded. kUrl: '-' '_', written without padding.
enum class Base64 : std::uint8_t { kStandard, kUrl };
std::string Base64Encode(ByteSpan bytes, Base64 alphabet = Base64::kStandard);
// Strict: one alphabet, spare bits zero, no white space. Padding: demanded for kStandard; for kUrl absent or complete.
std::optional<Bytes> Base64Decode(std::string_view text, Base64 alphabet = Base64::kStandard);

// `text` for a terminal or an error message: controls, DEL, invalid UTF-8, bidi and zero-width characters appear as
// \xNN or \u{N}; cut to `max_bytes` with "…" where it was longer.
std::string Escape(std::string_view text, std::size_t max_bytes = 200);

// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms, <= U+10FFFF).
bool IsUtf8(std::string_view text);

}  // namespace base
