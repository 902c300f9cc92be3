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
  // Makes the leaf of `plan.cgroup` and writes every limit, each read back and compared. A limit that was planned and
  // can't be written is kUnavailable. hierarchy kNone gives an empty leaf on which all calls are no-ops.
  static base::Result<Leaf> Create(const plan::Plan& plan);
  Leaf(Leaf&&) noexcept;
  Leaf& operator=(Leaf&&) noexcept;
  ~Leaf();

  bool exists() const;
  int guard_directory() const;                        // v2 `guard` for CLONE_INTO_CGROUP, else -1
  base::Result<> AddWorkload(pid_t pid);              // into `work` (v2) or every controller's leaf (v1)
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
