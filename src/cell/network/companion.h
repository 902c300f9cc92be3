// SPDX-License-Identifier: Apache-2.0
// What runs beside a workload and shares its reactor: the gate and what belongs to it.
#pragma once

#include <poll.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cell/run_outcome.h"
#include "sandbox/launch.h"

namespace cell {

// Used by the thread of the reactor.
class Companion {
 public:
  virtual ~Companion() = default;
  // Appends the descriptors to wait for; Act gets the whole array after the wait.
  virtual void Watch(std::vector<pollfd>& polls) = 0;
  virtual void Act(std::span<const pollfd> polls) = 0;
  // When Act has to be called at the latest, ready or not.
  virtual base::BootTime Deadline() const = 0;
  // Why the cell can't go on without it; nullopt while all is well.
  virtual std::optional<std::string> failure() const = 0;
  // How a run ends that `failure` ends.
  virtual Reason failure_reason() const { return Reason::kGateFailed; }
  // Init found the witness in the cell dead or hung, and is ending the cell.
  virtual void OnAgentFailed(const sandbox::CellEvent&) {}
  // Ends every connection of the cell and lets no new one begin.
  virtual void Revoke() = 0;
};

}  // namespace cell
