// SPDX-License-Identifier: Apache-2.0
// What is in force around a waiting workload, read back from the kernel (extensions.md: effective_controls).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace sandbox {

// How the witness is locked, as its /proc files tell anyone. A member the kernel didn't show keeps the value that fails
// every check.
struct AgentControls {
  std::uint64_t cap_inh = ~0ull, cap_prm = ~0ull, cap_eff = ~0ull, cap_bnd = ~0ull, cap_amb = ~0ull;
  bool no_new_privs = false;
  int seccomp_mode = 0, seccomp_filters = 0;
  bool dumpable = true;
  int outer_pid = 0;                                   // in the cell's outer pid namespace
};

struct EffectiveControls {
  struct MountRow {
    std::string target, flags, fs_type;
    std::uint64_t source_inode = 0;
  };
  std::map<std::string, std::uint64_t> namespaces;     // kind -> inode; none of them the supervisor's
  std::vector<std::string> shared_with_host;           // kinds whose inode equals the supervisor's: must be empty
  std::uint64_t cap_inh = ~0ull, cap_prm = ~0ull, cap_eff = ~0ull, cap_bnd = ~0ull, cap_amb = ~0ull;
  bool no_new_privs = false;
  int seccomp_mode = 0;
  int seccomp_filters = 0;
  std::string filter_sha256;                           // hex, of the bytes read back, else of those installed
  bool filter_read_back = false;
  std::string why_not_read_back;                       // when it is false
  std::vector<std::string> notified;                   // calls of which that filter tells the witness
  std::optional<AgentControls> agent;                  // with a witness
  std::string uid_map, gid_map;
  int supplementary_groups = 0;
  std::vector<MountRow> mounts;
  std::map<std::string, std::pair<std::string, std::string>> rlimits;  // name -> soft, hard ("unlimited")
  std::map<std::string, std::string> cgroup;           // file -> value, as the kernel shows it
  int oom_score_adj = 0;
  std::vector<std::string> environment_names;
  std::vector<int> descriptors;                        // open in the workload after exec
  std::string nft_table;                               // empty: the cell has no rules
  std::string rules_sha256, planned_rules_sha256;      // hex, of the canonical text of the rules in force; as planned
  std::vector<plan::NotEnforced> not_enforced;

  // The rules of the cell's network namespace, read back by the net room, and those of the plan, in canonical text.
  void SetRules(std::string table, std::string_view in_force, std::string_view planned);

  // The `data` members of the event (JCS), with cellId and runId.
  std::string ToJson(const std::string& cell_id, const std::string& run_id) const;
};

// Reads everything of process `workload` from the kernel. `cgroup` was read by the cgroup room.
base::Result<EffectiveControls> ReadEffectiveControls(pid_t workload, int workload_pidfd, const plan::Plan& plan,
                                                      std::map<std::string, std::string> cgroup);

// Reads how the witness is locked; `pidfd` is its own.
base::Result<AgentControls> ReadAgentControls(pid_t agent, int pidfd);

// Compares what is in force with what was planned: kUnavailable naming every control below what was asked.
base::Result<> CheckAgainstPlan(const EffectiveControls& controls, const plan::Plan& plan);

}  // namespace sandbox
