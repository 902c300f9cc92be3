// SPDX-License-Identifier: Apache-2.0
// The parts of cellos-telemetry around its pure core: what it is given, its start, its loop.
#pragma once

#include <stdint.h>

#include "wire/agent_config.h"

namespace guest {

struct Agent {
  wire::AgentConfig config = {};
  wire::AgentPage* page = nullptr;
  int listener = 0;  // of the workload's filter
  int inotify = -1;
  int epoll = 0;     // of the watched processes
  uint32_t self = 0;
};

uint64_t MonotonicNs();
void Beat(wire::AgentPage* page);

// From the first instruction to the point where the workload may run: everything opened, the leader's listener taken,
// the own filter in force. Answers the leader. Exits when anything fails.
void Arm(Agent* agent);

// Ends with the workload, or with an error.
[[noreturn]] void Run(const Agent& agent);

}  // namespace guest
