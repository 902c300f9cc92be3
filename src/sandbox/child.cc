// SPDX-License-Identifier: Apache-2.0
// The child's steps in order. Newcomers start at RunChild.
#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sys/call.h"
#include "sys/process.h"

namespace sandbox {
namespace internal {

using wire::StartPhase;

void Enter(const ChildContext& context, StartPhase phase) {
  context.phase->store(static_cast<std::uint32_t>(phase), std::memory_order_relaxed);
}

void Fail(const ChildContext& context, long negative_errno, const char* object) {
  wire::InitReport report = {};
  report.kind = wire::ReportKind::kFailed;
  report.phase = static_cast<StartPhase>(context.phase->load(std::memory_order_relaxed));
  report.error = static_cast<int>(-negative_errno);
  for (std::size_t i = 0; object[i] != 0 && i + 1 < sizeof report.detail; ++i) report.detail[i] = object[i];
  sys::Raw("sendto", SYS_sendto, context.report, &report, sizeof report, MSG_NOSIGNAL, nullptr, 0);
  for (;;) sys::Raw("exit_group", SYS_exit_group, 125);
}

long Must(const ChildContext& context, long result, const char* object) {
  if (result < 0) [[unlikely]] Fail(context, result, object);
  return result;
}

namespace {

// Everything that the parent happened to hold, other cells' channels among it, is closed before anything else happens.
void CloseOthers(const ChildContext& context) {
  unsigned first = 0;
  for (const int fd : context.keep) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept > first) Must(context, sys::Raw("close_range", SYS_close_range, first, kept - 1, 0), "close_range");
    first = kept + 1;
  }
  Must(context, sys::Raw("close_range", SYS_close_range, first, ~0u, 0), "close_range");
}

}  // namespace

