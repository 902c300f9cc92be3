// SPDX-License-Identifier: Apache-2.0
// The pipes between supervisor and workload: ours, never the caller's open files.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/launch.h"

namespace cell {

// The supervisor's ends of the workload's streams: three pipes, or the master of its terminal.
struct CellStreams {
  base::UniqueFd in, out, err, terminal;
};

struct StreamEnds {
  CellStreams ours;         // non-blocking
  sandbox::Streams cells;   // blocking, as programs expect
};

// With a terminal no pipe is made. The pipes belong to the cell's identity, so that /dev/stdout can be opened inside.
base::Result<StreamEnds> MakeCellStreams(bool terminal, std::uint32_t uid, std::uint32_t gid);

}  // namespace cell
