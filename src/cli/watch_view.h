// SPDX-License-Identifier: Apache-2.0
// What `cellos watch` shows: one screen of a WatchModel, or one line of it for a pipe. Pure.
#pragma once

#include <string>

#include "cli/watch_model.h"

namespace cli {

struct ScreenSize {
  unsigned columns = 100, rows = 40;
};

// Lines that fit `size`, each ended by a line feed: head, denials, findings, then what the host saw beside what the cell
// said of itself. No control characters.
std::string RenderScreen(const WatchModel& model, ScreenSize size);

// One line and a line feed: time, "DENIED" or blanks, the lane, the text.
std::string RenderLine(const WatchedEvent& event);

// UTF-8 `text` cut to at most `columns` of a terminal (text_width.h), "…" at the end of what was longer, and filled with
// spaces to exactly `columns`.
std::string FitColumns(std::string_view text, std::size_t columns);

}  // namespace cli
