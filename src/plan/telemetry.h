// SPDX-License-Identifier: Apache-2.0
// What a cell's in-cell witness may and must report, decided from the document's telemetry block (telemetry.md §3.7).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spec/cell_document.h"
#include "spec/telemetry_names.h"
#include "wire/telemetry_frame.h"

namespace plan {

using spec::kAgentVersion;

struct TelemetrySettings {
  std::string watch_path;                       // CELLOS_TELEMETRY_INOTIFY_PATH; empty: /workspace
  bool hardened = false;                        // the default of onAgentFailure
};

struct TelemetryPlan {
  std::vector<std::string> declared;            // telemetry.events as written
  std::uint32_t sources = 0;                    // wire::SourceBit of each source that they authorise
  bool full = false;                            // processDetail
  bool fail_cell = false;                       // onAgentFailure
  std::string watch_path;                       // with fs.inotify_fired; else empty
  std::uint32_t frames_per_second = 0, bytes_per_second = 0;  // rateLimits, or the defaults; never 0
  std::chrono::milliseconds keepalive_window{10000};
};
inline constexpr std::uint32_t kDefaultFramesPerSecond = 200'000;
inline constexpr std::uint32_t kDefaultBytesPerSecond = 64u << 20;

// The source that an entry of telemetry.events names (spec::FindTelemetrySource). kCount: none.
wire::ProbeSource DeclaredSource(std::string_view event);

// kInvalid with the member at fault: an event that no source tells, an agent version later than kAgentVersion, a rate
// limit of 0, a path to watch that is none in the cell.
base::Result<TelemetryPlan> MakeTelemetryPlan(const spec::Telemetry& telemetry, const TelemetrySettings& settings);

}  // namespace plan
