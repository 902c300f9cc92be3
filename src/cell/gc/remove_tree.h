// SPDX-License-Identifier: Apache-2.0
// Removes a directory tree of any depth and width in bounded memory, by descriptor, never through a link.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace cell {

// Removes `name` (a directory, or anything else) in `parent`. Does not enter what is mounted, does not recurse, opens up
// directories of mode 000 that it owns. kDeadline when `deadline` passes first; absent is success.
base::Result<> RemoveTree(int parent, const std::string& name, std::chrono::milliseconds deadline);

}  // namespace cell
