// SPDX-License-Identifier: Apache-2.0
// Readers of the kernel's texts about a process (proc(5)). Total: what is malformed is left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sandbox {

// /proc/<pid>/status; borrows the text.
class StatusText {
 public:
  explicit StatusText(std::string_view text) : text_(text) {}
  // Value of "Key:\tvalue" without blanks around it.
  std::optional<std::string_view> Find(std::string_view key) const;

 private:
  std::string_view text_;
};

struct MountLine {
  std::string target;   // mount point, escapes resolved
  std::string flags;    // per-mount options: "ro,nosuid,nodev,relatime"
  std::string fs_type;
};
// /proc/<pid>/mountinfo, in the kernel's order.
std::vector<MountLine> ParseMountinfo(std::string_view text);

// Soft and hard of limit `name` ("nofile") in /proc/<pid>/limits.
std::optional<std::pair<std::string, std::string>> FindLimit(std::string_view limits, std::string_view name);

// /proc/<pid>/fdinfo/<n>: flags hold O_CLOEXEC. False when it can't be told.
bool IsCloseOnExec(std::string_view fdinfo);

int CountWords(std::string_view text);
// Words of all lines with one space between: "1000 1879048192 1".
std::string JoinWords(std::string_view text);

// True when the comma list `flags` has `flag`.
bool HasFlag(std::string_view flags, std::string_view flag);

}  // namespace sandbox
