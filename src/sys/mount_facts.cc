// SPDX-License-Identifier: Apache-2.0
// Reads the table line by line; a line that is not understood is skipped.
#include "sys/mount_facts.h"

#include <algorithm>
#include <array>
#include <optional>

namespace sys {
namespace {

constexpr auto kKernelTypes = std::to_array<std::string_view>(
    {"proc", "sysfs", "cgroup", "cgroup2", "devtmpfs", "devpts", "debugfs", "tracefs", "securityfs", "selinuxfs", "bpf",
     "configfs", "efivarfs", "fusectl", "pstore", "binfmt_misc", "nsfs", "mqueue", "rpc_pipefs", "nfsd"});

struct Row {
  std::string device, root, target, type;
};

std::string_view Next(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<Row> Rows(std::string_view mountinfo) {
  std::vector<Row> rows;
  while (!mountinfo.empty()) {
    const std::string_view line = Next(mountinfo, '\n');
    const std::size_t mark = line.find(" - ");
    if (mark == std::string_view::npos) continue;
    std::string_view head = line.substr(0, mark), tail = line.substr(mark + 3);
    Next(head, ' ');
    Next(head, ' ');
    Row row{.device = std::string(Next(head, ' ')), .root = {}, .target = {}, .type = std::string(Next(tail, ' '))};
    row.root = Unescape(Next(head, ' '));
    row.target = Unescape(Next(head, ' '));
    if (row.target.starts_with('/')) rows.push_back(std::move(row));
  }
  return rows;
}

// The part of `path` below `above`, with its leading slash: "" for itself, nullopt when it lies elsewhere.
std::optional<std::string> Rest(std::string_view path, std::string_view above) {
  if (above == "/") return path == "/" ? std::string() : std::string(path);
  if (!path.starts_with(above)) return std::nullopt;
  path.remove_prefix(above.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return std::string(path);
}

std::string Joined(const std::string& above, const std::string& rest) {
  return above == "/" && !rest.empty() ? rest : above + rest;
}

}  // namespace

std::vector<std::string> KernelMounts(std::string_view mountinfo) {
  std::vector<std::string> targets;
  for (Row& row : Rows(mountinfo)) {
    if (std::ranges::find(kKernelTypes, row.type) != kKernelTypes.end()) targets.push_back(std::move(row.target));
  }
  return targets;
}

std::vector<std::string> OtherPathsOf(std::string_view path, std::string_view mountinfo) {
  const std::vector<Row> rows = Rows(mountinfo);
  // The mount that holds it: the deepest above it, of several at one place the last.
  const Row* holder = nullptr;
  for (const Row& row : rows) {
    if (Rest(path, row.target) && (holder == nullptr || row.target.size() >= holder->target.size())) holder = &row;
  }
  std::vector<std::string> others;
  if (holder == nullptr) return others;
  const std::string inside = Joined(holder->root, *Rest(path, holder->target));
  for (const Row& row : rows) {
    const auto rest = row.device == holder->device ? Rest(inside, row.root) : std::nullopt;
    if (!rest) continue;
    std::string other = Joined(row.target, *rest);
    if (other != path) others.push_back(std::move(other));
  }
  return others;
}

}  // namespace sys
