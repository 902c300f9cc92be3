// SPDX-License-Identifier: Apache-2.0
// The gate gives up what it could still do, and reads back that it did.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "wire/init_record.h"

namespace gate {

// What the gate needs at most; the hard limits of its parent may allow less.
struct LockNeeds {
  std::uint64_t descriptors = 1024;
};

// Not dumpable, limits lowered for good, `filter` (raw struct sock_filter[]) installed. Gives the facts of GateLock that
// the kernel confirms: no capability, no_new_privs, the filter, an empty root, the limits. Each is a fact, not a wish: who
// starts the gate decides what is missing.
base::Result<std::uint32_t> Lock(const LockNeeds& needs, wire::Bytes filter);
// The limit of descriptors as it is after Lock.
std::uint64_t DescriptorLimit();

}  // namespace gate
