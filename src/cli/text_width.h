// SPDX-License-Identifier: Apache-2.0
// How much room a text takes in a terminal.
#pragma once

#include <cstddef>
#include <string_view>

namespace cli {

// The first character of a text that isn't empty: its bytes, and its columns in a terminal. Columns are those of the widest
// way in which terminals show it: emoji, ideographs and full-width forms take two, combining marks none, a byte that is no
// UTF-8 one. No locale is asked (wcwidth(3) knows nothing in that of a service).
struct Glyph {
  std::size_t bytes;
  std::size_t columns;
};
Glyph FirstGlyph(std::string_view text);

}  // namespace cli
