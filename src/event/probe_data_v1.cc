// SPDX-License-Identifier: Apache-2.0
// The flat shape of host probe data.
#include "event/probe_data_v1.h"

#include <map>
#include <span>

#include "event/cell_ref_members.h"

namespace event {
namespace {

constexpr std::string_view kMemoryKeys[] = {"low", "high", "max", "oom", "oomKill"};
constexpr std::string_view kCpuKeys[] = {"usageUsec", "userUsec",    "systemUsec",
                                         "nrPeriods", "nrThrottled", "throttledUsec"};
constexpr std::string_view kPidsKeys[] = {"max"};

Object BeginReading(const CellRef& cell, const FlatReading& reading) {
  Object object = Begin(cell);
  object.Add("sampledAtUnixMs", reading.sampled_at_unix_ms);
  object.AddCut("sampleError", reading.sample_error);
  object.Add("specSignatureHash", reading.spec_signature_hash);
  return object;
}

void AddSection(Object& object, std::string_view name, const FlatCgroup::Keys& keys,
                std::span<const std::string_view> known) {
  std::map<std::string_view, std::uint64_t> kept;
  for (const auto& [key, value] : keys) {
    for (const std::string_view k : known) {
      if (k == key) kept[k] = value;
    }
  }
  if (kept.empty()) return;
  Object section;
  for (const auto& [key, value] : kept) section.Add(key, value);
  object.Raw(name, section.Take());
}

}  // namespace

std::string FlatCgroupData(const CellRef& cell, const FlatReading& reading, const FlatCgroup& cgroup) {
  Object object = BeginReading(cell, reading);
  object.Add("cgroupPath", cgroup.path);
  AddSection(object, "cpuStat", cgroup.cpu_stat, kCpuKeys);
  AddSection(object, "memoryEvents", cgroup.memory_events, kMemoryKeys);
  AddSection(object, "pidsEvents", cgroup.pids_events, kPidsKeys);
  return object.Take();
}

std::string FlatTapData(const CellRef& cell, const FlatReading& reading, const FlatTap& tap) {
  Object object = BeginReading(cell, reading);
  object.Add("linkState", tap.link_state).Add("tapName", tap.name);
  object.Add("rxBytes", tap.rx_bytes).Add("rxDropped", tap.rx_dropped).Add("rxErrors", tap.rx_errors);
  object.Add("rxPackets", tap.rx_packets).Add("txBytes", tap.tx_bytes).Add("txDropped", tap.tx_dropped);
  return object.Add("txErrors", tap.tx_errors).Add("txPackets", tap.tx_packets).Take();
}

std::string FlatNftablesData(const CellRef& cell, const FlatReading& reading, const FlatNftables& nftables) {
  std::vector<std::string> rows;
  for (const FlatNftables::Rule& rule : nftables.rules) {
    Object row;
    row.Add("bytes", rule.bytes).Add("match", rule.match).Add("packets", rule.packets);
    rows.push_back(row.Add("ruleHandle", rule.handle).Add("verdict", rule.verdict).Take());
  }
  Object object = BeginReading(cell, reading);
  object.AddCut("ruleCounters", rows).Add("tableName", nftables.table);
  return object.Take();
}

std::string FlatFcMetricsData(const CellRef& cell, const FlatReading& reading, const FlatFcMetrics& metrics) {
  Object object = BeginReading(cell, reading);
  object.Add("blockReadOps", metrics.block_read_ops).Add("blockWriteOps", metrics.block_write_ops);
  object.Add("fcSocketPath", metrics.socket_path).Add("vcpuExitsTotal", metrics.vcpu_exits);
  return object.Add("vsockRxBytes", metrics.vsock_rx_bytes).Add("vsockTxBytes", metrics.vsock_tx_bytes).Take();
}

}  // namespace event