void LeaveCaller(const ChildContext& context) {
  CloseOthers(context);
  Must(context, sys::Raw("setsid", SYS_setsid), "setsid");
  // The caller's session keyring stays with the caller. A kernel without keys has nothing to leave.
  const long keyring = sys::Raw("keyctl", SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  if (keyring != -ENOSYS) Must(context, keyring, "session keyring");
}

namespace {

// No memory of the cell is written to a core file, even where a handler runs.
void EmptyCoreFilter(const ChildContext& context) {
  const long fd = Must(
      context, sys::Raw("openat", SYS_openat, AT_FDCWD, "/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC, 0),
      "/proc/self/coredump_filter");
  Must(context, sys::Raw("write", SYS_write, fd, "0", 1), "/proc/self/coredump_filter");
  sys::Raw("close", SYS_close, fd);
}

}  // namespace

void BecomeCellUser(const ChildContext& context) {
  Enter(context, StartPhase::kIds);
  if (context.hidden) {
    // Only while the maps are written: files of a process that isn't dumpable belong to root, its uid_map too.
    Must(context, sys::Raw("prctl", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable");
    Must(context, sys::Raw("sendto", SYS_sendto, context.report, "v", 1, MSG_NOSIGNAL, nullptr, 0), "dumpable");
  }
  char go = 0;
  const long count = sys::Raw("recvfrom", SYS_recvfrom, context.report, &go, 1, 0, nullptr, nullptr);
  if (count != 1) Fail(context, count < 0 ? count : -EPIPE, "identity maps");
  EmptyCoreFilter(context);
  if (context.hidden) Must(context, sys::Raw("prctl", SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable");
  if (context.by_root) Must(context, sys::Raw("setgroups", SYS_setgroups, 0, nullptr), "setgroups");
  constexpr auto kUid = plan::kCellUid;
  constexpr auto kGid = plan::kCellGid;
  Must(context, sys::Raw("setresgid", SYS_setresgid, kGid, kGid, kGid), "setresgid");
  Must(context, sys::Raw("setresuid", SYS_setresuid, kUid, kUid, kUid), "setresuid");
  sys::Raw("umask", SYS_umask, 0);  // modes of the plan are exact; the workload gets 0077
}

void RaiseLoopback(const ChildContext& context) {
  Enter(context, StartPhase::kNetwork);
  const long socket = Must(context, sys::Raw("socket", SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  ifreq request = {};
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  Must(context, sys::Raw("ioctl", SYS_ioctl, socket, SIOCSIFFLAGS, &request), "lo");
  sys::Raw("close", SYS_close, socket);
}

namespace {

void SetHostname(const ChildContext& context) {
  Enter(context, StartPhase::kHostname);
  const std::string& name = context.plan->hostname;
  Must(context, sys::Raw("sethostname", SYS_sethostname, name.data(), name.size()), "sethostname");
}

}  // namespace

void LockPrivileges(const ChildContext& context) {
  for (int capability = 0; capability < 64; ++capability) {
    const long result = sys::Raw("prctl", SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result == -EINVAL) break;  // past the last one that this kernel knows
    Must(context, result, "bounding set");
  }
  constexpr int kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                        SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  Must(context, sys::Raw("prctl", SYS_prctl, PR_SET_SECUREBITS, kBits, 0, 0, 0), "securebits");
  Must(context, sys::Raw("prctl", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

void DropPrivileges(const ChildContext& context) {
  Enter(context, StartPhase::kCredentials);
  const __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  Must(context, sys::Raw("capset", SYS_capset, &header, none), "capset");
}

namespace {

// Before anything else is made: what exists of the cell is in its leaf.
void EnterLeaf(const ChildContext& context) {
  if (context.cgroup_tasks.empty()) return;
  for (const int tasks : context.cgroup_tasks) {
    Must(context, sys::Raw("write", SYS_write, tasks, "0", 1), "the leaf's tasks");
    sys::Raw("close", SYS_close, tasks);
  }
  Must(context, sys::Raw("unshare", SYS_unshare, CLONE_NEWCGROUP), "cgroup namespace");
}

[[noreturn]] void BecomeInit(const ChildContext& context, std::span<const Slot> slots, const char* life) {
  Enter(context, StartPhase::kInit);
  const char* const arguments[] = {"cellos-init", life, nullptr};
  Become(context, context.init_image, slots, arguments);
}

}  // namespace

// First above all numbers in question, then down, so that none is overwritten before it was moved.
void Become(const ChildContext& context, int program, std::span<const Slot> slots, const char* const* arguments) {
  constexpr int kAbove = 32, kMaxSlots = 8;
  int moved[kMaxSlots];
  const auto lift = [&](int fd) {
    return static_cast<int>(Must(context, sys::Raw("fcntl", SYS_fcntl, fd, F_DUPFD_CLOEXEC, kAbove), "descriptors"));
  };
  const int image = lift(program);
  ChildContext reporting = context;
  reporting.report = lift(context.report);
  for (std::size_t i = 0; i < slots.size(); ++i) moved[i] = lift(slots[i].fd);
  sys::Raw("close_range", SYS_close_range, 0, kAbove - 1, 0);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Must(reporting, sys::Raw("dup3", SYS_dup3, moved[i], slots[i].number, 0), "descriptors");
  }
  Must(reporting, sys::Raw("close_range", SYS_close_range, kAbove, ~0u, CLOSE_RANGE_CLOEXEC), "descriptors");
  const char* const environment[] = {nullptr};
  const long result =
      sys::Raw("execveat", SYS_execveat, image, "", arguments, environment, AT_EMPTY_PATH);
  Fail(reporting, result, arguments[0]);
}

namespace {

// Without a witness the last `count` slots are none.
std::span<const Slot> WithAgent(std::span<const Slot> slots, std::size_t count, const Agent& agent) {
  return agent.process >= 0 ? slots : slots.first(slots.size() - count);
}

[[noreturn]] void BecomeReaper(const ChildContext& context, int root, int terminal, const Agent& agent) {
  MountProc(context, root);
  EnterRoot(context, root);
  DropPrivileges(context);
  const bool streams = terminal < 0;
  const Slot slots[] = {{streams ? context.in : terminal, 0},  {streams ? context.out : terminal, 1},
                        {streams ? context.err : terminal, 2}, {context.record, wire::kRecordFd},
                        {context.reaper_control, wire::kControlFd}, {context.barrier, wire::kBarrierFd},
                        {agent.handover, wire::kHandoverFd}};
  BecomeInit(context, WithAgent(slots, 1, agent), "reaper");
}

}  // namespace
}  // namespace internal

void RunChild(const ChildContext& context) {
  using namespace internal;
  LeaveCaller(context);
  EnterLeaf(context);
  BecomeCellUser(context);
  int secrets = -1;
  const int root = BuildRoot(context, &secrets);
  if (context.plan->network) {
    SetUpNetwork(context, secrets);
  } else {
    RaiseLoopback(context);
  }
  SetHostname(context);
  const int terminal = context.plan->terminal ? OpenTerminal(context, root) : -1;
  LockPrivileges(context);
  const Agent agent = context.plan->telemetry ? StartAgent(context) : Agent{};

  Enter(context, wire::StartPhase::kReaper);
  int reaper = -1;
  CloneArguments arguments;
  arguments.flags = CLONE_NEWPID | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&reaper);
  arguments.exit_signal = SIGCHLD;
  const long pid = Must(context, sys::Raw("clone3", SYS_clone3, &arguments, sizeof arguments), "clone3");
  if (pid == 0) BecomeReaper(context, root, terminal, agent);

  // The phase word is the reaper's from here on; the rest of this path can't block.
  std::atomic<std::uint32_t> own_phase{static_cast<std::uint32_t>(wire::StartPhase::kCredentials)};
  ChildContext outer = context;
  outer.phase = &own_phase;
  DropPrivileges(outer);
  const Slot slots[] = {{outer.record, wire::kRecordFd},
                        {outer.report, wire::kControlFd},
                        {reaper, wire::kReaperFd},
                        {agent.process, wire::kAgentPidFd},
                        {outer.agent_page, wire::kWatchPageFd}};
  BecomeInit(outer, WithAgent(slots, 2, agent), "outer");
}

}  // namespace sandbox
