// SPDX-License-Identifier: Apache-2.0
// host.cgroup.
#include "probe/cgroup_probe.h"

#include <fcntl.h>

#include <vector>

#include "event/json_object.h"
#include "event/probe_events.h"
#include "probe/flat_keys.h"
#include "sys/file.h"

namespace probe {
namespace {

enum class Form : std::uint8_t { kFlatKeys, kOneNumber };

struct File {
  std::string_view name;        // below its directory
  std::string_view member;      // in `output`
  std::string_view controller;  // v1 only
  Form form = Form::kFlatKeys;
};

constexpr File kV2Files[] = {
    {"memory.events", "memory_events", ""},
    {"cpu.stat", "cpu_stat", ""},
    {"pids.events", "pids_events", ""},
};
constexpr File kV1Files[] = {
    {"memory.oom_control", "memory_oom_control", "memory"},
    {"cpu.stat", "cpu_stat", "cpu"},
    {"cpuacct.usage", "cpuacct_usage", "cpuacct", Form::kOneNumber},
    {"pids.events", "pids_events", "pids"},
};

std::span<const File> FilesOf(base::CgroupHierarchy hierarchy) {
  if (hierarchy == base::CgroupHierarchy::kV1) return kV1Files;
  return kV2Files;
}

// Directory that holds `file`; empty when the cell has no leaf of its controller.
std::string DirectoryOf(const CgroupTarget& target, const File& file) {
  if (target.hierarchy != base::CgroupHierarchy::kV1) return target.leaf;
  const auto found = target.v1_directories.find(std::string(file.controller));
  return found == target.v1_directories.end() ? std::string() : found->second;
}

base::Result<FlatKeys> Read(const std::string& directory, const File& file) {
  const std::string path = directory + "/" + std::string(file.name);
  std::string text = TRY(sys::ReadFile(AT_FDCWD, path, kMaxFlatKeysBytes));
  return ParseFlatKeys(file.form == Form::kOneNumber ? "usage " + text : text);
}

}  // namespace

event::Draft SampleCgroup(const event::CellRef& cell, const CgroupTarget& target, const base::Clock& clock) {
  event::Object output;
  std::vector<std::string> files;
  std::string failures;
  for (const File& file : FilesOf(target.hierarchy)) {
    const std::string directory = DirectoryOf(target, file);
    if (directory.empty()) continue;
    const auto keys = Read(directory, file);
    if (keys) {
      output.Raw(file.member, ToJson(*keys));
      files.emplace_back(file.name);
    } else {
      failures.append(failures.empty() ? "" : "; ").append(file.name).append(": ").append(keys.error().message);
    }
  }
  event::Object inputs;
  inputs.Add("cgroupLeaf", target.leaf);
  inputs.Add("files", files);
  inputs.Add("hierarchy", target.hierarchy == base::CgroupHierarchy::kV1 ? "v1" : "v2");
  event::HostReading reading{.source = "host.cgroup",
                             .inputs = inputs.Take(),
                             .output = output.Take(),
                             .received_at = clock.Wall(),
                             .spec_signature_hash = target.spec_signature_hash};
  if (!failures.empty()) reading.sample_error = std::move(failures);
  return *event::HostProbeEvent(cell, reading);
}

event::Draft CgroupProbe::Sample(const base::Clock& clock) { return SampleCgroup(cell_, target_, clock); }

}  // namespace probe
