// SPDX-License-Identifier: Apache-2.0
// What a reader of the summary should know of the granted directories: foreign owners before; set-id files and changed
// hook files after.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/host_facts.h"

namespace cell {

// Entries at the top of id-mapped grants whose owner or group isn't the grant's own: they appear as 65534 inside and
// can't be written. One sentence a grant; for runs started by root.
std::vector<std::string> ForeignOwners(const base::HostFacts& facts);

// The earliest change time that a file changed since a moment can bear: the wall clock may have been set back meanwhile,
// and file times lag behind it by a tick of the kernel's. The moment is given by what both clocks showed then.
base::WallTime EarliestChange(base::WallTime wall_then, base::BootTime boot_then, const base::Clock& clock);

// What a walk over the writable grants found, by absolute path, at most 100 of each.
struct WritableSurvey {
  std::vector<std::string> set_id_files;  // set-user-id, set-group-id or capability-bearing regular files
  // Hook and start-up files of repositories below a grant's top, made or changed since then (what is at the top is
  // read-only, or found by sys::FindProtectedFiles). None that is granted by its own path.
  std::vector<std::string> hook_files;
  bool complete = true;  // false: more than is named or looked at, a place that can't be read, or it took too long
};
// Walks the grants from `first_writable` on, without crossing file systems or following links. Change is told by the
// inode's change time (inode(7)), which no program can set; `since` is of the wall clock.
WritableSurvey SurveyWritable(const std::vector<base::ResolvedPath>& grants, std::size_t first_writable,
                              base::WallTime since);

}  // namespace cell
