// SPDX-License-Identifier: Apache-2.0
// Port: what makes, holds and ends a cell. One implementation a folder; FakeBackend is the lying twin for tests.
#pragma once

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
#include "cgroup/leaf.h"
#include "plan/plan.h"
#include "sandbox/effective_controls.h"
#include "sandbox/launch.h"

namespace backend {

// What has come into being, so that an anchor can name it before it is used.
struct Anchor {
  std::vector<std::string> cgroup_paths;
  pid_t outer_pid = 0;
};

struct CreateOptions {
  const plan::Plan* plan = nullptr;          // not owned; outlives the cell
  sandbox::Streams streams;                  // the cell's ends
  std::uint32_t host_uid = 0, host_gid = 0;  // mapped to the cell's ids
  int gate_channel = -1;                     // sandbox::LaunchOptions::gate_channel. Not owned
  int agent_channel = -1;                    // sandbox::LaunchOptions::agent_channel. Not owned
  std::chrono::nanoseconds ttl_deadline{0};  // CLOCK_BOOTTIME
  std::chrono::milliseconds phase_deadline{10000};
  // Called whenever the anchor grew; an error stops the start.
  std::function<base::Result<>(const Anchor&)> on_anchor;
  // Called once while the cell is being built by processes of its own: work of the caller's that has to be done before
  // the barrier opens anyway. May be empty; an error stops the start.
  std::function<base::Result<>()> meanwhile;
};

// A cell from its barrier to its end. Destroying the object destroys the cell. Used by one thread.
class LiveCell {
 public:
  virtual ~LiveCell() = default;

  // What is in force, read back from the kernel and compared with the plan.
  virtual const sandbox::EffectiveControls& controls() const = 0;
  // Master of the cell's pty, once; empty without a terminal.
  virtual base::UniqueFd TakeTerminal() = 0;
  // Lets the workload execute. Once.
  virtual base::Result<> OpenBarrier(std::span<const std::string_view> secret_environment) = 0;

  // With plan->network, each once: see sandbox::Cell. Empty where a backend has none.
  virtual base::UniqueFd TakeDenials() { return {}; }
  virtual base::UniqueFd TakeNetfilter() { return {}; }
  virtual base::UniqueFd TakeFlowLog() { return {}; }

  virtual int event_fd() const = 0;
  virtual base::Result<std::optional<sandbox::CellEvent>> ReadEvent() = 0;
  // Poll for input and priority; -1 when memory can't run out in a way that is told.
  virtual int oom_fd() const = 0;
  virtual base::Result<bool> OomKilled() = 0;

  virtual base::Result<> Signal(int signal) = 0;
  // Kills everything of the cell and waits; the cell's cgroup leaf stays for a last reading.
  virtual base::Result<> Kill(std::chrono::milliseconds deadline) = 0;

  virtual pid_t workload_pid() const = 0;
  virtual int root_directory() const = 0;      // exports are opened beneath it; valid until Kill
  virtual std::string probe_path() const = 0;  // leaf that host.cgroup samples; empty when there is none
  virtual base::Result<cgroup::Leaf::Usage> ReadUsage() const = 0;

  // Kill, then removes everything the cell left behind; every step runs whatever failed before. What is left, in words.
  virtual std::vector<std::string> Destroy(std::chrono::milliseconds deadline) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Returns once the workload waits at the barrier with every control of the plan in force and read back. On failure
  // nothing is left; the error's `step` names the phase.
  virtual base::Result<std::unique_ptr<LiveCell>> Create(CreateOptions options) = 0;
};

}  // namespace backend
