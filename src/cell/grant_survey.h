// SPDX-License-Identifier: Apache-2.0
// What a reader of the summary should know of the granted directories: foreign owners before, set-id files after.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/host_facts.h"

namespace cell {

// Entries at the top of id-mapped grants whose owner or group isn't the grant's own: they appear as 65534 inside and
// can't be written. One sentence a grant; for runs started by root.
std::vector<std::string> ForeignOwners(const base::HostFacts& facts);

struct SetIdFiles {
  std::vector<std::string> paths;  // set-user-id, set-group-id or capability-bearing regular files, at most 100
  bool complete = true;            // false: there were more entries than are looked at, or it took too long
};
// Walks the grants from `first_writable` on, without crossing file systems or following links.
SetIdFiles FindSetIdFiles(const std::vector<base::ResolvedPath>& grants, std::size_t first_writable);

}  // namespace cell
