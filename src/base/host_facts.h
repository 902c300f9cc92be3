// SPDX-License-Identifier: Apache-2.0
// What the plan needs to know of the machine and the caller: a plain value, gathered by sys::GatherHostFacts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"

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
  bool limits_swap = false;       // v1: memory.memsw exists; v2: memory.swap.max exists
  bool must_move_self = false;    // v2: our own cgroup is delegated, but we have to leave it for a child first
  std::string why_not;            // for what is missing: cause and remedy, one sentence
};

// What lies below a granted directory and gets a rule of its own. `grant` indexes HostFacts::grants.
struct BeneathGrant {
  std::size_t grant = 0;
  std::string relative;   // below the grant's canonical path, no leading slash
  FileKind kind = FileKind::kOther;
  bool is_link = false;   // a symbolic link: can't be pinned, only told
  std::uint64_t device = 0, inode = 0;
};

// What has to be looked up for one document: made by plan::FactsNeeded, answered by sys::GatherHostFacts.
struct FactsRequest {
  std::vector<std::string> readable, writable;  // sources of authority.filesystem, absolute
  std::string caller_directory;                 // canonical working directory of the caller, or empty
  std::string state_directory;                  // CELLOS_STATE_DIR: never reachable through a grant
  std::vector<std::string> usual_state_directories;  // where other runs keep theirs: no more reachable
  std::vector<std::string> event_sinks;         // files and directories outside that events go to
  std::string cgroup_parent;                    // CELLOS_CGROUP_PARENT, or empty
  std::vector<std::string> executables;         // host paths of argv[0] and its allowed prefixes, to be resolved
  bool network = false;                         // the host's own addresses, which no name opens
};

struct HostFacts {
  std::string kernel;    // uname release
  std::string arch;      // uname machine
  std::string boot_id;
  std::uint32_t uid = 0, gid = 0;        // effective ids of the caller
  bool supplementary_groups = false;     // the caller has some that can't be dropped (ordinary user)
  unsigned cpus = 1;
  std::uint64_t memory_bytes = 0;
  bool swap = false;                     // the machine has swap space in use
  int oom_score_adj = 0;                 // of the caller; a cell can't go below it
  bool core_pattern_is_pipe = false;     // crashes are handed to a program (core(5))
  std::map<int, std::uint64_t> rlimit_hard;  // RLIMIT_* -> the caller's own hard limit, which a cell can't exceed
  bool user_namespaces = true;           // false: refused by this kernel or its settings; see why_no_user_namespaces
  std::string why_no_user_namespaces;
  CgroupFacts cgroup;
  std::vector<std::string> resolvers;    // nameserver lines of /etc/resolv.conf
  std::vector<IpAddress> host_addresses; // of its interfaces, sorted; only when FactsRequest::network asked for them
  std::vector<ResolvedPath> grants;      // every path of authority.filesystem, in document order: readable, writable
  std::vector<BeneathGrant> protected_files;   // existing hook and start-up files in writable grants
  std::vector<BeneathGrant> service_sockets;   // existing sockets of host services in any grant (docker, D-Bus, …)
  std::vector<std::string> state_directories;  // canonical, none within another
  std::vector<std::string> missing_state_directories;  // usual ones that the caller, and so a cell of his, could make
  // FactsRequest::event_sinks at every path that leads to them; one that is not there yet has no inode.
  std::vector<ResolvedPath> event_sinks;
  // Names below `/` that hold programs and libraries: -> text of the link into /usr ("usr/bin"), or "" for a directory.
  std::map<std::string, std::string> root_links;
  // Entries of the host's /etc that a cell may see and that exist: name below /etc -> canonical path.
  std::map<std::string, std::string> etc_entries;
  std::map<std::string, std::string> executables;  // FactsRequest::executables that exist -> canonical path
  std::string caller_directory;          // canonical working directory of the caller
};

}  // namespace base
