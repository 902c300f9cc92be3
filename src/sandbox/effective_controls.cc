// SPDX-License-Identifier: Apache-2.0
// Reads what is in force around a waiting workload from its /proc directory; nothing here is assumed.
#include "sandbox/effective_controls.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/sha256.h"
#include "sandbox/filter_readback.h"
#include "sandbox/kernel_text.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sandbox {
namespace {

constexpr std::size_t kProcBytes = 4 << 20;
constexpr std::array<const char*, 7> kNamespaces = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};

base::Result<std::string> ReadProc(int process, const char* file) { return sys::ReadFile(process, file, kProcBytes); }

// "net:[4026531840]": the link's text is the namespace's identity, and asking for it opens no namespace.
base::Result<std::uint64_t> ReadNamespace(int process, const char* kind) {
  const std::string text = TRY(sys::ReadLinkAt(process, fmt::format("ns/{}", kind)));
  std::string_view number = text;
  std::uint64_t inode = 0;
  if (number.starts_with(kind)) {
    number.remove_prefix(std::string_view(kind).size());
    if (number.starts_with(":[") && number.ends_with("]")) {
      number = number.substr(2, number.size() - 3);
      const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), inode);
      if (fault == std::errc() && end == number.data() + number.size() && inode != 0) return inode;
    }
  }
  return base::Fail(base::ErrorKind::kInternal,
                    fmt::format("the kernel names the {} namespace \"{}\"", kind, base::Escape(text)));
}

base::Result<> ReadNamespaces(int process, EffectiveControls& controls) {
  const base::UniqueFd self = TRY(sys::OpenAt(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY));
  for (const char* kind : kNamespaces) {
    const std::uint64_t theirs = TRY(ReadNamespace(process, kind));
    const std::uint64_t ours = TRY(ReadNamespace(self.get(), kind));
    controls.namespaces[kind] = theirs;
    if (theirs == ours) controls.shared_with_host.emplace_back(kind);
  }
  return {};
}

int NumberOf(const StatusText& status, std::string_view key) {
  int value = 0;
  const auto text = status.Find(key);
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

// Of the workload or the witness. A member the kernel didn't show keeps the value that fails every check.
template <class Controls>
void ReadPrivileges(const StatusText& status, Controls& controls) {
  const auto hex = [&status](std::string_view key, std::uint64_t& out) {
    const auto text = status.Find(key);
    std::uint64_t value = 0;
    if (text && std::from_chars(text->data(), text->data() + text->size(), value, 16).ec == std::errc()) out = value;
  };
  hex("CapInh", controls.cap_inh);
  hex("CapPrm", controls.cap_prm);
  hex("CapEff", controls.cap_eff);
  hex("CapBnd", controls.cap_bnd);
  hex("CapAmb", controls.cap_amb);
  controls.no_new_privs = status.Find("NoNewPrivs") == "1";
  controls.seccomp_mode = NumberOf(status, "Seccomp");
  controls.seccomp_filters = NumberOf(status, "Seccomp_filters");
}

void ReadStatus(const StatusText& status, EffectiveControls& controls) {
  ReadPrivileges(status, controls);
  controls.supplementary_groups = CountWords(status.Find("Groups").value_or(""));
}

base::Result<> ReadMounts(int process, EffectiveControls& controls) {
  const std::string text = TRY(ReadProc(process, "mountinfo"));
  const base::UniqueFd root = TRY(sys::OpenAt(process, "root", O_PATH | O_DIRECTORY));
  for (MountLine& line : ParseMountinfo(text)) {
    // Nothing of the workload has run yet, so no name on the way can be a link of its making.
    const std::string relative = line.target == "/" ? "." : line.target.substr(1);
    const auto status = sys::StatAt(root.get(), relative, AT_SYMLINK_NOFOLLOW);
    controls.mounts.push_back({std::move(line.target), std::move(line.flags), std::move(line.fs_type),
                               status ? std::uint64_t{status->st_ino} : 0});
  }
  return {};
}

// Descriptors that survive the exec: those without close-on-exec.
base::Result<> ReadDescriptors(int process, EffectiveControls& controls) {
  const base::UniqueFd directory = TRY(sys::OpenAt(process, "fd", O_RDONLY | O_DIRECTORY));
  for (const sys::DirectoryEntry& entry : TRY(sys::ListDirectory(directory.get(), 65536))) {
    int number = -1;
    std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(), number);
    const std::string info = TRY(ReadProc(process, fmt::format("fdinfo/{}", entry.name).c_str()));
    if (!IsCloseOnExec(info)) controls.descriptors.push_back(number);
  }
  std::sort(controls.descriptors.begin(), controls.descriptors.end());
  return {};
}

