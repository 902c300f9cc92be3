// SPDX-License-Identifier: Apache-2.0
// Reading the files that decide over a run: keys, keysets, policy packs.
#pragma once

#include <string>

#include "base/result.h"

namespace cell {

// The bytes of `path`: at most 1 MiB, a regular file, the last component no link (documents.md §4.1), not writable by
// others than its owner and root. `what` names it in errors.
base::Result<std::string> ReadControlFile(const std::string& path, std::string_view what);

}  // namespace cell
