// SPDX-License-Identifier: Apache-2.0
// C2SP tlog-checkpoint: the text that a checkpoint note signs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/sha256.h"

namespace event {

// Trees from this size on are refused by every reader of ours.
inline constexpr std::uint64_t kTreeSizeLimit = std::uint64_t{1} << 62;

struct CheckpointText {
  std::string_view origin;  // into the parsed text
  std::uint64_t size = 0;
  crypto::Digest root{};
  std::size_t extension_lines = 0;  // a run's own checkpoint has none
};

// Lines ended by LF: origin (not empty), size (decimal, no leading zeros, below 2^62), root (base64 of 32 bytes), then
// extension lines, none empty. kInvalid says what is wrong.
base::Result<CheckpointText> ParseCheckpointText(std::string_view text);

std::string FormatCheckpointText(std::string_view origin, std::uint64_t size, const crypto::Digest& root);

// Decimal digits without leading zeros, at most 2^64-1.
base::Result<std::uint64_t> ParseDecimal(std::string_view text);

}  // namespace event
