// SPDX-License-Identifier: Apache-2.0
// The checks. Children that try a namespace use raw calls only and tell their errno by exit status.
#include "cli/doctor_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "base/encoding.h"
#include "cell/gc/remove_tree.h"
#include "cell/network/programs.h"
#include "cell/run.h"
#include "evidence/keys.h"
#include "sys/file.h"
#include "sys/host_facts.h"
#include "sys/mount.h"
#include "sys/process.h"

namespace cli {
namespace {

constexpr std::chrono::milliseconds kChildDeadline{5000};
constexpr std::uint64_t kNamespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
constexpr const char* kProcRemedy =
    "a container that masks /proc refuses a new procfs: run it with an unmasked /proc (docker run --security-opt "
    "systempaths=unconfined, or --privileged)";

// A new procfs in new namespaces, as the reaper of a cell mounts it: 0, or the errno of the step that failed.
int TryProcfs() {
  const long context = sys::Raw("fsopen", SYS_fsopen, "proc", 0);
  if (context < 0) return static_cast<int>(-context);
  long result = sys::Raw("fsconfig", SYS_fsconfig, context, sys::kFsconfigCreate, nullptr, nullptr, 0);
  if (result < 0) return static_cast<int>(-result);
  result = sys::Raw("fsmount", SYS_fsmount, context, 0, sys::kMountNoSuid | sys::kMountNoDev | sys::kMountNoExec);
  return result < 0 ? static_cast<int>(-result) : 0;
}

Finding CheckKernel() {
  utsname name{};
  ::uname(&name);
  return {"kernel", Health::kGood, fmt::format("{} {}", base::Escape(name.release), base::Escape(name.machine)), ""};
}

Finding CheckNamespaces(const base::HostFacts* facts) {
  if (facts != nullptr && !facts->user_namespaces) {
    return {"user namespaces", Health::kBad, facts->why_no_user_namespaces, "see the cause"};
  }
  auto child = sys::Clone3(kNamespaces);
  if (child && child->pid == 0) ::_exit(TryProcfs());
  if (!child) {
    return {"user namespaces", Health::kBad, child.error().message,
            "allow them: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
            "kernel.apparmor_restrict_unprivileged_userns"};
  }
  (void)sys::WaitEnd(child->pidfd.get(), kChildDeadline);
  const auto end = sys::WaitId(child->pidfd.get(), WEXITED | WNOHANG);
  if (!end || !*end) {
    (void)sys::PidfdSendSignal(child->pidfd.get(), SIGKILL);
    (void)sys::WaitId(child->pidfd.get(), WEXITED);
    return {"namespaces and procfs", Health::kBad, "the trial hung", ""};
  }
  if ((*end)->status != 0) {
    return {"new procfs", Health::kBad, base::OsError((*end)->status, "mount a new procfs").message, kProcRemedy};
  }
  return {"namespaces and procfs", Health::kGood, "user, pid, mount, net, ipc, uts namespaces; a new procfs mounts", ""};
}

Finding CheckSeccomp() {
  unsigned action = SECCOMP_RET_KILL_PROCESS;
  const long result = sys::Raw("seccomp", SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
  if (result == 0) return {"system-call filter", Health::kGood, "seccomp filters kill and refuse", ""};
  return {"system-call filter", Health::kBad, sys::CallError(result, "seccomp").message,
          "a kernel with CONFIG_SECCOMP_FILTER"};
}

base::Result<> TryIdMap() {
  auto child = TRY(sys::Clone3(CLONE_NEWUSER));
  if (child.pid == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto process = "/proc/" + std::to_string(child.pid);
  auto attempt = [&]() -> base::Result<> {
    TRY(sys::WriteControl(AT_FDCWD, process + "/uid_map", "1000 1879048192 1"));
    TRY(sys::WriteControl(AT_FDCWD, process + "/gid_map", "1000 1879048192 1"));
    const auto space = TRY(sys::OpenAt(AT_FDCWD, process + "/ns/user", O_RDONLY));
    const auto tree = TRY(sys::CloneTree(AT_FDCWD, ".", false));
    return sys::MountSetattr(tree.get(), "", sys::kAtEmptyPath,
                             {.set = sys::kMountIdMap, .user_namespace = static_cast<std::uint64_t>(space.get())});
  };
  auto result = attempt();
  (void)sys::PidfdSendSignal(child.pidfd.get(), SIGKILL);
  (void)sys::WaitId(child.pidfd.get(), WEXITED);
  return result;
}

Finding CheckIdMap() {
  if (::geteuid() != 0) {
    return {"ids", Health::kGood, "cells run under your own id; grants are used as they are", ""};
  }
  const auto mapped = TryIdMap();
  if (mapped) return {"id-mapped mounts", Health::kGood, "the current directory's file system can do them", ""};
  return {"id-mapped mounts", Health::kLimited, mapped.error().message,
          "--ro and --rw of this file system need them: use another (ext4, xfs, btrfs; tmpfs from kernel 6.3)"};
}

Finding CheckCgroup(const base::HostFacts* facts) {
  if (facts == nullptr) return {"cgroup", Health::kLimited, "not examined", ""};
  const auto& cgroup = facts->cgroup;
  std::string list;
  bool all = true;
  for (const auto* wanted : {"memory", "cpu", "pids"}) {
    const bool there = std::find(cgroup.controllers.begin(), cgroup.controllers.end(), wanted) != cgroup.controllers.end();
    if (there) list.append(list.empty() ? "" : ", ").append(wanted);
    all = all && there;
  }
  const auto* version = cgroup.hierarchy == base::CgroupHierarchy::kV2   ? "version 2"
                        : cgroup.hierarchy == base::CgroupHierarchy::kV1 ? "version 1"
                                                                         : "none that can be used";
  const auto detail = list.empty() ? std::string(version) : fmt::format("{}: {}", version, list);
  if (all) return {"cgroup limits", Health::kGood, detail, ""};
  return {"cgroup limits", Health::kLimited, detail + "; --memory and --cpus may be refused", cgroup.why_not};
}

Finding CheckLockedMemory() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  constexpr rlim_t kWanted = 64 * 1024;
  if (::geteuid() == 0 || limit.rlim_cur >= kWanted) {
    return {"locked memory", Health::kGood, "keys and secrets can be kept out of swap", ""};
  }
  return {"locked memory", Health::kBad, fmt::format("only {} bytes", static_cast<std::uint64_t>(limit.rlim_cur)),
          "raise it: ulimit -l 64, or memlock in /etc/security/limits.conf"};
}

// The helpers of cells with a network.
std::vector<Finding> CheckHelpers() {
  std::vector<Finding> findings;
  for (const auto* name : {cell::kGateProgram, cell::kUpstreamProgram}) {
    const auto program = cell::OpenProgramBeside(name);
    if (program) {
      findings.push_back({name, Health::kGood, "stands beside cellos", ""});
    } else {
      findings.push_back({name, Health::kLimited, program.error().message,
                          std::string_view(name) == cell::kGateProgram ? "without it no cell has a network (--allow)"
                                                                       : "without it no encrypted or validating resolver works"});
    }
  }
  return findings;
}

std::vector<Finding> CheckState(const std::string& path) {
  std::vector<Finding> findings;
  const auto state = cell::StateDir::Open(path, cell::OpenMode::kExisting);
  if (!state && state.error().kind == base::ErrorKind::kNotFound) {
    return {{"state directory", Health::kGood, base::Escape(path, 500) + " will be made by the first run", ""}};
  }
  if (!state) return {{"state directory", Health::kBad, state.error().message, "or name another with --state-dir"}};
  findings.push_back({"state directory", Health::kGood, base::Escape(state->path(), 500), ""});
  const auto keys = evidence::LoadDeploymentKeys(state->KeysPath());
  if (keys) {
    findings.push_back({"deployment key", Health::kGood, base::Escape(keys->name), ""});
  } else if (keys.error().kind == base::ErrorKind::kNotFound) {
    findings.push_back({"deployment key", Health::kGood, "none yet; the first run or cellos keygen makes one", ""});
  } else {
    findings.push_back({"deployment key", Health::kBad, keys.error().message, ""});
  }
  return findings;
}

constexpr std::string_view kTrialDocument =
    R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"doctor","run":{"argv":["true"],)"
    R"("secretDelivery":"env"},"authority":{},"lifetime":{"ttlSeconds":20}}})";

Finding TryCell(const std::string& cgroup_parent) {
  const char* base = ::getenv("TMPDIR");
  auto path = std::string(base != nullptr && *base == '/' ? base : "/tmp") + "/cellos-doctor-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return {"trial cell", Health::kBad, base::OsError(errno, "make " + base::Escape(path)).message, "a writable TMPDIR"};
  }
  Finding finding{"trial cell", Health::kBad, "", ""};
  {
    auto state = cell::StateDir::Open(path, cell::OpenMode::kCreate);
    if (!state) {
      finding.detail = state.error().message;
    } else {
      cell::RunRequest request{.document = std::string(kTrialDocument), .state = &*state, .caller_directory = "/"};
      request.settings.cgroup_parent = cgroup_parent;
      request.streams = {-1, -1, -1};
      request.stdin_open = false;
      const auto outcome = cell::Run(request);
      if (outcome.reason == cell::Reason::kCompleted && outcome.exit_code == 0) {
        finding.health = Health::kGood;
        finding.detail = fmt::format("ran, sealed with {} events, {}", outcome.evidence_size,
                                     outcome.evidence_complete ? "complete" : "incomplete");
      } else {
        finding.detail = fmt::format("{}{}{}: {}", ToString(outcome.reason), outcome.phase.empty() ? "" : " in phase ",
                                     outcome.phase, base::Escape(outcome.message, 1000));
      }
    }
  }
  const auto slash = path.rfind('/');
  if (const auto parent = sys::OpenAt(AT_FDCWD, path.substr(0, slash), O_RDONLY | O_DIRECTORY)) {
    (void)cell::RemoveTree(parent->get(), path.substr(slash + 1), kChildDeadline);
  }
  return finding;
}

}  // namespace

std::vector<Finding> Examine(const std::string& state_path, const std::string& cgroup_parent) {
  const auto gathered = sys::GatherHostFacts({.cgroup_parent = cgroup_parent});
  const auto* facts = gathered ? &*gathered : nullptr;
  std::vector<Finding> findings = {CheckKernel(), CheckNamespaces(facts), CheckSeccomp(),
                                   CheckIdMap(),  CheckCgroup(facts),     CheckLockedMemory()};
  for (auto& finding : CheckHelpers()) findings.push_back(std::move(finding));
  for (auto& finding : CheckState(state_path)) findings.push_back(std::move(finding));
  findings.push_back(TryCell(cgroup_parent));
  return findings;
}

}  // namespace cli
