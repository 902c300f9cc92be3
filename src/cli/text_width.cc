// SPDX-License-Identifier: Apache-2.0
// Blocks instead of characters: where a block is mixed, its narrow ones count as wide, which leaves a gap and breaks nothing.
#include "cli/text_width.h"

#include <algorithm>
#include <array>

namespace cli {
namespace {

struct Range {
  char32_t first, last;
};

constexpr auto kWide = std::to_array<Range>({
    {0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23f3}, {0x25fd, 0x25fe},   {0x2600, 0x27bf},
    {0x2b1b, 0x2b55}, {0x2e80, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},   {0xfe10, 0xfe19},
    {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x16fe0, 0x18dff}, {0x1aff0, 0x1b2ff}, {0x1f000, 0x1faff},
    {0x20000, 0x3fffd},
});
// Marks alone; in scripts whose marks are scattered they count as letters.
constexpr auto kCombining = std::to_array<Range>({
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f},
});

template <std::size_t kCount>
bool Holds(const std::array<Range, kCount>& ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](const Range& range) { return c >= range.first && c <= range.last; });
}

}  // namespace

Glyph FirstGlyph(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (length == 1 || length > text.size()) return {1, 1};
  char32_t value = lead & (0x7f >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {1, 1};
    value = value << 6 | (byte(i) & 0x3f);
  }
  return {length, Holds(kWide, value) ? 2u : Holds(kCombining, value) ? 0u : 1u};
}

}  // namespace cli