void ReadFilter(pid_t workload, const plan::Plan& plan, EffectiveControls& controls) {
  const auto filter = ReadNewestFilter(workload);
  controls.filter_read_back = filter.has_value();
  controls.filter_sha256 = crypto::Hex(crypto::Sha256Of(std::string_view(filter ? *filter : plan.seccomp)));
  if (!filter) controls.why_not_read_back = filter.error().message;
  controls.notified = plan::NotifiedNames(plan::Notified(plan));
}

std::vector<std::string> EnvironmentNames(const plan::Plan& plan) {
  std::vector<std::string> names;
  for (const auto& [name, value] : plan.environment) names.push_back(name);
  for (const plan::SecretPlan& secret : plan.secrets) names.push_back(secret.name);
  return names;
}

}  // namespace

void EffectiveControls::SetRules(std::string table, std::string_view in_force, std::string_view planned) {
  nft_table = std::move(table);
  rules_sha256 = crypto::Hex(crypto::Sha256Of(in_force));
  planned_rules_sha256 = crypto::Hex(crypto::Sha256Of(planned));
}

base::Result<EffectiveControls> ReadEffectiveControls(pid_t workload, int workload_pidfd, const plan::Plan& plan,
                                                      std::map<std::string, std::string> cgroup) {
  EffectiveControls controls;
  const base::UniqueFd process = TRY(sys::OpenAt(AT_FDCWD, fmt::format("/proc/{}", workload), O_PATH | O_DIRECTORY));
  // The directory was opened by number; if the process behind the descriptor still lives, the number is its own.
  TRY_WITH("the workload ended before it was started", sys::PidfdSendSignal(workload_pidfd, 0));

  TRY(ReadNamespaces(process.get(), controls));
  const std::string status = TRY(ReadProc(process.get(), "status"));
  ReadStatus(StatusText(status), controls);
  controls.uid_map = JoinWords(TRY(ReadProc(process.get(), "uid_map")));
  controls.gid_map = JoinWords(TRY(ReadProc(process.get(), "gid_map")));
  TRY(ReadMounts(process.get(), controls));
  const std::string limits = TRY(ReadProc(process.get(), "limits"));
  for (const plan::Rlimit& limit : plan.rlimits) {
    if (auto pair = FindLimit(limits, limit.name)) controls.rlimits[limit.name] = std::move(*pair);
  }
  const std::string score = TRY(ReadProc(process.get(), "oom_score_adj"));
  std::from_chars(score.data(), score.data() + score.size(), controls.oom_score_adj);
  TRY(ReadDescriptors(process.get(), controls));
  ReadFilter(workload, plan, controls);
  controls.environment_names = EnvironmentNames(plan);
  controls.cgroup = std::move(cgroup);
  controls.not_enforced = plan.not_enforced;
  return controls;
}

base::Result<AgentControls> ReadAgentControls(pid_t agent, int pidfd) {
  AgentControls controls;
  const base::UniqueFd process = TRY(sys::OpenAt(AT_FDCWD, fmt::format("/proc/{}", agent), O_PATH | O_DIRECTORY));
  TRY_WITH("the witness ended before the workload was started", sys::PidfdSendSignal(pidfd, 0));
  const std::string text = TRY(ReadProc(process.get(), "status"));
  const StatusText status(text);
  ReadPrivileges(status, controls);
  const std::string_view pids = status.Find("NSpid").value_or("");
  const std::string_view inner = pids.substr(pids.find_last_of(" \t") + 1);
  std::from_chars(inner.data(), inner.data() + inner.size(), controls.outer_pid);
  // Files of a process that is not dumpable belong to root, and the witness is never that.
  const struct stat file = TRY(sys::StatAt(process.get(), "status"));
  controls.dumpable = static_cast<int>(file.st_uid) == NumberOf(status, "Uid");
  return controls;
}

}  // namespace sandbox
