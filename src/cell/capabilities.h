// SPDX-License-Identifier: Apache-2.0
// Capability sets of a workload that has executed, as its own status file shows them (proc(5), capabilities(7)).
#pragma once

#include <sys/types.h>

#include "event/network_events.h"
#include "sandbox/effective_controls.h"

namespace cell {

// Reads /proc/<workload>/status. A workload that is gone already had what `at_barrier` says: with empty bounding and
// ambient sets and no_new_privs an execve can't add to it.
event::CapabilitySets CapabilitiesOf(pid_t workload, const sandbox::EffectiveControls& at_barrier);

}  // namespace cell
