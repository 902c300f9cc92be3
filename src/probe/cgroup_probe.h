// SPDX-License-Identifier: Apache-2.0
// host.cgroup: the kernel's counters of a cell's cgroup leaf (telemetry.md §4.2; extensions.md §6 for v1).
#pragma once

#include <map>
#include <string>

#include "base/host_facts.h"
#include "event/cell_ref.h"
#include "probe/host_probe.h"

namespace probe {

struct CgroupTarget {
  base::CgroupHierarchy hierarchy = base::CgroupHierarchy::kV2;
  std::string leaf;  // `cgroupLeaf` of the event: v2 the workload's leaf, v1 the memory leaf
  // v1: controller -> the cell's directory in its mount ("memory", "cpu", "cpuacct", "pids"). A controller that is not
  // there is not read.
  std::map<std::string, std::string> v1_directories = {};
  std::string spec_signature_hash;
};

// v2 reads memory.events, cpu.stat and pids.events of the leaf; v1 reads memory.oom_control, cpu.stat, cpuacct.usage and
// pids.events of the controllers' leaves. `inputs.hierarchy` says which ("v1", "v2"), `inputs.files` what was read,
// `sampleError` what could not be and why. cpuacct.usage is one number and stands under the key `usage`.
class CgroupProbe : public HostProbe {
 public:
  CgroupProbe(event::CellRef cell, CgroupTarget target) : cell_(std::move(cell)), target_(std::move(target)) {}
  std::string_view name() const override { return "host.cgroup"; }
  event::Draft Sample(const base::Clock& clock) override;

 private:
  event::CellRef cell_;
  CgroupTarget target_;
};

// One reading, now.
event::Draft SampleCgroup(const event::CellRef& cell, const CgroupTarget& target,
                          const base::Clock& clock = base::SystemClock());

}  // namespace probe
