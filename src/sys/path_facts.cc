// SPDX-License-Identifier: Apache-2.0
// A path that is not there yet is judged by where it would be.
#include "sys/path_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "sys/call.h"
#include "sys/file.h"
#include "sys/mount_facts.h"

namespace sys {
namespace {

constexpr std::size_t kMountinfoBytes = 1 << 20;

// Canonical path of an open descriptor.
base::Result<std::string> PathOf(int fd) { return ReadLinkAt(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd)); }

// The path that a usual state directory would have, where the caller may make it; nullopt where he may not.
base::Result<std::optional<std::string>> WouldBeMadeAt(std::string path) {
  std::string missing;
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos; slash = path.rfind('/')) {
    missing.insert(0, path.substr(slash));
    path.resize(slash);
    const auto above = Resolve(path.empty() ? "/" : path);
    if (!above && !IsAbsent(above.error())) return std::unexpected(above.error());
    if (!above) continue;
    const long may = Raw("faccessat2", SYS_faccessat2, AT_FDCWD, above->canonical.c_str(), W_OK | X_OK, AT_EACCESS);
    if (may == -EACCES || may == -EROFS) return std::nullopt;
    if (may < 0) return std::unexpected(CallError(may, "faccessat2", above->canonical));
    return (above->canonical == "/" ? "" : above->canonical) + missing;
  }
  return std::nullopt;
}

// One within another is hidden with it.
void KeepOutermost(std::vector<std::string>& paths) {
  std::ranges::sort(paths);
  std::vector<std::string> outer;
  for (std::string& path : paths) {
    const auto holds = [&path](const std::string& above) { return Below(path, above).has_value(); };
    if (std::ranges::none_of(outer, holds)) outer.push_back(std::move(path));
  }
  paths = std::move(outer);
}

// A file that is yet to be made stands where its directory is; without that, opening it fails.
base::Result<std::optional<base::ResolvedPath>> ResolveSink(std::string path) {
  const auto known = [](base::Result<base::ResolvedPath> found) -> base::Result<std::optional<base::ResolvedPath>> {
    if (found) return std::optional(*std::move(found));
    if (IsAbsent(found.error())) return std::nullopt;
    return std::unexpected(std::move(found).error());
  };
  if (auto there = TRY(known(Resolve(path)))) return there;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  auto above = TRY(known(Resolve(slash == std::string::npos ? "." : path.substr(0, slash + 1))));
  if (!above) return std::nullopt;
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return base::ResolvedPath{.asked = path, .canonical = (above->canonical == "/" ? "" : above->canonical) + "/" + name};
}

}  // namespace

bool IsAbsent(const base::Error& error) {
  return error.os_errno == ENOENT || error.os_errno == ENOTDIR || error.os_errno == EACCES || error.os_errno == ELOOP;
}

base::FileKind KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return base::FileKind::kDirectory;
  if (S_ISREG(mode)) return base::FileKind::kRegular;
  return base::FileKind::kOther;
}

base::Result<base::ResolvedPath> Resolve(const std::string& path) {
  const base::UniqueFd fd = TRY(OpenAt(AT_FDCWD, path, O_PATH));
  const struct stat status = TRY(Fstat(fd.get()));
  return base::ResolvedPath{.asked = path,
                            .canonical = TRY(PathOf(fd.get())),
                            .device = status.st_dev,
                            .inode = status.st_ino,
                            .kind = KindOf(status.st_mode),
                            .owner = status.st_uid,
                            .group = status.st_gid};
}

std::optional<std::string_view> Below(std::string_view path, std::string_view above) {
  if (above == "/") return path.substr(1);
  if (!path.starts_with(above)) return std::nullopt;
  path.remove_prefix(above.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  return path.substr(1);
}

base::Result<> FindStateDirectories(const base::FactsRequest& request, base::HostFacts& facts) {
  if (!request.state_directory.empty()) {
    const auto state = Resolve(request.state_directory);
    if (!state && !IsAbsent(state.error())) return std::unexpected(state.error());
    facts.state_directories.push_back(state ? state->canonical : request.state_directory);
  }
  if (facts.grants.empty()) return {};
  for (const std::string& path : request.usual_state_directories) {
    const auto state = Resolve(path);
    if (!state && !IsAbsent(state.error())) return std::unexpected(state.error());
    if (state) facts.state_directories.push_back(state->canonical);
    // What root's cells make belongs to ids that no supervisor trusts.
    if (state || facts.uid == 0) continue;
    if (auto made_at = TRY(WouldBeMadeAt(path))) facts.missing_state_directories.push_back(std::move(*made_at));
  }
  KeepOutermost(facts.state_directories);
  return {};
}

base::Result<> FindEventSinks(const base::FactsRequest& request, base::HostFacts& facts) {
  const std::vector<std::string>& paths = request.event_sinks;
  if (paths.empty() || facts.grants.empty()) return {};
  const std::string table = TRY(ReadFile(AT_FDCWD, "/proc/self/mountinfo", kMountinfoBytes));
  for (const std::string& path : paths) {
    const auto sink = TRY(ResolveSink(path));
    if (!sink) continue;
    facts.event_sinks.push_back(*sink);
    for (std::string& other : OtherPathsOf(sink->canonical, table)) {
      facts.event_sinks.push_back(*sink);
      facts.event_sinks.back().canonical = std::move(other);
    }
  }
  return {};
}

}  // namespace sys
