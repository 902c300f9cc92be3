// SPDX-License-Identifier: Apache-2.0
// Flattening removal: a directory that is not empty is moved up to the top before it is entered, so the depth in hand is
// never more than two and neither memory nor descriptors grow with the tree.
#include "cell/gc/remove_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <optional>

#include "base/clock.h"
#include "base/encoding.h"
#include "sys/file.h"

namespace cell {
namespace {

class Remover {
 public:
  explicit Remover(std::chrono::milliseconds deadline) : end_(base::SystemClock().Boot() + deadline) {}

  base::Result<> Remove(int parent, const std::string& name) {
    if (TRY(RemovePlain(parent, name))) return {};
    const auto top = TRY(Enter(parent, name));
    for (;;) {
      const auto before = removed_;
      const auto seen = TRY(Pass(top.get()));
      if (seen == 0) break;
      if (removed_ == before) return std::unexpected(std::move(*failure_));
    }
    return sys::UnlinkAt(parent, name, AT_REMOVEDIR);
  }

 private:
  // One walk over the entries of the top; the number seen. Directories moved up meanwhile are found by the next walk.
  base::Result<std::size_t> Pass(int top) {
    std::size_t seen = 0;
    base::Result<> result;
    TRY(sys::ForEachEntry(top, [&](const sys::DirectoryEntry& entry) {
      ++seen;
      result = CheckDeadline();
      if (!result) return false;
      Note(RemoveEntry(top, entry.name));
      return true;
    }));
    if (!result) return std::unexpected(std::move(result).error());
    return seen;
  }

  base::Result<> RemoveEntry(int top, const std::string& name) {
    if (TRY(RemovePlain(top, name))) {
      ++removed_;
      return {};
    }
    const auto directory = TRY(Enter(top, name));
    base::Result<> result;
    TRY(sys::ForEachEntry(directory.get(), [&](const sys::DirectoryEntry& entry) {
      result = CheckDeadline();
      if (!result) return false;
      Note(RemoveOrLift(directory.get(), entry.name, top));
      return true;
    }));
    TRY(std::move(result));
    TRY(sys::UnlinkAt(top, name, AT_REMOVEDIR));
    ++removed_;
    return {};
  }

  base::Result<> RemoveOrLift(int directory, const std::string& name, int top) {
    if (TRY(RemovePlain(directory, name))) {
      ++removed_;
      return {};
    }
    TRY(Enter(directory, name));  // the move needs write permission on what is moved
    for (;;) {
      auto moved = sys::RenameAt(directory, name, top, ".remove-" + std::to_string(next_++), RENAME_NOREPLACE);
      if (!moved && moved.error().os_errno == EEXIST) continue;
      if (moved) ++removed_;
      return moved;
    }
  }

  // True when `name` is gone: a file, a link, an empty directory, or nothing. False: a directory that holds something.
  // A mount point is an error, EBUSY: what is mounted, even from the same file system, is not entered.
  static base::Result<bool> RemovePlain(int directory, const std::string& name) {
    auto gone = sys::UnlinkAt(directory, name);
    if (gone || gone.error().os_errno == ENOENT) return true;
    // unlink of a directory is EISDIR on Linux, EPERM on some file systems.
    if (gone.error().os_errno != EISDIR && gone.error().os_errno != EPERM) {
      return std::unexpected(std::move(gone).error());
    }
    gone = sys::UnlinkAt(directory, name, AT_REMOVEDIR);
    if (gone) return true;
    if (gone.error().os_errno == ENOTEMPTY || gone.error().os_errno == EEXIST) return false;
    return std::unexpected(std::move(gone).error());
  }

  static base::Result<base::UniqueFd> Enter(int parent, const std::string& name) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    const auto handle = TRY(sys::OpenAt(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    const auto status = TRY(sys::Fstat(handle.get()));
    if ((status.st_mode & 0700) != 0700) {
      TRY(sys::ChmodAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(handle.get()), 0700));
    }
    return sys::OpenAt(parent, name, kFlags);
  }

  base::Result<> CheckDeadline() const {
    if (base::SystemClock().Boot() < end_) return {};
    return base::Fail(base::ErrorKind::kDeadline, "the removal took too long; what is left is removed by the next one");
  }

  void Note(base::Result<> result) {
    if (!result) failure_ = std::move(result).error();
  }

  const base::BootTime end_;
  std::uint64_t removed_ = 0, next_ = 0;
  std::optional<base::Error> failure_;
};

}  // namespace

base::Result<> RemoveTree(int parent, const std::string& name, std::chrono::milliseconds deadline) {
  TRY_WITH("remove \"" + base::Escape(name) + "\"", Remover(deadline).Remove(parent, name));
  return {};
}

}  // namespace cell
