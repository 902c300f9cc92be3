// SPDX-License-Identifier: Apache-2.0
// What the plan needs to know of the machine and the caller: a plain value, gathered by sys::GatherHostFacts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace base {

enum class FileKind : std::uint8_t { kDirectory, kRegular, kOther };

// A path of the host resolved once.
struct ResolvedPath {
  std::string asked;      // as written in the document, made absolute
  std::string canonical;  // links resolved
  std::uint64_t device = 0, inode = 0;
  FileKind kind = FileKind::kOther;
  std::uint32_t owner = 0, group = 0;
};

enum class CgroupHierarchy : std::uint8_t { kNone, kV1, kV2 };

struct CgroupFacts {
  CgroupHierarchy hierarchy = CgroupHierarchy::kNone;
  // v2: "" -> our own cgroup's directory or the parent named by CELLOS_CGROUP_PARENT. v1: controller -> our own
  // cgroup's directory in that controller's mount.
  std::map<std::string, std::string> parents;
  // Controllers that a leaf below these parents will have: of memory, cpu, pids, and on v1 cpuacct, freezer.
  std::vector<std::string> controllers;
  bool must_move_self = false;    // v2: our own cgroup is delegated, but we have to leave it for a child first
  std::string why_not;            // for what is missing: cause and remedy, one sentence
};

struct HostFacts {
  std::string kernel;    // uname release
  std::string arch;      // uname machine
  std::string boot_id;
  std::uint32_t uid = 0, gid = 0;        // effective ids of the caller
  bool supplementary_groups = false;     // the caller has some that can't be dropped (ordinary user)
  unsigned cpus = 1;
  std::uint64_t memory_bytes = 0;
  bool user_namespaces = true;           // false: refused by this kernel or its settings; see why_no_user_namespaces
  std::string why_no_user_namespaces;
  CgroupFacts cgroup;
  std::vector<std::string> resolvers;    // nameserver lines of /etc/resolv.conf
  std::vector<ResolvedPath> grants;      // every path of authority.filesystem, in document order: readable, writable
  // Paths below `/` that are links into /usr on a merged-usr system ("bin" -> "usr/bin"), and those that are directories.
  std::map<std::string, std::string> root_links;
  std::vector<std::string> etc_present;  // which of the host's /etc entries that a cell may see exist
  std::string caller_directory;          // canonical working directory of the caller
};

}  // namespace base
