// SPDX-License-Identifier: Apache-2.0
// One page of memory for secrets: never swapped, dumped, or seen by a child.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace crypto {

// A fresh zeroed page of kLockedPageBytes with mlock(2), MADV_DONTDUMP and MADV_WIPEONFORK; all three or an error.
inline constexpr std::size_t kLockedPageBytes = 4096;
base::Result<std::uint8_t*> NewLockedPage();
// Wipes and releases a page of NewLockedPage; nullptr is allowed.
void FreeLockedPage(std::uint8_t* page);

}  // namespace crypto
