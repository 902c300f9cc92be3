// SPDX-License-Identifier: Apache-2.0
// Removes a leaf that nobody holds any more: kills what is in it, then its directories.
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/vfs.h>

#include <charconv>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "cgroup/hierarchy.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/process.h"

namespace cgroup {
namespace {

// Paths come from a file that a crash may have cut or somebody may have changed: only a leaf of ours is touched.
bool IsLeafOfOurs(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash == std::string::npos || path.find("/../") != std::string::npos) return false;
  const std::string_view name = std::string_view(path).substr(slash + 1);
  if (name.starts_with("cellos_")) return true;
  if (name != "guard" && name != "work") return false;
  const std::string above = path.substr(0, slash);
  return above.substr(above.rfind('/') + 1).starts_with("cellos_");
}

bool IsCgroup(const std::string& path) {
  struct statfs status {};
  if (statfs(path.c_str(), &status) != 0) return false;
  const auto type = static_cast<unsigned long>(status.f_type);
  return type == CGROUP2_SUPER_MAGIC || type == CGROUP_SUPER_MAGIC;
}

// SIGKILL to every process of the cgroup; by descriptor, so that a number that was given anew meanwhile is not hit once
// the member check was done.
void KillMembers(const std::string& path) {
  if (sys::WriteControl(AT_FDCWD, path + "/cgroup.kill", "1")) return;
  const auto text = ReadControl(AT_FDCWD, path + "/cgroup.procs");
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    pid_t pid = 0;
    std::from_chars(line.data(), line.data() + line.size(), pid);
    if (pid <= 1) continue;
    const auto pidfd = sys::PidfdOpen(pid);
    if (!pidfd) continue;
    const auto still = ReadControl(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid));
    const std::string name = path.substr(path.rfind('/'));
    if (still && still->find(name) != std::string::npos) (void)sys::PidfdSendSignal(pidfd->get(), SIGKILL);
  }
}

}  // namespace

base::Result<> RemoveLeftover(const std::vector<std::string>& paths, std::chrono::milliseconds deadline) {
  const base::BootTime end = base::SystemClock().Boot() + deadline;
  for (const std::string& path : paths) {
    if (!IsLeafOfOurs(path)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        fmt::format("{} is no cgroup leaf of a cell; it was left alone", base::Escape(path)));
    }
    while (IsCgroup(path)) {
      KillMembers(path);
      const auto removed = RemoveDirectories({path}, std::chrono::milliseconds(20));
      if (removed) break;
      if (removed.error().kind != base::ErrorKind::kDeadline || base::SystemClock().Boot() >= end) return removed;
    }
  }
  return {};
}

}  // namespace cgroup
