// SPDX-License-Identifier: Apache-2.0
// Data of the host probe events (telemetry.md §4.1) and of the count of a cell's processes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct HostReading {
  std::string source;               // "host.cgroup", "host.tap_link", "host.nftables", "host.fc_metrics"; or bare
  std::string inputs, output;       // one JSON value each, in JCS form
  base::WallTime received_at{};     // the event's `time` as well
  std::string spec_signature_hash;  // "sha256:…"
  std::optional<std::string> sample_error;  // ours: what could not be read, and why
};

// kInvalid for a name that is none of the four: "unknown host probe short name: …".
base::Result<Draft> HostProbeEvent(const CellRef& cell, const HostReading& reading);

// What the kernel told the host of the starts and ends of a cell's processes (ours): observer supervisor.
struct ProcessCensus {
  struct Totals {
    std::uint64_t processes = 0, threads = 0, execs = 0, exits = 0, killed = 0;
  };
  std::optional<Totals> totals;            // absent: nothing was counted
  std::uint64_t overruns = 0, lost = 0;    // times events were dropped, and how many, of the machine's whole stream
  std::string scope;                       // whose processes
  std::optional<std::string> unavailable;  // why nothing was counted, or from when on no more
};
Draft ProcessCensusEvent(const CellRef& cell, const ProcessCensus& census);

}  // namespace event
