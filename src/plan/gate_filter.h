// SPDX-License-Identifier: Apache-2.0
// The system calls of a cell's helpers after their lock-down: tables like that of the workload, but everything that no
// row names kills the process, and with it the cell.
//
// What the gate's table is about: it makes no socket, connects none, and can send to an address of its own choice only on
// the in-cell descriptors. Those are never closed and no descriptor is ever copied, so no dialled socket can get one of
// their numbers.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "plan/seccomp_table.h"

namespace plan {

std::span<const SyscallGroup> GateCalls();                      // with any argument
std::span<const ConditionalSyscall> GateConditionalCalls();     // but for those that name descriptors
std::span<const SyscallGroup> UpstreamCalls();
std::span<const ConditionalSyscall> UpstreamConditionalCalls();

// Raw struct sock_filter[]. `cell_descriptors`: how many in-cell descriptors the gate holds, from
// wire::kGateFirstCellFd on.
std::string GateFilter(std::size_t cell_descriptors);
std::string UpstreamFilter();

}  // namespace plan
