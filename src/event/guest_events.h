// SPDX-License-Identifier: Apache-2.0
// Data of what the witness inside a cell declares, and of its silence and losses (telemetry.md §3.4, §3.5).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

// One frame as the host received it. Its first four members are what the guest says; whose it is comes from the CellRef
// and never from the frame. Views are borrowed for the length of the call.
struct GuestDeclaration {
  std::string_view probe_source;  // "process.spawned"
  std::uint32_t pid = 0;
  std::string_view comm;  // valid UTF-8, at most 64 bytes
  std::uint64_t monotonic_ns = 0;
  base::WallTime received_at{};                          // the event's `time`; data repeats it in seconds
  std::optional<base::BootTime> seen_at = std::nullopt;  // CLOCK_BOOTTIME of its receipt, where known
  std::string_view spec_signature_hash;                  // "sha256:…"
  std::string_view frame_sha256;                         // hex, of the frame's bytes with header; in the log only
};

// `…observability.guest.<x>` for one of the five published sources: claimed, observer agent. kInvalid for another
// source, and for a time before 1970.
base::Result<Draft> GuestDeclarationEvent(const CellRef& cell, const GuestDeclaration& declaration);
// The type of a declaration from `probe_source`; empty for a source that has none.
std::string_view GuestTypeOf(std::string_view probe_source);
// The data alone, whatever the source says.
base::Result<std::string> GuestDeclarationData(const CellRef& cell, const GuestDeclaration& declaration);

// How a process inside the cell ended, as its agent says (ours, in the log only): claimed. `declaration.monotonic_ns`
// is not used: the frame carries the status in its place.
enum class ExitKind : std::uint8_t { kExited, kSignal };
std::string_view ToString(ExitKind kind);  // "exited", "signal"
struct GuestExitStatus {
  GuestDeclaration declaration;
  ExitKind kind = ExitKind::kExited;
  std::uint32_t status = 0;  // exit code, or number of the signal
};
base::Result<Draft> GuestExitStatusEvent(const CellRef& cell, const GuestExitStatus& exit);

// What the host says about the channel: witnessed, observer supervisor.

struct AgentSilence {
  std::uint64_t window_ms = 0, elapsed_ms = 0;
  std::optional<base::WallTime> received_at = std::nullopt;       // when it was decided; in the log only
  std::optional<std::string> spec_signature_hash = std::nullopt;  // in the log only
};
Draft AgentSilencedEvent(const CellRef& cell, const AgentSilence& silence);
// Ours: frames came back after `elapsed_ms` without any.
Draft AgentReturnedEvent(const CellRef& cell, const AgentSilence& silence);

// Totals since the start of the run. read = accepted + heartbeats + over_rate + sum of refused.
struct TelemetryDropped {
  std::uint64_t dropped_by_agent = 0;  // as the agent says
  std::uint64_t read = 0, accepted = 0, heartbeats = 0, over_rate = 0;
  std::map<std::string, std::uint64_t> refused;  // class -> frames; ASCII names
  base::WallTime received_at{};
  std::string spec_signature_hash;
};
Draft TelemetryDroppedEvent(const CellRef& cell, const TelemetryDropped& dropped);

}  // namespace event
