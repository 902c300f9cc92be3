// SPDX-License-Identifier: Apache-2.0
// Identity maps.
#include "sandbox/identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <deque>
#include <mutex>

#include "base/encoding.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/process.h"

namespace sandbox {
namespace {

base::Result<> WriteMap(pid_t pid, std::string_view file, const std::string& text) {
  return sys::WriteControl(AT_FDCWD, fmt::format("/proc/{}/{}", pid, file), text);
}

std::string MapLine(std::uint32_t inside, std::uint32_t outside) { return fmt::format("{} {} 1\n", inside, outside); }

// In the helper: nothing but waiting for the parent to let go. Raw calls only.
[[noreturn]] void HoldNamespace(int held, int other_end) {
  sys::Raw("close", SYS_close, other_end);
  char byte;
  sys::Raw("read", SYS_read, held, &byte, 1);
  for (;;) sys::Raw("exit_group", SYS_exit_group, 0);
}

struct IdPair {
  std::uint32_t owner, group, uid, gid;
  bool operator==(const IdPair&) const = default;
};

// A user namespace that maps the source's owner to the cell's host id: what an id-mapped mount is told its map by. It
// is made through a child that lives only until its namespace file is open.
base::Result<base::UniqueFd> MakeMapNamespace(const IdPair& ids) {
  sys::PipeEnds leash = TRY(sys::Pipe());
  const sys::Child child = TRY(sys::Clone3(CLONE_NEWUSER));
  if (child.pid == 0) HoldNamespace(leash.read.get(), leash.write.get());
  const auto finish = [&]() -> base::Result<base::UniqueFd> {
    TRY(WriteMap(child.pid, "uid_map", MapLine(ids.owner, ids.uid)));
    TRY(WriteMap(child.pid, "gid_map", MapLine(ids.group, ids.gid)));
    return sys::OpenAt(AT_FDCWD, fmt::format("/proc/{}/ns/user", child.pid), O_RDONLY);
  };
  auto name = finish();
  leash.write.Reset();
  auto ended = sys::WaitId(child.pidfd.get(), WEXITED);
  if (!ended) TRY(sys::WaitId(child.pidfd.get(), WEXITED));  // a zombie is worse than a second try
  return name;
}

base::Result<base::UniqueFd> MapNamespace(const IdPair& ids) {
  struct Entry {
    IdPair ids;
    base::UniqueFd name;
  };
  constexpr std::size_t kKept = 16;
  static std::mutex mutex;
  static std::deque<Entry> cache;
  const std::lock_guard lock(mutex);
  auto found = std::ranges::find(cache, ids, &Entry::ids);
  if (found == cache.end()) {
    if (cache.size() == kKept) cache.pop_front();
    cache.push_back({ids, TRY(MakeMapNamespace(ids))});
    found = std::prev(cache.end());
  }
  return sys::Dup(found->name.get());
}

base::FileKind KindOf(mode_t mode) {
  return S_ISDIR(mode) ? base::FileKind::kDirectory
         : S_ISREG(mode) ? base::FileKind::kRegular
                         : base::FileKind::kOther;
}

base::Result<base::UniqueFd> CloneGrant(const base::ResolvedPath& grant, std::uint32_t uid, std::uint32_t gid) {
  const base::UniqueFd source = TRY(
      sys::OpenAt2(AT_FDCWD, grant.canonical, O_PATH, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
  const struct stat status = TRY(sys::StatAt(source.get(), "", AT_EMPTY_PATH));
  if (status.st_dev != grant.device || status.st_ino != grant.inode || KindOf(status.st_mode) != grant.kind) {
    return base::Fail(base::ErrorKind::kDenied,
                      fmt::format("\"{}\" is no longer what it was when the plan was made; start again",
                                  base::Escape(grant.canonical)));
  }
  base::UniqueFd tree = TRY(sys::CloneTree(source.get(), "", true));
  const base::UniqueFd ids = TRY(MapNamespace({status.st_uid, status.st_gid, uid, gid}));
  const sys::MountAttributes attributes = {.set = sys::kMountIdMap,
                                           .user_namespace = static_cast<std::uint64_t>(ids.get())};
  auto mapped = sys::MountSetattr(tree.get(), "", sys::kAtEmptyPath | sys::kAtRecursive, attributes);
  if (!mapped) {
    return std::unexpected(std::move(mapped).error().With(fmt::format(
        "the file system of \"{}\", or of a mount below it, can't show its files under the cell's ids; put the directory "
        "on ext4, xfs or btrfs (tmpfs: kernel 6.3 or later), or start the cell as the ordinary user who owns it",
        base::Escape(grant.canonical))));
  }
  return tree;
}

}  // namespace

base::Result<> WriteIdMaps(pid_t pid, std::uint32_t host_uid, std::uint32_t host_gid, bool deny_groups,
                           std::optional<std::uint32_t> seen_uid) {
  if (deny_groups) TRY(WriteMap(pid, "setgroups", "deny"));
  std::string users = MapLine(plan::kCellUid, host_uid);
  if (seen_uid) users += MapLine(plan::kCellUid + 1, *seen_uid);
  TRY(WriteMap(pid, "uid_map", users));
  return WriteMap(pid, "gid_map", MapLine(plan::kCellGid, host_gid));
}

base::Result<std::vector<base::UniqueFd>> CloneGrants(const plan::Plan& plan, std::uint32_t host_uid,
                                                      std::uint32_t host_gid) {
  std::vector<base::UniqueFd> trees(plan.facts.grants.size());
  for (const plan::Mount& mount : plan.mounts) {
    if (mount.kind != plan::Mount::Kind::kGrant || mount.grant >= trees.size()) continue;
    auto tree = CloneGrant(plan.facts.grants[mount.grant], host_uid, host_gid);
    if (!tree) {
      tree.error().step = "mount";
      return std::unexpected(std::move(tree).error());
    }
    trees[mount.grant] = std::move(*tree);
  }
  return trees;
}

}  // namespace sandbox
