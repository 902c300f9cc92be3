// SPDX-License-Identifier: Apache-2.0
// File access of both hierarchies.
#include "cgroup/hierarchy.h"

#include <fcntl.h>
#include <poll.h>

#include <charconv>

#include <fmt/format.h>

#include "base/clock.h"
#include "sys/file.h"
#include "sys/poll.h"

namespace cgroup {
namespace {

constexpr std::size_t kMaxControlBytes = 256 * 1024;

// First pids of a cgroup, for a human.
std::string Inhabitants(const std::string& path) {
  const auto text = ReadControl(AT_FDCWD, path + "/cgroup.procs");
  if (!text || text->empty()) return "no process that is seen";
  std::string pids = text->substr(0, 120);
  for (char& c : pids) {
    if (c == '\n') c = ' ';
  }
  return "processes " + pids;
}

}  // namespace

base::Result<std::string> ReadControl(int directory, const std::string& file) {
  std::string text = TRY(sys::ReadFile(directory, file, kMaxControlBytes));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

base::Result<std::optional<std::uint64_t>> ReadNumber(int directory, const std::string& file) {
  const std::string text = TRY(ReadControl(directory, file));
  if (text == "max") return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return base::Fail(base::ErrorKind::kIo, fmt::format("{} holds no number", file));
  }
  return value;
}

std::uint64_t FlatKey(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    line.remove_prefix(key.size() + 1);
    std::uint64_t value = 0;
    std::from_chars(line.data(), line.data() + line.size(), value);
    return value;
  }
  return 0;
}

base::Result<> WriteLimit(int directory, const plan::CgroupWrite& write) {
  const auto unavailable = [&write](std::string_view what) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("limit {} = {}: {}; ask for less, or allow its loss with run.limits.bestEffort",
                                  write.file, write.value, what));
  };
  const auto written = sys::WriteControl(directory, write.file, write.value);
  if (!written) return unavailable(written.error().message);
  const auto found = ReadControl(directory, write.file);
  if (!found) return unavailable(found.error().message);
  if (*found != write.value) return unavailable("the kernel holds \"" + *found + "\" instead");
  return {};
}

namespace {

base::Result<> RemoveDirectory(const std::string& path, base::BootTime end) {
  constexpr int kAttempts = 3;  // a call that failed for want of a resource may do better the next time
  std::chrono::milliseconds pause{1};
  for (int failures = 0;;) {
    auto removed = sys::UnlinkAt(AT_FDCWD, path, AT_REMOVEDIR);
    if (removed || removed.error().os_errno == ENOENT) return {};
    if (removed.error().os_errno != EBUSY) {
      if (++failures == kAttempts) return removed;
      continue;
    }
    if (base::SystemClock().Boot() >= end) {
      return base::Fail(base::ErrorKind::kDeadline,
                        fmt::format("cgroup {} is still in use by {}", path, Inhabitants(path)));
    }
    (void)sys::Poll({}, pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(16));
  }
}

}  // namespace

base::Result<> RemoveDirectories(const std::vector<std::string>& paths, std::chrono::milliseconds deadline) {
  const base::BootTime end = base::SystemClock().Boot() + deadline;
  base::Result<> first;
  for (const std::string& path : paths) {
    auto removed = RemoveDirectory(path, end);
    if (!removed && first) first = std::move(removed);
  }
  return first;
}

}  // namespace cgroup
