// SPDX-License-Identifier: Apache-2.0
// The whole life of one cell: admit, plan, prepare, run, export, destroy, seal.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cell/run_outcome.h"
#include "cell/settings.h"
#include "plan/plan.h"

namespace cell {

class StateDir;

// The caller's side of the workload's streams; not owned. -1: none (the workload sees /dev/null).
struct CallerStreams {
  int in = 0, out = 1, err = 2;
};

struct RunRequest {
  std::string document;             // exact bytes as given
  bool document_too_large = false;  // over the size limit: `document` is empty, the run is refused
  Settings settings;
  StateDir* state = nullptr;        // not owned
  std::vector<std::string> usual_state_directories;  // of other runs, beside `state`: no grant reaches them
  std::string caller_directory;     // canonical working directory of the caller
  CallerStreams streams;
  bool stdin_open = true;           // false: --no-stdin
  // Readable when a signal arrived for the run: a signalfd or a pipe of `signalfd_siginfo`-free single bytes (the signal
  // number). The first of INT, TERM, HUP, QUIT is forwarded, a second INT kills. WINCH resizes the terminal. -1: none.
  int signal_fd = -1;
  // Called from the running thread about once a second while the workload runs; may be empty.
  std::function<void(std::chrono::milliseconds elapsed)> on_tick;
  // Called from the running thread while the workload still waits at its barrier; may be empty.
  std::function<void(pid_t workload)> on_release;
};

// Runs one cell on the calling thread; several threads may each run their own. Never throws; whatever happens is in the
// outcome, and evidence is sealed where a state directory could be written.
RunOutcome Run(const RunRequest& request);

// The decision and the plan alone, nothing touched: `cellos plan`. Refusals are in `outcome` with reason kRefused.
struct PlanResult {
  RunOutcome outcome;
  plan::Plan plan;  // meaningful when `planned`
  bool planned = false;
};
PlanResult MakePlanOnly(const RunRequest& request);

}  // namespace cell
