// SPDX-License-Identifier: Apache-2.0
// Port: one reading of the host's own view of a cell, from files the cell has no path to (telemetry.md §4).
#pragma once

#include <string_view>
#include <vector>

#include "base/clock.h"
#include "event/draft.h"

namespace probe {

// A probe never fails the cell: what it can't read is said in the event it returns (`sampleError`), so that silence is
// not mistaken for calm.
class HostProbe {
 public:
  virtual ~HostProbe() = default;
  virtual std::string_view name() const = 0;  // "host.cgroup"
  virtual event::Draft Sample(const base::Clock& clock) = 0;
  // Every reading that there is now, in order: at least one. What a tick calls.
  virtual std::vector<event::Draft> SampleAll(const base::Clock& clock) {
    std::vector<event::Draft> readings;
    readings.push_back(Sample(clock));
    return readings;
  }
};

}  // namespace probe
