// SPDX-License-Identifier: Apache-2.0
// From a plan to a workload that waits at the barrier, and from there to its end: the parent's side of one native cell.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/plan.h"

namespace sandbox {

// The cell's ends of its streams; consumed by Launch; a missing one is /dev/null. With a terminal none is used: the cell
// makes the pty in its own devpts and passes the master out (Cell::TakeTerminal).
struct Streams {
  base::UniqueFd in, out, err;
};

struct LaunchOptions {
  const plan::Plan* plan = nullptr;            // not owned; outlives the call
  Streams streams;
  std::uint32_t host_uid = 0, host_gid = 0;    // ids mapped to kCellUid / kCellGid
  int cgroup_guard = -1;                       // v2: open directory of the leaf's `guard`, else -1. Not owned
  std::vector<base::UniqueFd> cgroup_tasks;    // v1: cgroup::Leaf::OpenTasks; the cell's first process moves itself
  int gate_channel = -1;                       // with plan->network: seqpacket whose other end is the gate's
                                               // kGateCellFd. Not owned; close it after Launch
  int agent_channel = -1;                      // with plan->telemetry: connected stream whose other end is the receiver's.
                                               // Not owned; close it after Launch
  std::chrono::nanoseconds ttl_deadline{0};    // CLOCK_BOOTTIME; init kills the cell then by itself
  std::chrono::milliseconds phase_deadline{10000};  // each start phase; a hang is kDeadline with the phase as step
  // Called once with the outermost process's pid, as soon as that goes on by itself: for what the caller has to do
  // anyway, while the cell is being built. An error ends the start and is Launch's.
  std::function<base::Result<>(pid_t outer)> meanwhile;
};

// What the workload's leader came to, told by the reaper; or the witness, told by init.
struct WorkloadEnd {
  int exit_code = -1;          // when it exited
  int signal = 0;              // when it was killed
  bool filter_killed = false;  // SIGSYS by the system-call filter
};

enum class CellEventKind : std::uint8_t {
  kExecuted,       // execve succeeded
  kExecFailed,     // errno in `error_number`
  kWorkloadEnded,  // `end` is set
  kTtlExpired,     // init's own timer fired and it is ending the cell
  kAgentFailed,    // the witness hangs (`hung`) or ended (`end`) while there was a workload; init is ending the cell
  kGone,           // outer PID 1 is gone: nothing of the cell lives
};

struct CellEvent {
  CellEventKind kind;
  int error_number = 0;
  WorkloadEnd end = {};
  bool hung = false;           // kAgentFailed: it gave no sign for wire::kAgentHangMs; else it ended as `end` says
};

// One launched cell. Destroying it kills the outermost PID 1 and waits for it. Used by one thread.
class Cell {
 public:
  // Clones, sets up, and returns once the workload waits at the barrier with every control applied. On failure nothing
  // of the cell is left; the error's `step` is the phase (wire::kPhaseNames: namespaces, ids, mount, network, hostname,
  // terminal, reaper, root, credentials, init, session, rlimits, workdir, filter, agent, barrier).
  static base::Result<Cell> Launch(LaunchOptions options);

  Cell(Cell&&) noexcept;
  Cell& operator=(Cell&&) noexcept;
  ~Cell();

  pid_t outer_pid() const;     // init, in the supervisor's pid namespace
  pid_t workload_pid() const;  // the leader waiting at the barrier, in the supervisor's pid namespace
  int workload_pidfd() const;
  pid_t agent_pid() const;     // the witness, in the supervisor's pid namespace; 0 without
  int agent_pidfd() const;     // -1 without
  // Master side of the cell's pty, once; empty without a terminal.
  base::UniqueFd TakeTerminal();
  // With plan->network, each once; else empty. The file is in the cell's own root, which has 1 MiB in all.
  base::UniqueFd TakeDenials();         // /run/cellos/denials, open for writing: the cell can only read it
  // Netfilter sockets (NETLINK_NETFILTER) of the cell's network namespace; whoever holds one keeps that alive.
  base::UniqueFd TakeNetfilter();       // for reading the table back
  base::UniqueFd TakeFlowLog();         // for NFLOG; not bound to a group yet
  int netfilter() const;                // the first, until it is taken; -1 without
  // The cell's tree stays whole, scratch space and all, while the cell is held: after the workload's end too.
  int root_directory() const;  // O_PATH descriptor of the cell's root: exports are opened beneath it

  // Lets the workload execute; `secret_environment` ("NAME=value") is added to its environment. Once only; waits while
  // the workload takes the texts, at most 10 s. kLimit above 1 MiB or 256 texts.
  base::Result<> OpenBarrier(std::span<const std::string_view> secret_environment);

  // Poll this for reading; then ReadEvent until nullopt.
  int event_fd() const;
  base::Result<std::optional<CellEvent>> ReadEvent();

  // Sends `signal` to the process group of the workload's leader, through the reaper, which can't take a recycled pid
  // for it. Success when the leader is already gone.
  base::Result<> Signal(int signal);
  // SIGKILL to outer PID 1 and wait until it is gone, bounded; true when it is gone in time.
  base::Result<> Kill(std::chrono::milliseconds deadline);

 private:
  struct State;
  explicit Cell(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sandbox
