// SPDX-License-Identifier: Apache-2.0
// What the host's mount table says of paths that a grant may show by another way. mountinfo: proc_pid_mountinfo(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sys {

// Mount points of file systems that are a view of the kernel (proc, sysfs, cgroup, devtmpfs, …), wherever they are.
std::vector<std::string> KernelMounts(std::string_view mountinfo);

// Every path at which the directory that is canonically `path` can be seen as well, through a bind mount of it or of a
// directory above it; `path` itself is left out.
std::vector<std::string> OtherPathsOf(std::string_view path, std::string_view mountinfo);

}  // namespace sys
