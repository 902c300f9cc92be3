// SPDX-License-Identifier: Apache-2.0
// Bounded looks at directories that may be large: a build tree has many files, and a start must not wait for it.
#include "cell/grant_survey.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fts.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>

#include "base/clock.h"
#include "base/encoding.h"
#include "sys/file.h"
#include "sys/protected_paths.h"

namespace cell {
namespace {

constexpr std::size_t kMaxTopEntries = 4096;
constexpr std::size_t kMaxWalked = 100'000;
constexpr std::size_t kMaxNamed = 100;
constexpr std::chrono::milliseconds kMaxWalk{500};
constexpr std::chrono::milliseconds kClockTick{20};

bool CarriesPrivilege(const FTSENT& entry) {
  const mode_t mode = entry.fts_statp->st_mode;
  if (!S_ISREG(mode)) return false;
  // Set-group-id without group execution marks mandatory locking, not privilege.
  if ((mode & S_ISUID) != 0 || ((mode & S_ISGID) != 0 && (mode & S_IXGRP) != 0)) return true;
  return (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0 && ::lgetxattr(entry.fts_path, "security.capability", nullptr, 0) > 0;
}

struct Hook {
  std::string_view directory, entry;  // "sub/project", ".git/hooks"
};

// The entry of the table that `relative` is or lies in, below the top.
std::optional<Hook> HookOf(std::string_view relative) {
  static const std::unordered_set<std::string_view> table = [] {
    const auto paths = sys::ProtectedPaths();
    std::unordered_set<std::string_view> all(paths.begin(), paths.end());
    all.insert(".git");  // as a file: the link to a repository kept elsewhere
    return all;
  }();
  for (std::size_t slash = relative.find('/'); slash != relative.npos; slash = relative.find('/', slash + 1)) {
    const std::string_view rest = relative.substr(slash + 1);
    for (std::size_t end = rest.find('/');; end = rest.find('/', end + 1)) {
      const std::string_view entry = rest.substr(0, end);
      if (table.contains(entry) && (entry != ".git" || end == rest.npos)) return Hook{relative.substr(0, slash), entry};
      if (end == rest.npos) break;
    }
  }
  return std::nullopt;
}

class Survey {
 public:
  Survey(base::WallTime since, std::span<const base::ResolvedPath> grants) : since_(since), grants_(grants) {}

  void Take(const FTSENT& entry) {
    const auto is = [&entry](int info) { return entry.fts_info == info; };
    if (is(FTS_DP)) return;  // a directory for the second time
    if (is(FTS_DNR) || is(FTS_ERR) || is(FTS_NS)) found_.complete = false;
    if (is(FTS_ERR) || is(FTS_NS)) return;
    if (is(FTS_F) && CarriesPrivilege(entry)) Name(found_.set_id_files, entry.fts_path);
    if (Changed(entry)) TakeHook(entry);
  }

  WritableSurvey Done(bool complete) && {
    found_.complete = found_.complete && complete;
    return std::move(found_);
  }

 private:
  bool Changed(const FTSENT& entry) const {
    const timespec& changed = entry.fts_statp->st_ctim;
    return std::chrono::seconds(changed.tv_sec) + std::chrono::milliseconds(changed.tv_nsec / 1'000'000) >=
           since_.time_since_epoch();
  }

  void TakeHook(const FTSENT& entry) {
    const std::string_view path(entry.fts_path, entry.fts_pathlen);
    const FTSENT* top = &entry;
    while (top->fts_level > FTS_ROOTLEVEL) top = top->fts_parent;
    const std::size_t below = top->fts_pathlen + 1;
    const auto hook = path.size() > below ? HookOf(path.substr(below)) : std::nullopt;
    if (!hook || (hook->entry == ".git" && S_ISDIR(entry.fts_statp->st_mode))) return;
    const std::string directory(path.substr(0, below + hook->directory.size()));
    if (!sys::StatAt(AT_FDCWD, directory + "/.git", AT_SYMLINK_NOFOLLOW)) return;  // no repository
    std::string name = directory + "/" + std::string(hook->entry);
    const auto is = [&name](const base::ResolvedPath& grant) { return grant.canonical == name; };
    if (std::any_of(grants_.begin(), grants_.end(), is)) return;
    if (named_.insert(name).second) Name(found_.hook_files, std::move(name));
  }

  void Name(std::vector<std::string>& list, std::string path) {
    if (list.size() < kMaxNamed) {
      list.push_back(std::move(path));
    } else {
      found_.complete = false;
    }
  }

  base::WallTime since_;
  std::span<const base::ResolvedPath> grants_;
  std::unordered_set<std::string> named_;
  WritableSurvey found_;
};

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

base::WallTime EarliestChange(base::WallTime wall_then, base::BootTime boot_then, const base::Clock& clock) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(clock.Boot() - boot_then);
  return std::min(wall_then, clock.Wall() - passed) - kClockTick;
}

WritableSurvey SurveyWritable(const std::vector<base::ResolvedPath>& grants, std::size_t first_writable,
                              base::WallTime since) {
  std::vector<char*> roots;
  for (std::size_t i = first_writable; i < grants.size(); ++i) {
    roots.push_back(const_cast<char*>(grants[i].canonical.c_str()));
  }
  if (roots.empty()) return {};
  roots.push_back(nullptr);
  Survey survey(since, std::span(grants).subspan(first_writable));
  const std::unique_ptr<FTS, decltype(&::fts_close)> walk(
      ::fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr), &::fts_close);
  if (!walk) return std::move(survey).Done(/*complete=*/false);
  const auto end = base::SystemClock().Boot() + kMaxWalk;
  std::size_t walked = 0;
  while (FTSENT* entry = ::fts_read(walk.get())) {
    if (++walked > kMaxWalked || (walked % 256 == 0 && base::SystemClock().Boot() > end)) {
      return std::move(survey).Done(/*complete=*/false);
    }
    survey.Take(*entry);
  }
  return std::move(survey).Done(/*complete=*/true);
}

}  // namespace cell
