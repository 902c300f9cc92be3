// SPDX-License-Identifier: Apache-2.0
// What the supervisor holds of a cell.
#pragma once

#include <sys/types.h>

#include <optional>
#include <utility>

#include "base/unique_fd.h"
#include "sandbox/launch.h"
#include "sys/poll.h"
#include "wire/init_report.h"

namespace sandbox {

// Our ends. report: outer init (closing it ends the cell). control: reaper. barrier: the leader until it execs.
struct Channels {
  base::UniqueFd report, control, barrier;
};

struct Cell::State {
  Channels channels;
  pid_t outer_pid = -1, leader_pid = -1, agent_pid = 0;
  base::UniqueFd outer, leader, agent; // pidfds
  base::UniqueFd root, mounts;         // the root directory, and its mount namespace: held, submounts stay below it
  base::UniqueFd terminal, denials, netfilter, flow_log;
  std::optional<sys::Epoll> events;
  std::optional<CellEvent> queued;     // known, to be told after the one that was told first
  bool barrier_open = false, executed = false, reaped = false, gone_told = false;

  State() = default;
  State(const State&) = delete;
  ~State();

  // Opens everything by which the cell is reached later; the leader waits at its barrier.
  base::Result<> Hold(pid_t leader_now);
  base::Result<std::optional<CellEvent>> ReadControl();
  base::Result<std::optional<CellEvent>> ReadReport();
  // Executed, once the barrier's other end was closed by exec.
  base::Result<bool> NoticeExec();
  void Forget(base::UniqueFd& channel);
  // SIGKILL to outer init and wait; true when it is gone and reaped.
  bool End(std::chrono::milliseconds deadline);
  // Takes the exit status of outer init, which has ended.
  void Reap();
};

}  // namespace sandbox
