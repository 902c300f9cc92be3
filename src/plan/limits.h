// SPDX-License-Identifier: Apache-2.0
// From asked limits and settings to cgroup writes and rlimits: pure decisions, each testable alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"
#include "spec/cell_document.h"

namespace plan {

// `id` as part of a cgroup, table or host name: code points outside [A-Za-z0-9_-] become one `replacement` each, at most
// `max_bytes`, never empty ("cell").
std::string SafeName(std::string_view id, std::size_t max_bytes, char replacement = '_');

// Quota and period of the processor; no quota is "max".
struct CpuLimit {
  std::optional<std::uint64_t> quota_micros;
  std::uint64_t period_micros = spec::kDefaultCpuPeriodMicros;
  // As cgroup v2 has it: "50000 100000", "max 100000".
  std::string ToString() const;
};

struct CpuDecision {
  std::optional<CpuLimit> limit;  // nullopt: nothing is written
  bool setting_invalid = false;   // CELLOS_CGROUP_CPU_MAX was given and is malformed: not written, told as a warning
};
// The document's value; where it is silent, the setting's ("max", "max P", "Q", "Q P"; each >= 1). A quota of 0 in the
// document is no limit that could be written, and the setting does not replace it.
CpuDecision DecideCpu(const std::optional<spec::CpuMax>& asked, std::string_view setting);

// The smaller of the document's value and CELLOS_CGROUP_MEMORY_MAX (bytes or "max"), in whole pages as the kernel keeps
// it; nullopt: no limit. A malformed setting is kInvalid: an operator's ceiling is never dropped silently.
base::Result<std::optional<std::uint64_t>> DecideMemory(std::optional<std::uint64_t> asked, std::string_view setting);

// Fills in plan.cgroup, plan.not_enforced and plan.warnings. What the document or the operator asked for and no
// controller can do is kUnavailable with cause and remedy, unless it is best-effort.
base::Result<> PlanLimits(const spec::CellDocument& document, const Settings& settings, Plan& plan);

// The workload's rlimits, none above the caller's own hard limits.
std::vector<Rlimit> PlanRlimits(std::uint64_t pids_max, std::uint64_t own_processes, const base::HostFacts& facts);

}  // namespace plan
