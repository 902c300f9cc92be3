// SPDX-License-Identifier: Apache-2.0
// The last step before serving: cellos-upstream gives up what it does not need and reads back that it has.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "upstream/system_calls.h"
#include "wire/init_record.h"

namespace upstream {

// Not dumpable, limits on files, memory, processes and cores, then `filter` (raw struct sock_filter[]) and on top of it the
// part's own; gives the facts read back afterwards as bits of wire::GateLock. Fails when a step does; a missing fact is no
// failure here: the supervisor does not open the barrier without all of them.
base::Result<std::uint32_t> Lock(wire::Bytes filter, Part part);

}  // namespace upstream
