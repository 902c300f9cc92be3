// SPDX-License-Identifier: Apache-2.0
// The cell's own programs as the cell gets them: sealed copies in memory that can be executed and not read.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sandbox {

// Descriptors for execveat(2), made at the first call and kept for the life of the process; not owned by the caller.
// The file has mode 0111 and every seal, so what runs from it is not dumpable from its first instruction and nobody can
// write through /proc/<pid>/exe. Safe from several threads.
base::Result<int> InitImage();
base::Result<int> AgentImage();

// The bytes of cellos-init and cellos-telemetry, for their digests; part of this program's own text.
std::string_view InitProgram();
std::string_view AgentProgram();

}  // namespace sandbox
