// SPDX-License-Identifier: Apache-2.0
// Counts the starts and ends of a cell's processes as the kernel tells them to the host: the witness beside the agent.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>

#include "base/result.h"
#include "event/cell_ref.h"
#include "event/draft.h"
#include "sys/process_connector.h"

namespace probe {

struct CensusTotals {
  std::uint64_t processes = 0;  // starts of processes
  std::uint64_t threads = 0;    // starts of further threads
  std::uint64_t execs = 0;
  std::uint64_t exits = 0;   // processes that ended, their last thread included
  std::uint64_t killed = 0;  // of those, by a signal
  // Of the machine's whole stream, so that they bound what may be missing above; 0 everywhere: nothing is.
  std::uint64_t overruns = 0;  // times the kernel said that it had dropped events
  std::uint64_t lost = 0;      // events dropped: the greater of the socket's count and the gaps in each CPU's numbers
  bool operator==(const CensusTotals&) const = default;
};

// The descendants of one process, which itself is not counted: neither its start nor its exec nor its end. Pure; memory
// grows with the processes that live.
class ProcessTree {
 public:
  explicit ProcessTree(pid_t root) : root_(root) {}
  void See(const sys::ProcessEvent& event);
  const CensusTotals& totals() const { return totals_; }
  // Descendants of which no end was seen.
  std::size_t alive() const { return threads_.size(); }

 private:
  void SeeFork(const sys::ProcessEvent& event);
  void SeeExit(const sys::ProcessEvent& event);
  void CheckSequence(const sys::ProcessEvent& event);
  pid_t root_;
  std::unordered_map<pid_t, std::uint32_t> threads_;       // process -> its living threads
  std::unordered_map<std::uint32_t, std::uint32_t> next_;  // CPU -> the number its next event has
  CensusTotals totals_;
};

// Used by one thread. Order of calls: Open; make the cell's outermost process; Watch it; then Read whenever fd is
// readable and once more after the cell has ended. What happens between Open and Watch waits in the socket.
class ProcessCensus {
 public:
  // kUnavailable with the reason where the kernel refuses; never a failure of the cell.
  static base::Result<ProcessCensus> Open();

  // Counts the descendants of `root`, a pid of the machine's first pid namespace. Once, before the first Read.
  void Watch(pid_t root);

  // Readable at each start and end on the machine: a reader that lets some milliseconds of them gather pays a third.
  int fd() const { return connector_.fd(); }

  // Takes what waits, at most kMaxEventsPerRead events. True: more waits; come back before sleeping or rely on fd,
  // which is level-triggered. An error is one of the socket and lasting: stop reading, the figures no longer grow.
  static constexpr std::size_t kMaxEventsPerRead = 4096;
  base::Result<bool> Read();

  // Up to the last Read.
  CensusTotals totals() const;
  std::size_t alive() const { return tree_.alive(); }

 private:
  explicit ProcessCensus(sys::ProcessConnector connector) : connector_(std::move(connector)) {}
  sys::ProcessConnector connector_;
  ProcessTree tree_{0};
  std::uint64_t overruns_ = 0, dropped_ = 0;
};

// The event of these figures (event::ProcessCensusEvent): scope "descendants of the cell's outermost process".
event::Draft CensusEvent(const event::CellRef& cell, const base::Result<CensusTotals>& totals);

}  // namespace probe
