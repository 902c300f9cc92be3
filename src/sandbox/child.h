// SPDX-License-Identifier: Apache-2.0
// The cloned child: from clone to the execs of cellos-init, two, and cellos-telemetry. Child side throughout: no allocation, no lock, no logger;
// every failure goes to the parent as (phase, errno, object).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <span>

#include "plan/plan.h"
#include "wire/init_report.h"

namespace sandbox {

// What the parent prepared before clone. The child reads its own copy; only `phase` is shared memory.
struct ChildContext {
  const plan::Plan* plan = nullptr;
  std::atomic<std::uint32_t>* phase = nullptr;  // wire::StartPhase in hand, for the parent's deadline
  std::span<const int> keep;      // every descriptor that stays open, ascending
  int report = -1;                // to the parent until exec; then outer init's death pipe
  int reaper_control = -1;        // control socket of the reaper
  int barrier = -1;
  int record = -1;
  int init_image = -1;
  int gate = -1;                  // the other end of the gate's kGateCellFd; -1 without a gate
  int null = -1;                  // /dev/null, for in-cell descriptors that don't exist; with a gate only
  // The witness; all -1 without one.
  int agent_image = -1, agent_config = -1, agent_page = -1, agent_channel = -1;
  int in = -1, out = -1, err = -1;  // the workload's streams; -1 with a terminal
  std::span<const int> cgroup_tasks;  // LaunchOptions::cgroup_tasks
  // One per HostFacts::grants: the mount that the parent cloned and id-mapped, or -1: the child opens the path itself.
  std::span<const int> grant_trees;
  bool by_root = false;           // the parent may drop groups and map a foreign id
  bool hidden = false;            // the parent is not dumpable: the child has to show itself while ids are mapped
};

// Never returns.
[[noreturn]] void RunChild(const ChildContext& context);

namespace internal {

// The steps that every process made here takes; in the order of their use.
void LeaveCaller(const ChildContext& context);     // other descriptors, session, keyring
void BecomeCellUser(const ChildContext& context);  // once the parent has written the maps
void RaiseLoopback(const ChildContext& context);
// The parts of dropping privileges that leave the present capabilities usable; inherited by the reaper.
void LockPrivileges(const ChildContext& context);
void DropPrivileges(const ChildContext& context);

// Marks the phase for the parent.
void Enter(const ChildContext& context, wire::StartPhase phase);
// Reports (current phase, errno, object) and exits.
[[noreturn]] void Fail(const ChildContext& context, long negative_errno, const char* object);
// Fails when `result` is an error; else gives it back.
long Must(const ChildContext& context, long result, const char* object);

// Mounts everything of the plan outside /proc under a fresh root, attached over "/" (the process's root stays the old
// one). The descriptor of the new root; `secrets` is the listening secret socket, or stays as it is.
int BuildRoot(const ChildContext& context, int* secrets);
// An empty read-only root, attached the same way.
int BuildEmptyRoot(const ChildContext& context);
// In the inner pid namespace: /proc of the plan, its masks, then the new root becomes the root and the old one goes.
void MountProc(const ChildContext& context, int root);
void EnterRoot(const ChildContext& context, int root);
// Sends `count` descriptors with a report to the parent.
void PassUp(const ChildContext& context, wire::ReportKind kind, const int* fds, std::size_t count, const char* object);
// The secret socket, listening below the root, which is the current directory.
int ListenForSecrets(const ChildContext& context);
// `lo`, addresses, routes and rules of the plan; the listeners for the gate and the netfilter sockets for the parent.
// `secrets` goes to the gate too.
void SetUpNetwork(const ChildContext& context, int secrets);
// The witness of the plan, and what is left of it here: its pidfd, and the leader's end of the handover.
struct Agent {
  int process = -1, handover = -1;
};
Agent StartAgent(const ChildContext& context);

// A descriptor and the number at which the cell's own program expects it.
struct Slot {
  int fd, number;
};
// Puts the descriptors at their numbers, closes all others and becomes the program of `image`.
[[noreturn]] void Become(const ChildContext& context, int image, std::span<const Slot> slots, const char* const* arguments);

// Settings of the cell's network namespace, in procfs `proc`.
void TuneNetwork(const ChildContext& context, int proc);
// The cell's devpts: passes the master to the parent, gives the slave.
int OpenTerminal(const ChildContext& context, int root);

}  // namespace internal
}  // namespace sandbox
