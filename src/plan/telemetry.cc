// SPDX-License-Identifier: Apache-2.0
// From the document's telemetry block to what the witness watches.
#include "plan/telemetry.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "spec/primitives.h"
#include "wire/agent_config.h"

namespace plan {
namespace {

constexpr std::string_view kDefaultWatchPath = "/workspace";

base::Result<> JudgeWatchPath(const std::string& path) {
  if (spec::IsAbsolutePath(path) && path.size() < wire::kMaxWatchPath) return {};
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("CELLOS_TELEMETRY_INOTIFY_PATH is \"{}\"; allowed is an absolute path in the cell, without "
                                "\"..\", of at most {} bytes",
                                base::Escape(path, 80), wire::kMaxWatchPath - 1));
}

base::Result<std::uint32_t> Rate(std::string_view member, const std::optional<std::uint32_t>& asked,
                                 std::uint32_t otherwise) {
  if (asked == 0u) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("/spec/telemetry/rateLimits/{}: found 0, which would drop everything; allowed is 1 or more",
                                  member));
  }
  return asked.value_or(otherwise);
}

}  // namespace

wire::ProbeSource DeclaredSource(std::string_view event) {
  using spec::TelemetrySource;
  const auto source = spec::FindTelemetrySource(event);
  if (!source) return wire::ProbeSource::kCount;
  switch (*source) {
    case TelemetrySource::kProcessSpawned: return wire::ProbeSource::kProcessSpawned;
    case TelemetrySource::kProcessExited: return wire::ProbeSource::kProcessExited;
    case TelemetrySource::kCapabilityDenied: return wire::ProbeSource::kCapabilityDenied;
    case TelemetrySource::kFsInotifyFired: return wire::ProbeSource::kFsInotifyFired;
    case TelemetrySource::kNetConnectAttempted: return wire::ProbeSource::kNetConnectAttempted;
  }
  return wire::ProbeSource::kCount;
}

base::Result<TelemetryPlan> MakeTelemetryPlan(const spec::Telemetry& telemetry, const TelemetrySettings& settings) {
  TelemetryPlan plan;
  for (std::size_t i = 0; i < telemetry.events.size(); ++i) {
    const wire::ProbeSource source = DeclaredSource(telemetry.events[i]);
    if (source == wire::ProbeSource::kCount) {
      return base::Fail(base::ErrorKind::kInvalid, fmt::format("/spec/telemetry/events/{}: no source tells \"{}\"", i,
                                                               base::Escape(telemetry.events[i], 80)));
    }
    plan.sources |= wire::SourceBit(source);
  }
  if (plan.sources == 0) return base::Fail(base::ErrorKind::kInvalid, "/spec/telemetry/events: found none");
  if (!spec::IsAgentVersionServed(telemetry.agent_version)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("/spec/telemetry/agentVersion: found \"{}\"; this build has {}",
                                  base::Escape(telemetry.agent_version, 80), kAgentVersion));
  }
  plan.declared = telemetry.events;
  plan.full = telemetry.process_detail == spec::ProcessDetail::kFull;
  plan.fail_cell = telemetry.on_agent_failure ? *telemetry.on_agent_failure == spec::AgentFailure::kFailCell
                                              : settings.hardened;
  if ((plan.sources & wire::SourceBit(wire::ProbeSource::kFsInotifyFired)) != 0) {
    plan.watch_path = settings.watch_path.empty() ? kDefaultWatchPath : settings.watch_path;
    TRY(JudgeWatchPath(plan.watch_path));
  }
  const spec::RateLimits limits = telemetry.rate_limits.value_or(spec::RateLimits{});
  plan.frames_per_second = TRY(Rate("eventsPerSecond", limits.events_per_second, kDefaultFramesPerSecond));
  plan.bytes_per_second = TRY(Rate("bytesPerSecond", limits.bytes_per_second, kDefaultBytesPerSecond));
  return plan;
}

}  // namespace plan
