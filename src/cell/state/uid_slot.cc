// SPDX-License-Identifier: Apache-2.0
// Slots of the reserved id range: the first file whose lock is free and whose last holder is gone.
#include "cell/state/uid_slot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "base/encoding.h"
#include "cell/state/live_entry.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kHolderBytes = 40;

base::Result<base::UniqueFd> OpenDirectory(const std::string& path) {
  return sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

base::Result<base::UniqueFd> OpenSlots(const std::string& path) {
  auto directory = OpenDirectory(path);
  if (!directory && directory.error().os_errno == ENOENT) {
    for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      auto made = sys::MkdirAt(AT_FDCWD, path.substr(0, slash), 0755);
      if (!made && made.error().os_errno != EEXIST) return std::unexpected(std::move(made).error());
      if (slash == path.npos) break;
    }
    directory = OpenDirectory(path);
  }
  if (!directory) return directory;
  const auto status = TRY(sys::Fstat(directory->get()));
  if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    return base::Fail(base::ErrorKind::kDenied,
                      "\"" + base::Escape(path) + "\" is not ours alone: it must belong to root and be writable by it only");
  }
  return directory;
}

// "pid start_time" of the cell that had the slot last, when it still lives: its supervisor was killed a moment ago.
bool HolderLives(int slot) {
  char text[kHolderBytes];
  const auto size = sys::ReadFullAt(slot, text, 0);
  if (!size || *size == 0) return false;
  ProcessIdentity holder;
  const auto [space, error] = std::from_chars(text, text + *size, holder.pid);
  if (error != std::errc() || space == text + *size) return false;
  std::from_chars(space + 1, text + *size, holder.start_time);
  const auto now = IdentityOf(holder.pid);
  return now && now->start_time == holder.start_time;
}

}  // namespace

base::Result<UidSlot> UidSlot::Acquire(std::uint32_t base, const std::string& directory) {
  // Past the end of the ids, a slot would be those of the host's root.
  constexpr std::uint32_t kLastBase = UINT32_MAX - 4 * kMaxUidSlots;
  if (base == 0 || base > kLastBase) {
    return base::Fail(base::ErrorKind::kInvalid, "host ids for cells can't begin at " + std::to_string(base) +
                                                     "; allowed is 1 to " + std::to_string(kLastBase) +
                                                     " (CELLOS_UID_BASE)");
  }
  const auto slots = TRY_WITH("take a host id for the cell", OpenSlots(directory));
  for (unsigned n = 0; n < kMaxUidSlots; ++n) {
    auto file = TRY(sys::OpenAt(slots.get(), std::to_string(n), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!TRY(sys::TryFlock(file.get(), sys::Lock::kExclusive)) || HolderLives(file.get())) continue;
    UidSlot slot;
    slot.lock_ = std::move(file);
    slot.slot_ = n;
    slot.base_ = base;
    return slot;
  }
  return base::Fail(base::ErrorKind::kLimit, "all " + std::to_string(kMaxUidSlots) + " host ids for cells are taken");
}

base::Result<> UidSlot::NoteHolder(pid_t outer) {
  const auto holder = TRY(IdentityOf(outer));
  // Fixed width, so that one write replaces whatever stood there.
  auto text = std::to_string(holder.pid) + " " + std::to_string(holder.start_time);
  text.resize(kHolderBytes, '\0');
  return sys::WriteAllAt(lock_.get(), text, 0);
}

}  // namespace cell
