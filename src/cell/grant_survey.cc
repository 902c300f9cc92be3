// SPDX-License-Identifier: Apache-2.0
// Bounded looks at directories that may be large: a build tree has many files, and a start must not wait for it.
#include "cell/grant_survey.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fts.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <memory>

#include "base/clock.h"
#include "base/encoding.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kMaxTopEntries = 4096;
constexpr std::size_t kMaxWalked = 100'000;
constexpr std::size_t kMaxNamed = 100;
constexpr std::chrono::milliseconds kMaxWalk{500};

bool CarriesPrivilege(const FTSENT& entry) {
  const mode_t mode = entry.fts_statp->st_mode;
  if (!S_ISREG(mode)) return false;
  // Set-group-id without group execution marks mandatory locking, not privilege.
  if ((mode & S_ISUID) != 0 || ((mode & S_ISGID) != 0 && (mode & S_IXGRP) != 0)) return true;
  return (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0 && ::lgetxattr(entry.fts_path, "security.capability", nullptr, 0) > 0;
}

}  // namespace

std::vector<std::string> ForeignOwners(const base::HostFacts& facts) {
  std::vector<std::string> notes;
  for (const base::ResolvedPath& grant : facts.grants) {
    if (grant.kind != base::FileKind::kDirectory) continue;
    auto directory = sys::OpenAt(AT_FDCWD, grant.canonical, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!directory) continue;  // the mount says why
    auto entries = sys::ListDirectory(directory->get(), kMaxTopEntries);
    if (!entries) continue;
    std::size_t foreign = 0;
    std::string example;
    for (const sys::DirectoryEntry& entry : *entries) {
      const auto info = sys::StatAt(directory->get(), entry.name, AT_SYMLINK_NOFOLLOW);
      if (!info || (info->st_uid == grant.owner && info->st_gid == grant.group)) continue;
      if (foreign++ == 0) example = entry.name;
    }
    if (foreign == 0) continue;
    notes.push_back(fmt::format("{}: {} of its entries ({}{}) have another owner or group; inside they belong to 65534 and "
                                "can't be written",
                                base::Escape(grant.canonical), foreign, base::Escape(example), foreign > 1 ? ", …" : ""));
  }
  return notes;
}

SetIdFiles FindSetIdFiles(const std::vector<base::ResolvedPath>& grants, std::size_t first_writable) {
  SetIdFiles found;
  std::vector<char*> roots;
  for (std::size_t i = first_writable; i < grants.size(); ++i) {
    roots.push_back(const_cast<char*>(grants[i].canonical.c_str()));
  }
  if (roots.empty()) return found;
  roots.push_back(nullptr);
  const std::unique_ptr<FTS, decltype(&::fts_close)> walk(
      ::fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr), &::fts_close);
  if (!walk) return {{}, false};
  const auto end = base::SystemClock().Boot() + kMaxWalk;
  std::size_t walked = 0;
  while (FTSENT* entry = ::fts_read(walk.get())) {
    if (++walked > kMaxWalked || (walked % 256 == 0 && base::SystemClock().Boot() > end)) {
      found.complete = false;
      break;
    }
    if (entry->fts_info != FTS_F || !CarriesPrivilege(*entry)) continue;
    if (found.paths.size() == kMaxNamed) {
      found.complete = false;
      break;
    }
    found.paths.emplace_back(entry->fts_path);
  }
  return found;
}

}  // namespace cell
