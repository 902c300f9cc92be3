// SPDX-License-Identifier: Apache-2.0
// The cell's cgroup leaf: made, limited, read back, removed. cgroup v2 with children `guard` and `work`, or one leaf in
// every v1 controller (cgroups(7), cgroup-v2.rst).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/plan.h"

namespace cgroup {

// Move-only; removes the leaf on destruction. Used by one thread.
class Leaf {
 public:
  // Makes the directories of `plan.cgroup`. hierarchy kNone gives an empty leaf on which all calls are no-ops. On v2
  // the limits are written here too; on v1 AddWorkload does that, once the cell has been built in it.
  // Every write is read back and compared; a limit that was planned and can't be written is kUnavailable.
  static base::Result<Leaf> Create(const plan::Plan& plan);
  // Every directory that Create will make, innermost first: for the anchor, before they exist.
  static std::vector<std::string> PlannedPaths(const plan::Plan& plan);
  Leaf(Leaf&&) noexcept;
  Leaf& operator=(Leaf&&) noexcept;
  ~Leaf();

  bool exists() const;
  int guard_directory() const;                        // v2 `guard` for CLONE_INTO_CGROUP, else -1

  // v1: the leaf's `tasks` in each mount, for the cell's first process: who writes "0" to all of them is in the leaf at
  // once, and whatever it makes is born there. (Moving another process costs the kernel a grace period of about 10 ms.)
  // v2: none.
  base::Result<std::vector<base::UniqueFd>> OpenTasks() const;

  // v2: moves `pid` into `work`. v1: checks that it was born in the leaf, then writes the limits.
  base::Result<> AddWorkload(pid_t pid);
  // file -> value of every limit as the kernel shows it now, for effective_controls.
  base::Result<std::map<std::string, std::string>> ReadLimits() const;
  std::string probe_path() const;                     // the directory host.cgroup samples (v2: work; v1: memory leaf)
  std::vector<std::string> paths() const;             // every directory made, for the anchor of clean-up

  // Poll for events (v2: memory.events by inotify; v1: oom eventfd); -1 when there is none to watch.
  int oom_fd() const;
  // True once a process of the workload was killed for memory.
  base::Result<bool> OomKilled() const;
  struct Usage {
    std::uint64_t cpu_usec = 0;
    std::optional<std::uint64_t> memory_peak_bytes, pids_peak;
  };
  base::Result<Usage> ReadUsage() const;

  base::Result<> KillAll();                           // v2 cgroup.kill; v1 no-op (PID 1 is killed anyway)
  // Waits until empty and removes; kDeadline names what still lives there.
  base::Result<> Remove(std::chrono::milliseconds deadline);

 private:
  struct State;
  explicit Leaf(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Removes a leaf that a killed supervisor left (its directories by path); absent is success.
base::Result<> RemoveLeftover(const std::vector<std::string>& paths, std::chrono::milliseconds deadline);

}  // namespace cgroup
