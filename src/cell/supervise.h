// SPDX-License-Identifier: Apache-2.0
// The reactor of a running cell: from the open barrier to the workload's end and the last byte of its output.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/network/companion.h"
#include "cell/run.h"
#include "cell/run_outcome.h"
#include "cell/streams/cell_streams.h"
#include "event/run_log.h"
#include "plan/plan.h"
#include "sandbox/launch.h"

namespace cell {

struct SuperviseOptions {
  backend::LiveCell* cell = nullptr;      // not owned
  event::RunLog* log = nullptr;           // not owned; its checkpoints are written when due
  const plan::Plan* plan = nullptr;       // not owned
  const base::Clock* clock = nullptr;     // not owned
  Companion* companion = nullptr;         // not owned; its failure ends the cell (gate_failed). May be null
  base::BootTime limit_at{0};             // the time limit, counted from the open barrier
  base::BootTime ttl_at{0};               // the TTL, counted from the start of the run
  CellStreams streams;
  CallerStreams caller;
  bool stdin_open = true;
  int signal_fd = -1;                     // see RunRequest
  int stop_fd = -1;                       // readable when somebody asks to stop the cell
  std::function<bool()> accept_stop;      // true when that was a legitimate request
  std::function<base::Result<>()> on_executed;  // once, after execve succeeded; an error ends the run (evidence_failed)
  std::function<void(std::chrono::milliseconds)> on_tick;
};

// How the workload ended and why.
struct Ending {
  Reason reason = Reason::kInitCrashed;
  std::optional<sandbox::WorkloadEnd> end;  // what the leader came to, when it was seen
  bool executed = false;
  int exec_error = 0;                       // errno of the execve that failed
  int interrupted_by = 0;                   // kInterrupted: the caller's signal
  bool output_complete = true;              // false: the drain deadline passed, or the caller stopped reading
  int output_error = 0;                     // errno with which the caller's stdout or stderr refused a part, EPIPE apart
  bool cell_gone = false;                   // the outermost PID 1 is dead already
  std::string message;                      // for what needs a sentence
};

// Returns when nothing of the workload runs any more. The outermost PID 1 may still be alive (for exports).
Ending Supervise(SuperviseOptions options);

}  // namespace cell
