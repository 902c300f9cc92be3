// SPDX-License-Identifier: Apache-2.0
// Data of the host probe events (telemetry.md §4.1).
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

}  // namespace event
