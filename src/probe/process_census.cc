// SPDX-License-Identifier: Apache-2.0
// Counts the starts and ends of a cell's processes.
#include "probe/process_census.h"

#include <algorithm>

#include "event/probe_events.h"

namespace probe {

using Kind = sys::ProcessEvent::Kind;

void ProcessTree::See(const sys::ProcessEvent& event) {
  CheckSequence(event);
  switch (event.kind) {
    case Kind::kFork:
      SeeFork(event);
      break;
    case Kind::kExec:
      totals_.execs += threads_.contains(event.process) ? 1 : 0;
      break;
    case Kind::kExit:
      SeeExit(event);
      break;
    case Kind::kOther:
      break;
  }
}

void ProcessTree::SeeFork(const sys::ProcessEvent& event) {
  if (event.is_process_start()) {
    // Its number was another's, whose end was lost.
    threads_.erase(event.process);
    if (event.process == root_) return;
    if (event.parent_process != root_ && !threads_.contains(event.parent_process)) return;
    threads_[event.process] = 1;
    ++totals_.processes;
    return;
  }
  const auto found = threads_.find(event.process);
  if (found == threads_.end()) return;
  ++found->second;
  ++totals_.threads;
}

// Threads end one by one, the first one not always last, and each of them may make processes until it does.
void ProcessTree::SeeExit(const sys::ProcessEvent& event) {
  const auto found = threads_.find(event.process);
  if (found == threads_.end() || --found->second > 0) return;
  threads_.erase(found);
  ++totals_.exits;
  if (event.killed_by() != 0) ++totals_.killed;
}

void ProcessTree::CheckSequence(const sys::ProcessEvent& event) {
  const auto [next, first] = next_.try_emplace(event.cpu, event.sequence);
  const std::uint32_t missing = event.sequence - next->second;
  // The numbers of one CPU never go back; a half of their range is no gap.
  if (!first && missing < 0x80000000u) totals_.lost += missing;
  next->second = event.sequence + 1;
}

base::Result<ProcessCensus> ProcessCensus::Open() { return ProcessCensus(TRY(sys::ProcessConnector::Open())); }

void ProcessCensus::Watch(pid_t root) { tree_ = ProcessTree(root); }

base::Result<bool> ProcessCensus::Read() {
  for (std::size_t seen = 0; seen < kMaxEventsPerRead;) {
    const auto batch = TRY(connector_.Read([&](const sys::ProcessEvent& event) { tree_.See(event); }));
    if (batch.overrun) {
      ++overruns_;
      dropped_ = TRY(connector_.Dropped());
    }
    if (batch.datagrams == 0) return false;
    seen += batch.datagrams;
  }
  return true;
}

CensusTotals ProcessCensus::totals() const {
  CensusTotals totals = tree_.totals();
  totals.overruns = overruns_;
  totals.lost = std::max(totals.lost, dropped_);
  return totals;
}

event::Draft CensusEvent(const event::CellRef& cell, const base::Result<CensusTotals>& totals) {
  event::ProcessCensus census{.scope = "descendants of the cell's outermost process"};
  if (!totals) {
    census.unavailable = totals.error().message;
    return event::ProcessCensusEvent(cell, census);
  }
  census.totals = {.processes = totals->processes,
                   .threads = totals->threads,
                   .execs = totals->execs,
                   .exits = totals->exits,
                   .killed = totals->killed};
  census.overruns = totals->overruns;
  census.lost = totals->lost;
  return event::ProcessCensusEvent(cell, census);
}

}  // namespace probe
