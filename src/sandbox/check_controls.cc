// SPDX-License-Identifier: Apache-2.0
// Compares what is in force with what was planned. Everything below the plan is named, not only the first.
#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/sha256.h"
#include "sandbox/effective_controls.h"
#include "sandbox/kernel_text.h"

namespace sandbox {
namespace {

using Kind = plan::Mount::Kind;

class Findings {
 public:
  template <class... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    if (!text_.empty()) text_ += "; ";
    text_ += fmt::format(format, std::forward<Args>(args)...);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

constexpr int kAgentOuterPid = 2;

void CheckAgent(const AgentControls& agent, Findings& findings) {
  if ((agent.cap_inh | agent.cap_prm | agent.cap_eff | agent.cap_bnd | agent.cap_amb) != 0) {
    findings.Add("the witness holds capabilities");
  }
  if (!agent.no_new_privs) findings.Add("no_new_privs is not set for the witness");
  if (agent.seccomp_mode != 2 || agent.seccomp_filters < 1) findings.Add("the witness has no system-call filter");
  if (agent.dumpable) findings.Add("the witness is dumpable");
  if (agent.outer_pid != kAgentOuterPid) findings.Add("the witness is process {} of the cell", agent.outer_pid);
}

void CheckPrivileges(const EffectiveControls& controls, const plan::Plan& plan, Findings& findings) {
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}) {
    if (!controls.namespaces.contains(kind)) findings.Add("the {} namespace was not read", kind);
  }
  for (const std::string& kind : controls.shared_with_host) findings.Add("the {} namespace is the supervisor's", kind);
  const auto empty = [&findings](std::string_view set, std::uint64_t bits) {
    if (bits != 0) findings.Add("the {} capability set holds {:#x}", set, bits);
  };
  empty("inheritable", controls.cap_inh);
  empty("permitted", controls.cap_prm);
  empty("effective", controls.cap_eff);
  empty("bounding", controls.cap_bnd);
  empty("ambient", controls.cap_amb);
  if (!controls.no_new_privs) findings.Add("no_new_privs is not set");
  if (controls.seccomp_mode != 2 || controls.seccomp_filters < 1) findings.Add("no system-call filter is in force");
  if (controls.filter_sha256 != crypto::Hex(crypto::Sha256Of(plan.seccomp))) {
    findings.Add("the system-call filter in force is another one ({})", controls.filter_sha256);
  }
  if (controls.agent) CheckAgent(*controls.agent, findings);
  if (plan.telemetry && !controls.agent) findings.Add("the witness was not read");
  if (!plan.telemetry && controls.agent) findings.Add("there is a witness that nobody planned");
}

// One id inside, one outside, and that one not root's.
void CheckMap(std::string_view name, std::string_view map, std::uint32_t inside, std::uint32_t caller,
              const plan::Plan& plan, Findings& findings) {
  std::uint64_t numbers[3] = {};
  std::size_t count = 0;
  const char* at = map.data();
  const char* const end = at + map.size();
  while (at < end && count < 3) {
    const auto [next, error] = std::from_chars(at, end, numbers[count]);
    if (error != std::errc()) break;
    ++count;
    at = next < end ? next + 1 : next;
  }
  const bool outside_right = plan.ids_from_range ? numbers[1] >= plan.uid_base && numbers[1] != 0 : numbers[1] == caller;
  if (count != 3 || at < end || numbers[0] != inside || numbers[2] != 1 || !outside_right) {
    findings.Add("{} is \"{}\"", name, base::Escape(map));
  }
}

bool IsMount(const plan::Mount& mount) {
  return mount.kind != Kind::kDirectory && mount.kind != Kind::kFile && mount.kind != Kind::kLink;
}

// The mount that is seen at `target`: the last one there.
const EffectiveControls::MountRow* FindRow(const EffectiveControls& controls, std::string_view target) {
  const auto found = std::find_if(controls.mounts.rbegin(), controls.mounts.rend(),
                                  [target](const auto& row) { return row.target == target; });
  return found == controls.mounts.rend() ? nullptr : &*found;
}

void CheckMount(const EffectiveControls& controls, const plan::Mount& mount, Findings& findings) {
  const EffectiveControls::MountRow* row = FindRow(controls, mount.target);
  if (row == nullptr) {
    if (!mount.optional) findings.Add("nothing is mounted at {}", base::Escape(mount.target));
    return;
  }
  const auto need = [&](std::string_view flag) {
    if (!HasFlag(row->flags, flag)) findings.Add("{} is mounted without {}", base::Escape(mount.target), flag);
  };
  if (mount.read_only) need("ro");
  need("nosuid");
  if (mount.kind != Kind::kDevice && mount.kind != Kind::kDevpts && mount.kind != Kind::kMask) need("nodev");
  if (mount.no_exec) need("noexec");
  if (mount.kind == Kind::kProc && row->fs_type != "proc") findings.Add("{} is a {}", mount.target, row->fs_type);
  if (mount.kind == Kind::kTmpfs && row->fs_type != "tmpfs") findings.Add("{} is a {}", mount.target, row->fs_type);
  if (mount.inode != 0 && row->source_inode != mount.inode) {
    findings.Add("{} shows inode {} instead of {}", base::Escape(mount.target), row->source_inode, mount.inode);
  }
}

bool IsBelow(std::string_view path, std::string_view above) {
  return path == above || (path.starts_with(above) && path.size() > above.size() && path[above.size()] == '/');
}

// Whatever is mounted was planned, or came along below a bound tree of the host.
void CheckNothingElse(const EffectiveControls& controls, const plan::Plan& plan, Findings& findings) {
  for (const EffectiveControls::MountRow& row : controls.mounts) {
    const bool planned = std::any_of(plan.mounts.begin(), plan.mounts.end(), [&row](const plan::Mount& mount) {
      if (!IsMount(mount)) return false;
      const bool tree = mount.kind == Kind::kBind || mount.kind == Kind::kGrant;
      return tree ? IsBelow(row.target, mount.target) : row.target == mount.target;
    });
    if (!planned) findings.Add("{} at {} was not planned", row.fs_type, base::Escape(row.target));
  }
}

void CheckLimits(const EffectiveControls& controls, const plan::Plan& plan, Findings& findings) {
  const auto text = [](std::uint64_t value) { return value == ~0ull ? std::string("unlimited") : std::to_string(value); };
  for (const plan::Rlimit& limit : plan.rlimits) {
    const auto found = controls.rlimits.find(limit.name);
    if (found == controls.rlimits.end()) {
      findings.Add("rlimit {} was not read", limit.name);
    } else if (found->second != std::pair(text(limit.soft), text(limit.hard))) {
      findings.Add("rlimit {} is {} (hard {})", limit.name, found->second.first, found->second.second);
    }
  }
  for (const plan::CgroupWrite& write : plan.cgroup.writes) {
    const auto found = controls.cgroup.find(write.file);
    if (found == controls.cgroup.end() || found->second != write.value) {
      findings.Add("{} is {} instead of {}", write.file, found == controls.cgroup.end() ? "unset" : found->second,
                   write.value);
    }
  }
  if (controls.oom_score_adj != plan.oom_score_adj) findings.Add("oom_score_adj is {}", controls.oom_score_adj);
}

void CheckRules(const EffectiveControls& controls, const plan::Plan& plan, Findings& findings) {
  const bool planned = plan.network && plan.network->network;
  if (controls.nft_table != (planned ? plan.network->table : "")) {
    findings.Add("the rules of table \"{}\" were not read", planned ? plan.network->table : "");
  } else if (controls.rules_sha256 != controls.planned_rules_sha256) {
    findings.Add("the rules in force are other ones ({})", controls.rules_sha256);
  }
}

}  // namespace

base::Result<> CheckAgainstPlan(const EffectiveControls& controls, const plan::Plan& plan) {
  Findings findings;
  CheckPrivileges(controls, plan, findings);
  CheckRules(controls, plan, findings);
  CheckMap("uid_map", controls.uid_map, plan::kCellUid, plan.facts.uid, plan, findings);
  CheckMap("gid_map", controls.gid_map, plan::kCellGid, plan.facts.gid, plan, findings);
  if (controls.supplementary_groups != 0 && !plan.facts.supplementary_groups) {
    findings.Add("the workload has {} supplementary groups", controls.supplementary_groups);
  }
  for (const plan::Mount& mount : plan.mounts) {
    if (IsMount(mount)) CheckMount(controls, mount, findings);
  }
  CheckNothingElse(controls, plan, findings);
  CheckLimits(controls, plan, findings);
  if (controls.descriptors != std::vector<int>{0, 1, 2}) {
    std::string list;
    for (const int fd : controls.descriptors) list += fmt::format(" {}", fd);
    findings.Add("the workload would inherit descriptors{}", list);
  }
  if (findings.text().empty()) return {};
  return base::Fail(base::ErrorKind::kUnavailable, "less is in force than was planned: " + findings.text());
}

}  // namespace sandbox
