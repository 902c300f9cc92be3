// SPDX-License-Identifier: Apache-2.0
// The plan: everything a backend will do for one cell, decided before anything is done. A pure value; printed by
// `cellos plan`, hashed into the evidence.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/host_facts.h"
#include "base/result.h"
#include "plan/network.h"
#include "plan/seccomp_table.h"
#include "plan/telemetry.h"
#include "spec/cell_document.h"

namespace plan {

// Processes of the cell itself that share its user: init and reaper, and the witness where the document has one. They are
// added to what the document allows.
inline constexpr std::uint64_t kOwnProcesses = 2, kOwnProcessesWithAgent = 3;

// Cell identity: never 0 inside, one id mapped.
inline constexpr std::uint32_t kCellUid = 1000;
inline constexpr std::uint32_t kCellGid = 1000;

// One step on the way to the private root, in order. Targets are absolute paths inside the cell. Every mount point in the
// cell's own tree has a kDirectory or kFile step before it; one inside a grant has to exist there, or the start fails.
struct Mount {
  enum class Kind : std::uint8_t {
    kTmpfs,      // size_bytes, inodes, mode
    kBind,       // host path `source`, recursive unless it is a file; read-only when asked
    kGrant,      // authority.filesystem: `grant` indexes HostFacts::grants; id-mapped when started by root
    kProc,       // the inner pid namespace's own /proc; mounted by the inner PID 1
    kMask,       // hides `target` (file: /dev/null-like empty file; directory: empty read-only tmpfs)
    kReadOnly,   // makes `target` read-only, what is mounted below it excepted; a mount of its own where it was none
    kPin,        // makes `target` (in a grant) a mount of its own, as writable as before, so that it can't be renamed away
    kDevice,     // bind of one host device node, e.g. /dev/null
    kDevpts,     // own instance, only with a terminal
    kDirectory,  // mkdir with mode
    kFile,       // write `content` (generated /etc files, /run/cellos/cell.json), mode
    kLink,       // symbolic link target -> `source`
  };
  Kind kind;
  std::string target;
  std::string source = {};
  std::string content = {};
  std::uint32_t mode = 0;
  bool read_only = false;
  bool optional = false;            // absent source is skipped (kBind only)
  bool no_exec = false;
  std::uint64_t size_bytes = 0, inodes = 0;
  std::size_t grant = 0;
  std::uint64_t device = 0, inode = 0;  // expected identity of the source; 0 = not compared
};

struct Rlimit {
  int resource;        // RLIMIT_*
  std::string name;    // "core"
  std::uint64_t soft, hard;
};

struct CgroupWrite {
  std::string controller;  // "memory"
  std::string file;        // "memory.max"
  std::string value;       // "268435456"
};

struct CgroupPlan {
  base::CgroupHierarchy hierarchy = base::CgroupHierarchy::kNone;  // kNone: no leaf is made
  std::string leaf_name;               // "cellos_<safe id>_<run-unique>"; below CgroupFacts::parents
  std::vector<CgroupWrite> writes;     // in order; verified by reading back
};

struct NotEnforced {
  std::string control;  // "memory"
  std::string why;
};

struct Relaxation {
  std::string name;      // one searchable word
  std::string asked_by;  // document | policy | commandLine
  std::string why;
};

struct SecretPlan {
  std::string name;      // of authority.secretRefs or the identity's secretRef
  std::string broker;    // env | file
  std::string key;       // what the broker is asked for
  std::string delivery;  // env, or over the secret socket: runtimeBroker, runtimeLeasedBroker
};

struct ExportPlan {
  std::string name, path, target, content_type;  // as the document has them
};

struct Settings {
  std::string run_id;
  std::string backend = "native";
  std::string broker = "env";
  std::uint64_t env_timeout_ms = 0;          // CELLOS_RUN_TIMEOUT_MS, 0 = none
  std::string memory_max_setting;            // CELLOS_CGROUP_MEMORY_MAX
  std::string cpu_max_setting;               // CELLOS_CGROUP_CPU_MAX
  std::vector<std::string> argv0_prefixes;   // CELLOS_RUN_ARGV0_ALLOW_PREFIXES
  std::string cgroup_parent;                 // CELLOS_CGROUP_PARENT
  std::string state_directory;               // no grant reaches it
  std::vector<std::string> usual_state_directories;  // nor these, of other runs
  std::vector<std::string> event_sinks;      // files and directories that events go to: no writable grant reaches them
  std::string caller_directory;              // canonical
  std::uint32_t uid_base = 0x70000000;       // CELLOS_UID_BASE
  std::string export_dir;                    // CELLOS_EXPORT_DIR: an extra local export root; empty = the run directory
  bool stdin_open = true;                    // false: --no-stdin
  NetworkSettings network = {};
  TelemetrySettings telemetry = {};
};

struct Plan {
  std::string run_id, cell_id, backend, hostname;
  std::vector<std::string> argv;
  std::string working_directory;                                // final, absolute inside the cell
  std::string working_directory_hint;                           // what the summary should advise, or empty
  std::vector<std::pair<std::string, std::string>> environment; // complete but for secrets; order as given to exec
  std::vector<SecretPlan> secrets;                              // deliveries in order
  bool terminal = false, stdin_open = true;
  bool ids_from_range = false;                                  // root: a slot from uid_base; else the caller's ids
  std::uint32_t uid_base = 0;
  std::vector<Mount> mounts;
  std::vector<Rlimit> rlimits;
  CgroupPlan cgroup;
  std::vector<NotEnforced> not_enforced;
  std::vector<Relaxation> relaxations;
  std::string seccomp;                                          // the workload's filter: raw struct sock_filter[]
  std::string guard_seccomp;                                    // of init and reaper
  int oom_score_adj = 500;
  std::chrono::milliseconds time_limit{0};                      // smallest of timeout, setting, TTL
  std::string time_limit_source;                                // "spec.run.timeoutMs", "CELLOS_RUN_TIMEOUT_MS" or "ttl"
  std::chrono::seconds ttl{0};
  std::chrono::seconds grace{0};                                // SIGTERM to SIGKILL
  std::vector<ExportPlan> exports;
  std::optional<NetworkPlan> network;                           // absent: no gate, only the cell's own loopback
  std::optional<TelemetryPlan> telemetry;                       // absent: no witness in the cell
  std::vector<std::string> required_sources;                    // evidence.md §5
  std::vector<std::string> warnings;                            // admission warnings, for the summary
  std::string unavailable;                                      // why this machine can't start it, and the remedy
  base::HostFacts facts;

  // JCS bytes: plan.json. Contents of secrets never occur in a plan.
  std::string ToJson() const;
  // "sha256:…" of ToJson().
  std::string Digest() const;
  // The steps for a human, one a line.
  std::string ToText() const;
};

// What the witness of this cell is told of by the workload's filter.
NotifyPlan Notified(const Plan& plan);

// What the machine has to be asked before this document can be planned. Pure.
base::FactsRequest FactsNeeded(const spec::CellDocument& document, const Settings& settings);

// Pure. `document` was admitted; `facts` answer FactsNeeded. A document that grants what no cell may have is kInvalid or
// kDenied with the member at fault in the message. What was asked for and this machine can't enforce is said in
// `unavailable`: such a plan is evidence, and is never started.
base::Result<Plan> MakePlan(const spec::CellDocument& document, const Settings& settings, const base::HostFacts& facts);

}  // namespace plan
