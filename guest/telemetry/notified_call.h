// SPDX-License-Identifier: Apache-2.0
// What a notified system call is to the agent.
#pragma once

#include <linux/seccomp.h>
#include <stdint.h>

namespace guest {

enum class NotifiedCall : uint8_t {
  kExec, kExit, kClone,  // processes; go on
  kWait,                 // goes on: after it, a child that ended may be no more
  kConnect,              // connect, and sendto with an address; goes on
  kDenied,               // everything else: the kernel would refuse it, and so does the agent
};

// `data` alone decides: registers, nothing that the workload could change meanwhile.
NotifiedCall Classify(const seccomp_data& data);

}  // namespace guest
