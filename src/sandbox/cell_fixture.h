// SPDX-License-Identifier: Apache-2.0
// For tests: a plan made by hand, and a cell run to its end.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "sandbox/launch.h"

namespace sandbox::testing {

// A whole plan for `argv`: the host's /usr, generated /etc, devices, scratch space, /proc, both filters.
plan::Plan PlanFor(std::vector<std::string> argv);

struct Outcome {
  std::string out, err;
  std::string frames;              // with a witness: everything it wrote to its channel
  std::vector<CellEvent> events;
  bool Has(CellEventKind kind) const;
  WorkloadEnd End() const;         // of kWorkloadEnded; exit_code -2 without one
  int ExecError() const;           // of kExecFailed; 0 without one
};

struct RunOptions {
  std::string in;                               // given to stdin, then closed
  std::vector<std::string> secrets;
  std::function<void(Cell&)> at_barrier;        // before the barrier opens
  std::function<void(Cell&)> after_barrier;
  std::chrono::nanoseconds ttl_deadline{0};
  std::chrono::seconds limit{20};               // of the whole run; then the cell is killed and the test fails
};

// LaunchOptions as the tests need them: the ids of an unused slot for root, the caller's own for others.
LaunchOptions OptionsFor(const plan::Plan& plan, Streams streams);

// Runs the cell and collects everything. A failed launch comes back as the error.
base::Result<Outcome> RunCell(const plan::Plan& plan, RunOptions options = {});

// `plan` with a witness that tells of `sources` (bits of wire::SourceBit).
plan::Plan Watched(plan::Plan plan, std::uint32_t sources, bool full = false);

// RunCell of `sh -c script`; an outcome without events, and a failed expectation, when the launch fails.
Outcome RunShell(const std::string& script, RunOptions options = {});

// A plan that runs /probe of tests/probes with `arguments`; it refuses to run in our own namespaces.
plan::Plan ProbeFor(std::vector<std::string> arguments);
Outcome RunProbe(std::vector<std::string> arguments);

// Runs `body` in a forked child; its text is empty on success. With `uid` the child first becomes that ordinary user.
std::string InChild(std::uint32_t uid, const std::function<std::string()>& body);
inline constexpr std::uint32_t kOrdinaryUser = 54321;

// Numbers of our open descriptors and children: what a launch must leave as it was.
std::string Inventory();

// Waits until process `pid` is gone or a zombie; false at the limit.
bool WaitGone(pid_t pid, std::chrono::milliseconds limit);

}  // namespace sandbox::testing
