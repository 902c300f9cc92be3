// SPDX-License-Identifier: Apache-2.0
// Reading and writing of checkpoint texts.
#include "event/checkpoint_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/encoding.h"

namespace event {
namespace {

std::unexpected<base::Error> Bad(std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("this is no checkpoint: {}", why));
}

// Takes one line off `text`, without LF; false when it is not ended.
bool TakeLine(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

base::Result<std::uint64_t> ParseDecimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool digits = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || error != std::errc() || end != text.data() + text.size() || (text.size() > 1 && text[0] == '0')) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("\"{}\" is no decimal number of 64 bits", base::Escape(text, 40)));
  }
  return value;
}

base::Result<CheckpointText> ParseCheckpointText(std::string_view text) {
  CheckpointText parsed;
  std::string_view size, root, extension;
  if (!TakeLine(text, parsed.origin) || !TakeLine(text, size) || !TakeLine(text, root)) {
    return Bad("it has fewer than three lines");
  }
  if (parsed.origin.empty()) return Bad("the origin is empty");
  parsed.size = TRY_WITH("the tree size of a checkpoint", ParseDecimal(size));
  if (parsed.size >= kTreeSizeLimit) return Bad(fmt::format("the tree size {} is not below 2^62", parsed.size));
  const auto digest = base::Base64Decode(root);
  if (!digest || digest->size() != parsed.root.size()) return Bad("the root is not the base64 of 32 bytes");
  std::memcpy(parsed.root.data(), digest->data(), parsed.root.size());
  while (!text.empty()) {
    if (!TakeLine(text, extension) || extension.empty()) return Bad("an extension line is empty or not ended");
    ++parsed.extension_lines;
  }
  return parsed;
}

std::string FormatCheckpointText(std::string_view origin, std::uint64_t size, const crypto::Digest& root) {
  return fmt::format("{}\n{}\n{}\n", origin, size, base::Base64Encode(root));
}

}  // namespace event
