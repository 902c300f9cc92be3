// SPDX-License-Identifier: Apache-2.0
// The parts of cellos-init. One binary, two lives: outer init is PID 1 of the cell, the reaper PID 1 of the nested pid
// namespace in which the workload lives. Heap-free; everything decided elsewhere arrives in one InitRecord.
#pragma once

#include "wire/init_record.h"
#include "wire/init_report.h"

namespace guest {

// The record of kRecordFd, mapped for the life of the process, and the descriptor closed. Fails the start otherwise.
wire::InitRecord LoadRecord();

// Outer init: ends when the supervisor, the time to live or the reaper ends, and the whole cell with it.
[[noreturn]] void RunOuter(const wire::InitRecord& record);

// The reaper: starts the leader, reaps everything, forwards signals, reports the leader's end and ends after it.
[[noreturn]] void RunReaper(const wire::InitRecord& record);

// The leader, in the child of the reaper: from session to exec.
[[noreturn]] void RunWorkload(const wire::InitRecord& record);

// One message to the supervisor.
void Report(const wire::InitReport& report);
// Reports the failure of a start phase and exits.
[[noreturn]] void FailStart(wire::StartPhase phase, long negative_errno);

void BlockAllSignals();
// Installs a program for this process, for good.
long InstallFilter(wire::Bytes filter);

}  // namespace guest
