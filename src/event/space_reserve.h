// SPDX-License-Identifier: Apache-2.0
// Disk space held back by a file without a name, so that the seal fits on a disk that has filled up since.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "base/unique_fd.h"

namespace event {

// Move-only; the space is given back by the destructor or Release. Nothing of it survives the process.
class SpaceReserve {
 public:
  SpaceReserve() = default;
  // Holds `bytes` on the file system of `directory`. Where it can't set space aside, holds none.
  static base::Result<SpaceReserve> Create(int directory, std::size_t bytes);
  void Release() { fd_.Reset(); }

 private:
  base::UniqueFd fd_;
};

}  // namespace event
