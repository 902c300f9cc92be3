// SPDX-License-Identifier: Apache-2.0
// Looks at the machine once, before anything is planned; everything later decides on the value it returns.
#pragma once

#include "base/host_facts.h"
#include "base/result.h"

namespace sys {

// Cheap (well under a millisecond) and without side effect. Fails (kNotFound, kDenied) when a granted path can't be
// resolved, naming its place in the document ("authority.filesystem.writable[0]"). What the machine lacks is no failure:
// the facts say so, with cause and remedy.
base::Result<base::HostFacts> GatherHostFacts(const base::FactsRequest& request);

// What exists of ProtectedPaths() in the directories among `grants` from `first_writable` on. Asked again after a run it
// tells what the workload made anew there.
base::Result<std::vector<base::BeneathGrant>> FindProtectedFiles(const std::vector<base::ResolvedPath>& grants,
                                                                 std::size_t first_writable);

// The cgroup hierarchy that a leaf could be made in, judged for the calling process (cgroups(7)).
// `parent` is CELLOS_CGROUP_PARENT or empty.
base::CgroupFacts DetectCgroups(const std::string& parent);

// From the texts of /proc/self/cgroup and /proc/self/mountinfo: where our own cgroup's directory is in each hierarchy;
// "" is cgroup v2. A cgroup outside of what is mounted is left out.
std::map<std::string, std::string> OwnCgroupDirectories(std::string_view proc_cgroup, std::string_view mountinfo);

}  // namespace sys
