// SPDX-License-Identifier: Apache-2.0
// The kernel's own count of a cell's network: its table on a tick, refused packets as they are told, rows at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/network/denials.h"
#include "cell/recorder.h"
#include "event/flow_events.h"
#include "net/table.h"
#include "plan/network.h"
#include "probe/nftables_probe.h"

namespace cell {

// Used by one thread.
class KernelView {
 public:
  struct Parts {
    Recorder* recorder = nullptr;            // not owned, as all pointers here
    const base::Clock* clock = nullptr;
    const plan::NetworkPlan* network = nullptr;
    std::string spec_hash;
    base::UniqueFd netfilter, flow_log;      // sockets of the cell's network namespace
    std::function<void(const Denial&)> on_denial;
  };
  static base::Result<KernelView> Open(Parts parts);

  int flow_log_fd() const { return p_.flow_log.get(); }
  base::BootTime next_sample() const { return next_sample_; }
  // Reads what the kernel told of refused packets.
  void ReadLog();
  // host.nftables, when it is due and a counter has moved.
  void SampleIfDue();
  // The last reading: host.nftables; with `each_row` the rows as network_flow_decision (isolation.md §7.1); what the log
  // did not tell one by one goes to the denials. Once, after the gate has ended and before the cell is destroyed.
  struct Steered {
    std::uint64_t tcp_connections = 0;       // first packets that were sent to the relay
    event::LeafIndex leaf = 0;               // of the reading
  };
  std::optional<Steered> Finish(bool each_row, const event::DecisionTrust& trust);

 private:
  explicit KernelView(Parts parts) : p_(std::move(parts)) {}
  std::optional<Recorded> Tell(const base::Result<net::TableReading>& reading);
  void TellRows(const std::vector<net::RowCount>& counts, const event::DecisionTrust& trust);
  void CountRest(const std::vector<net::RowCount>& counts);

  Parts p_;
  base::BootTime next_sample_{0};
  std::uint64_t last_sum_ = UINT64_MAX;
  std::uint64_t told_packets_ = 0;
};

}  // namespace cell
