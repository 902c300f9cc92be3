// SPDX-License-Identifier: Apache-2.0
// The witness's start, from the cell's first process: before the reaper, while the host's /proc is still in sight, so that
// it is the second process of the outer pid namespace and has that namespace's own procfs, which is mounted nowhere.
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sandbox/child.h"
#include "sys/call.h"
#include "sys/mount.h"
#include "sys/process.h"
#include "wire/agent_config.h"

namespace sandbox::internal {
namespace {

using wire::StartPhase;

// The kernel gives it only where a whole procfs can be seen already.
int OuterProc(const ChildContext& context) {
  constexpr const char* kObject = "procfs of the witness";
  const long fs = Must(context, sys::Raw("fsopen", SYS_fsopen, "proc", 1), kObject);
  Must(context, sys::Raw("fsconfig", SYS_fsconfig, fs, sys::kFsconfigCreate, nullptr, nullptr, 0), kObject);
  const std::uint64_t attributes = sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDev | sys::kMountNoExec;
  const long mount = Must(context, sys::Raw("fsmount", SYS_fsmount, fs, 1, attributes), kObject);
  sys::Raw("close", SYS_close, fs);
  return static_cast<int>(mount);
}

[[noreturn]] void BecomeAgent(const ChildContext& context, int proc, int handover) {
  // The phase word is the first process's.
  std::atomic<std::uint32_t> own_phase{static_cast<std::uint32_t>(StartPhase::kAgent)};
  ChildContext own = context;
  own.phase = &own_phase;
  DropPrivileges(own);
  Enter(own, StartPhase::kAgent);
  const Slot slots[] = {{own.agent_config, wire::kAgentConfigFd},
                        {own.agent_channel, wire::kAgentChannelFd},
                        {proc, wire::kAgentProcFd},
                        {handover, wire::kAgentHandoverFd},
                        {own.agent_page, wire::kAgentPageFd}};
  const char* const arguments[] = {"cellos-telemetry", nullptr};
  Become(own, own.agent_image, slots, arguments);
}

}  // namespace

Agent StartAgent(const ChildContext& context) {
  Enter(context, StartPhase::kAgent);
  const int proc = OuterProc(context);
  int handover[2];
  Must(context, sys::Raw("socketpair", SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, handover), "handover");
  Agent agent;
  agent.handover = handover[1];
  CloneArguments arguments;
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&agent.process);
  arguments.exit_signal = SIGCHLD;
  const long pid = Must(context, sys::Raw("clone3", SYS_clone3, &arguments, sizeof arguments), "clone3");
  if (pid == 0) BecomeAgent(context, proc, handover[0]);
  sys::Raw("close", SYS_close, handover[0]);
  sys::Raw("close", SYS_close, proc);
  PassUp(context, wire::ReportKind::kAgent, &agent.process, 1, "witness");
  return agent;
}

}  // namespace sandbox::internal
