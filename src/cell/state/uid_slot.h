// SPDX-License-Identifier: Apache-2.0
// One host id per live cell out of the reserved range, held by flock whatever the state directory (flock(2)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cell {

inline constexpr unsigned kMaxUidSlots = 16384;

// Slot n means host ids base + 4n (cell), + 1 (gate), + 2 (upstream). Move-only; released on destruction. Root only.
class UidSlot {
 public:
  // The lowest free slot. `directory` is made root-only when missing. kLimit when all are taken.
  static base::Result<UidSlot> Acquire(std::uint32_t base, const std::string& directory = "/run/cellos/uid");
  UidSlot(UidSlot&&) noexcept = default;
  UidSlot& operator=(UidSlot&&) noexcept = default;

  unsigned slot() const { return slot_; }
  std::uint32_t cell_id() const { return base_ + 4 * slot_; }

  // Writes the cell's outermost process into the slot: as long as it lives the slot is not given away, even when its
  // supervisor was killed and the lock is free.
  base::Result<> NoteHolder(pid_t outer);

 private:
  UidSlot() = default;
  base::UniqueFd lock_;
  unsigned slot_ = 0;
  std::uint32_t base_ = 0;
};

}  // namespace cell
