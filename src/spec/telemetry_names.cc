// SPDX-License-Identifier: Apache-2.0
// The names of telemetry sources.
#include "spec/telemetry_names.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "spec/primitives.h"

namespace spec {
namespace {

struct Row {
  std::string_view name;
  TelemetrySource source;
};
constexpr auto kNames = std::to_array<Row>({
    {"process.spawned", TelemetrySource::kProcessSpawned},
    {"process.spawn", TelemetrySource::kProcessSpawned},
    {"process.exited", TelemetrySource::kProcessExited},
    {"process.exit", TelemetrySource::kProcessExited},
    {"capability.denied", TelemetrySource::kCapabilityDenied},
    {"fs.inotify_fired", TelemetrySource::kFsInotifyFired},
    {"net.connect_attempted", TelemetrySource::kNetConnectAttempted},
    {"net.connect.attempt", TelemetrySource::kNetConnectAttempted},
});

}  // namespace

std::optional<TelemetrySource> FindTelemetrySource(std::string_view event) {
  const std::string_view name = Trim(event);
  const auto found = std::ranges::find_if(kNames, [name](const Row& row) { return EqualIgnoringCase(row.name, name); });
  if (found == kNames.end()) return std::nullopt;
  return found->source;
}

bool IsAgentVersionServed(std::string_view version) {
  const auto asked = ParseSemver(version), ours = ParseSemver(kAgentVersion);
  if (!asked || !ours) return false;
  return std::tie(asked->major, asked->minor, asked->patch) <= std::tie(ours->major, ours->minor, ours->patch);
}

}  // namespace spec
