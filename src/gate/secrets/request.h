// SPDX-License-Identifier: Apache-2.0
// The lines of the secret socket (documents.md §7.3): one strict request, one reply.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gate {

inline constexpr std::size_t kMaxSecretLine = 4096;  // with its LF

struct SecretLine {
  std::string token, key;
};
// `line` without its LF: one JSON object (RFC 8259) of exactly the string members "token" and "key", each once, in UTF-8
// without control characters. Anything else is nullopt.
std::optional<SecretLine> ParseSecretLine(std::string_view line);

// {"value":"…"} or {"error":"…"} and LF. The text must be UTF-8.
std::string FormatSecretReply(std::string_view member, std::string_view text);

// Takes the time of the longer text, whatever the texts are.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace gate
