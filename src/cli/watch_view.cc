// SPDX-License-Identifier: Apache-2.0
// Layout of the live view.
#include "cli/watch_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text_width.h"

namespace cli {
namespace {

constexpr unsigned kMinColumns = 40, kMinRows = 12;
constexpr std::string_view kBar = " │ ";

std::string_view NameOf(Lane lane) {
  return lane == Lane::kClaimed ? "claimed" : lane == Lane::kDerived ? "derived" : "witnessed";
}

class Screen {
 public:
  explicit Screen(ScreenSize size)
      : columns_(std::max(size.columns, kMinColumns)), rows_(std::max(size.rows, kMinRows)) {}
  std::size_t columns() const { return columns_; }
  std::size_t left() const { return rows_ - used_; }
  void Line(std::string_view text) {
    if (used_ == rows_) return;
    std::string line = FitColumns(text, columns_);
    line.resize(line.find_last_not_of(' ') + 1);
    out_.append(line).append("\n");
    ++used_;
  }
  std::string Take() { return std::move(out_); }

 private:
  std::size_t columns_, rows_, used_ = 0;
  std::string out_;
};

void Head(Screen& screen, const WatchModel& model) {
  screen.Line(fmt::format("{}  {}", model.run_id(), model.ended() ? "ended: " + model.outcome() : "running"));
  screen.Line(model.command());
  std::string agent = model.agent_declared() ? "agent " + model.agent_state() : "no agent was asked for";
  if (model.unreadable() > 0) agent += fmt::format(" · {} lines are no events", model.unreadable());
  screen.Line(fmt::format("{} events since {}: {} witnessed, {} claimed · {}", model.events(), model.started(),
                          model.count(Lane::kWitnessed), model.count(Lane::kClaimed), agent));
}

// Newest kinds last, as many as `room` lines hold.
void Denials(Screen& screen, const WatchModel& model, std::size_t room) {
  screen.Line("");
  screen.Line(fmt::format("DENIED {}", model.denials_in_all()));
  const auto& all = model.denials();
  std::size_t from = 0;
  std::uint64_t hidden = model.denials_not_kept();
  if (all.size() > room && room > 0) {
    from = all.size() - (room - 1);
    for (std::size_t i = 0; i < from; ++i) hidden += all[i].count;
  }
  if (hidden > 0) screen.Line(fmt::format("  {:>6} × others", hidden));
  for (std::size_t i = from; i < all.size(); ++i) {
    const auto& denial = all[i];
    screen.Line(fmt::format("  {:>6} × {}: {}{}{}{}", denial.count, denial.what, denial.reason,
                            denial.rule.empty() ? "" : " by ", denial.rule,
                            denial.lane == Lane::kClaimed ? " (claimed)" : ""));
  }
}

void Findings(Screen& screen, const WatchModel& model, std::size_t room) {
  if (model.findings().empty() && model.agreements() == 0) return;
  screen.Line("");
  screen.Line(fmt::format("FINDINGS {} agree, {} do not", model.agreements(), model.findings().size()));
  for (std::size_t i = 0; i < std::min(room, model.findings().size()); ++i) screen.Line("  " + model.findings()[i].text);
}

void Lanes(Screen& screen, const WatchModel& model) {
  screen.Line("");
  const std::size_t half = (screen.columns() - 3) / 2;
  const auto& host = model.lane(Lane::kWitnessed);
  const auto& cell = model.lane(Lane::kClaimed);
  screen.Line(FitColumns("THE HOST SAW", half) + std::string(kBar) + "THE CELL SAYS");
  const std::size_t rows = std::min(screen.left(), std::max(host.size(), cell.size()));
  const auto at = [&](const std::deque<WatchedEvent>& lane, std::size_t row) {
    // Both end at the last row.
    const std::size_t skipped = rows - std::min(rows, lane.size());
    if (row < skipped) return std::string();
    const auto& event = lane[lane.size() - (rows - row)];
    return fmt::format("{} {}{}", event.time, event.denial ? "! " : "", event.text);
  };
  for (std::size_t row = 0; row < rows; ++row) {
    screen.Line(FitColumns(at(host, row), half) + std::string(kBar) + at(cell, row));
  }
}

}  // namespace

std::string FitColumns(std::string_view text, std::size_t columns) {
  std::size_t width = 0, cut = 0, cut_width = 0;  // cut: where the text ends when an ellipsis follows
  for (std::size_t at = 0; at < text.size();) {
    const Glyph glyph = FirstGlyph(text.substr(at));
    if (width + glyph.columns > columns) {
      if (columns == 0) return {};
      return std::string(text.substr(0, cut)) + "…" + std::string(columns - 1 - cut_width, ' ');
    }
    width += glyph.columns;
    at += glyph.bytes;
    if (width < columns) cut = at, cut_width = width;
  }
  return std::string(text) + std::string(columns - width, ' ');
}

std::string RenderScreen(const WatchModel& model, ScreenSize size) {
  Screen screen(size);
  Head(screen, model);
  const std::size_t third = screen.left() / 3;
  Denials(screen, model, std::max<std::size_t>(third, 2) - 2);
  Findings(screen, model, third / 2);
  Lanes(screen, model);
  return screen.Take();
}

std::string RenderLine(const WatchedEvent& event) {
  return fmt::format("{}  {}  {:<9}  {}\n", event.time, event.denial ? "DENIED" : "      ", NameOf(event.lane), event.text);
}

}  // namespace cli
