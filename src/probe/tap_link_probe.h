// SPDX-License-Identifier: Apache-2.0
// host.tap_link: state and counters of the interface at the host's end of a cell's link (telemetry.md §4.2).
#pragma once

#include <string>

#include "event/cell_ref.h"
#include "probe/host_probe.h"

namespace probe {

struct TapLinkTarget {
  std::string iface;                    // 1 to 15 of letters, digits, '_', '-', '.'; not "." or ".."
  std::string root = "/sys/class/net";  // of a sysfs of the interface's network namespace
  std::string spec_signature_hash;
};

// Reads operstate, carrier and statistics/{rx,tx}_{packets,bytes}. The carrier of a link that is down can't be read and
// is "0"; what else can't be is left out and named in `sampleError`. A name that is none is not looked up.
class TapLinkProbe : public HostProbe {
 public:
  TapLinkProbe(event::CellRef cell, TapLinkTarget target) : cell_(std::move(cell)), target_(std::move(target)) {}
  std::string_view name() const override { return "host.tap_link"; }
  event::Draft Sample(const base::Clock& clock) override;

 private:
  event::CellRef cell_;
  TapLinkTarget target_;
};

}  // namespace probe
