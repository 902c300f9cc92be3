// SPDX-License-Identifier: Apache-2.0
// Data of the effective_controls event: JCS, members written in sorted order.
#include <array>

#include "json/writer.h"
#include "sandbox/effective_controls.h"

namespace sandbox {
namespace {

// capabilities(7), by number.
constexpr auto kCapabilities = std::to_array<const char*>({
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
});

void CapabilitySet(json::Writer& out, std::string_view name, std::uint64_t bits) {
  out.Key(name).BeginArray();
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((bits >> bit & 1) == 0) continue;
    out.String(bit < kCapabilities.size() ? std::string(kCapabilities[bit]) : "CAP_" + std::to_string(bit));
  }
  out.EndArray();
}

template <class Controls>
void Capabilities(json::Writer& out, const Controls& controls) {
  out.Key("capabilities").BeginObject();
  CapabilitySet(out, "ambient", controls.cap_amb);
  CapabilitySet(out, "bounding", controls.cap_bnd);
  CapabilitySet(out, "effective", controls.cap_eff);
  CapabilitySet(out, "inheritable", controls.cap_inh);
  CapabilitySet(out, "permitted", controls.cap_prm);
  out.EndObject();
}

void Agent(json::Writer& out, const AgentControls& agent) {
  out.Key("agent").BeginObject();
  Capabilities(out, agent);
  out.Key("dumpable").Bool(agent.dumpable).Key("noNewPrivs").Bool(agent.no_new_privs);
  out.Key("outerPid").Int(agent.outer_pid).Key("seccomp").BeginObject();
  out.Key("filters").Int(agent.seccomp_filters).Key("mode").Int(agent.seccomp_mode).EndObject().EndObject();
}

void Namespaces(json::Writer& out, const EffectiveControls& controls) {
  out.Key("namespaces").BeginObject();
  // "ownedByHost" sorts between "net" and "pid".
  bool owner_written = false;
  const auto owner = [&] {
    if (!owner_written) out.Key("ownedByHost").Bool(!controls.shared_with_host.empty());
    owner_written = true;
  };
  for (const auto& [kind, inode] : controls.namespaces) {
    if (kind > "ownedByHost") owner();
    out.Key(kind).Uint(inode);
  }
  owner();
  out.EndObject();
}

// One event has to stay below 64 KiB; a granted tree may bring any number of mounts along. What does not fit is counted.
constexpr std::size_t kMaxMountBytes = 24 * 1024;

// Gives the count of rows left out.
std::size_t Mounts(json::Writer& out, const std::string& text, const EffectiveControls& controls) {
  out.Key("mounts").BeginArray();
  const std::size_t start = text.size();
  std::size_t written = 0;
  for (const EffectiveControls::MountRow& row : controls.mounts) {
    if (text.size() - start + row.target.size() * 6 + 256 > kMaxMountBytes) break;
    out.BeginObject().Key("flags").String(row.flags).Key("fsType").String(row.fs_type);
    out.Key("sourceInode").Uint(row.source_inode).Key("target").String(row.target).EndObject();
    ++written;
  }
  out.EndArray();
  const std::size_t omitted = controls.mounts.size() - written;
  if (omitted > 0) out.Key("mountsOmitted").Uint(omitted);
  return omitted;
}

void Limit(json::Writer& out, std::string_view name, const std::string& value) {
  out.Key(name);
  // The kernel writes decimal digits or "unlimited".
  const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  number ? out.Raw(value) : out.String(value);
}

}  // namespace

std::string EffectiveControls::ToJson(const std::string& cell_id, const std::string& run_id) const {
  std::string text;
  text.reserve(8 * 1024);
  json::Writer out(text);
  out.BeginObject();
  if (agent) Agent(out, *agent);
  Capabilities(out, *this);
  out.Key("cellId").String(cell_id).Key("cgroup").BeginObject();
  for (const auto& [file, value] : cgroup) out.Key(file).String(value);
  out.EndObject().Key("descriptors").BeginArray();
  for (const int fd : descriptors) out.Int(fd);
  out.EndArray().Key("environmentNames").BeginArray();
  for (const std::string& name : environment_names) out.String(name);
  out.EndArray().Key("gidMap").String(gid_map);
  const bool truncated = Mounts(out, text, *this) > 0;
  Namespaces(out, *this);
  if (!nft_table.empty()) {
    out.Key("nft").BeginObject().Key("rulesSha256").String(rules_sha256).Key("table").String(nft_table).EndObject();
  }
  out.Key("noNewPrivs").Bool(no_new_privs).Key("notEnforced").BeginArray();
  for (const plan::NotEnforced& lost : not_enforced) {
    out.BeginObject().Key("control").String(lost.control).Key("why").String(lost.why).EndObject();
  }
  out.EndArray().Key("oomScoreAdj").Int(oom_score_adj).Key("rlimits").BeginObject();
  for (const auto& [name, pair] : rlimits) {
    out.Key(name).BeginObject();
    Limit(out, "hard", pair.second);
    Limit(out, "soft", pair.first);
    out.EndObject();
  }
  out.EndObject().Key("runId").String(run_id).Key("seccomp").BeginObject();
  out.Key("filterSha256").String(filter_sha256).Key("filters").Int(seccomp_filters);
  out.Key("mode").Int(seccomp_mode);
  if (!notified.empty()) {
    out.Key("notified").BeginArray();
    for (const std::string& name : notified) out.String(name);
    out.EndArray();
  }
  out.Key("readBack").Bool(filter_read_back);
  if (!why_not_read_back.empty()) out.Key("whyNotReadBack").String(why_not_read_back);
  out.EndObject().Key("supplementaryGroups").Int(supplementary_groups);
  if (truncated) out.Key("truncated").Bool(true);
  out.Key("uidMap").String(uid_map).EndObject();
  return text;
}

}  // namespace sandbox
