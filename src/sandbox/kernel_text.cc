// SPDX-License-Identifier: Apache-2.0
// Readers of /proc texts.
#include "sandbox/kernel_text.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace sandbox {
namespace {

constexpr std::string_view kBlank = " \t\n";

std::string_view Next(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

std::string_view NextWord(std::string_view& text) {
  const std::size_t start = std::min(text.find_first_not_of(kBlank), text.size());
  text.remove_prefix(start);
  const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr == text.data() + i + 4) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct LimitRow {
  std::string_view name, title;
};
constexpr auto kLimitRows = std::to_array<LimitRow>({
    {"core", "Max core file size"},
    {"nofile", "Max open files"},
    {"nproc", "Max processes"},
    {"fsize", "Max file size"},
    {"memlock", "Max locked memory"},
    {"sigpending", "Max pending signals"},
    {"msgqueue", "Max msgqueue size"},
    {"nice", "Max nice priority"},
    {"rtprio", "Max realtime priority"},
    {"stack", "Max stack size"},
    {"data", "Max data size"},
    {"as", "Max address space"},
    {"cpu", "Max cpu time"},
    {"locks", "Max file locks"},
});

}  // namespace

std::optional<std::string_view> StatusText::Find(std::string_view key) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    std::string_view line = Next(rest, '\n');
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    line.remove_prefix(key.size() + 1);
    const std::size_t start = line.find_first_not_of(kBlank);
    if (start == std::string_view::npos) return std::string_view();
    line.remove_prefix(start);
    return line.substr(0, line.find_last_not_of(kBlank) + 1);
  }
  return std::nullopt;
}

std::vector<MountLine> ParseMountinfo(std::string_view text) {
  std::vector<MountLine> lines;
  while (!text.empty()) {
    std::string_view line = Next(text, '\n');
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view tail = line.substr(dash + 3);
    for (int skipped = 0; skipped < 4; ++skipped) Next(line, ' ');  // id, parent, device, root
    MountLine row;
    row.target = Unescape(Next(line, ' '));
    row.flags = Next(line, ' ');
    row.fs_type = Next(tail, ' ');
    if (row.target.starts_with('/')) lines.push_back(std::move(row));
  }
  return lines;
}

std::optional<std::pair<std::string, std::string>> FindLimit(std::string_view limits, std::string_view name) {
  const auto row = std::find_if(kLimitRows.begin(), kLimitRows.end(), [name](const LimitRow& r) { return r.name == name; });
  if (row == kLimitRows.end()) return std::nullopt;
  while (!limits.empty()) {
    std::string_view line = Next(limits, '\n');
    if (!line.starts_with(row->title)) continue;
    line.remove_prefix(row->title.size());
    std::string soft(NextWord(line));
    std::string hard(NextWord(line));
    if (hard.empty()) return std::nullopt;
    return std::pair(std::move(soft), std::move(hard));
  }
  return std::nullopt;
}

bool IsCloseOnExec(std::string_view fdinfo) {
  const auto text = StatusText(fdinfo).Find("flags");
  unsigned long flags = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), flags, 8).ec != std::errc()) return false;
  return (flags & O_CLOEXEC) != 0;
}

int CountWords(std::string_view text) {
  int count = 0;
  while (!NextWord(text).empty()) ++count;
  return count;
}

std::string JoinWords(std::string_view text) {
  std::string joined;
  for (std::string_view word = NextWord(text); !word.empty(); word = NextWord(text)) {
    joined.append(joined.empty() ? "" : " ").append(word);
  }
  return joined;
}

bool HasFlag(std::string_view flags, std::string_view flag) {
  while (!flags.empty()) {
    if (Next(flags, ',') == flag) return true;
  }
  return false;
}

}  // namespace sandbox
