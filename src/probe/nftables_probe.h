// SPDX-License-Identifier: Apache-2.0
// host.nftables: the rules of a cell's own table with their counters, as the kernel has them (telemetry.md §4.2).
#pragma once

#include <string>

#include "event/cell_ref.h"
#include "net/table.h"
#include "probe/host_probe.h"

namespace probe {

struct NftablesTarget {
  int socket = -1;    // NETLINK_NETFILTER of the cell's namespace; not owned
  std::string table;  // "cellos_<safe id>", of family inet
  std::string spec_signature_hash;
};

// `inputs` say the command that would show the same inside the cell's network namespace, and that namespace; `output.rows`
// hold every rule in order. What can't be read is `sampleError`.
class NftablesProbe : public HostProbe {
 public:
  NftablesProbe(event::CellRef cell, NftablesTarget target) : cell_(std::move(cell)), target_(std::move(target)) {}
  std::string_view name() const override { return "host.nftables"; }
  event::Draft Sample(const base::Clock& clock) override;

 private:
  event::CellRef cell_;
  NftablesTarget target_;
};

// The event for a reading that was taken before.
event::Draft NftablesEvent(const event::CellRef& cell, const NftablesTarget& target,
                           const base::Result<net::TableReading>& reading, const base::Clock& clock);

}  // namespace probe
