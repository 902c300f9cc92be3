// SPDX-License-Identifier: Apache-2.0
// The second, flat shape of host probe data (telemetry.md §4.3): readers must know it, nobody here sends it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/cell_ref.h"

namespace event {

// A reading is in this shape when its data has `sampledAtUnixMs`, and in ours when it has `inputs`.
struct FlatReading {
  std::string spec_signature_hash;
  std::uint64_t sampled_at_unix_ms = 0;
  std::optional<std::string> sample_error = std::nullopt;
};

struct FlatCgroup {
  using Keys = std::vector<std::pair<std::string, std::uint64_t>>;  // the last of two equal ones counts
  std::string path;
  Keys memory_events, cpu_stat, pids_events;  // keys that the schema does not have are dropped, empty sections too
};
struct FlatTap {
  std::string name, link_state;
  std::optional<std::uint64_t> rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped;
};
struct FlatNftables {
  struct Rule {
    std::string handle;
    std::uint64_t packets = 0, bytes = 0;
    std::optional<std::string> verdict, match;
  };
  std::string table;
  std::vector<Rule> rules;
};
struct FlatFcMetrics {
  std::string socket_path;
  std::optional<std::uint64_t> vcpu_exits, vsock_tx_bytes, vsock_rx_bytes, block_read_ops, block_write_ops;
};

// The data of each: one object in JCS form.
std::string FlatCgroupData(const CellRef& cell, const FlatReading& reading, const FlatCgroup& cgroup);
std::string FlatTapData(const CellRef& cell, const FlatReading& reading, const FlatTap& tap);
std::string FlatNftablesData(const CellRef& cell, const FlatReading& reading, const FlatNftables& nftables);
std::string FlatFcMetricsData(const CellRef& cell, const FlatReading& reading, const FlatFcMetrics& metrics);

}  // namespace event
