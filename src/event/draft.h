// SPDX-License-Identifier: Apache-2.0
// An event before it has a place in a log: what a producer hands in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace event {

// The closed list of observers (who saw it). ToString gives the name used in logs, e.g. "gate.dns".
enum class Observer : std::uint8_t {
  kSupervisor, kInit, kGateDns, kGateFlow, kGateL7, kGateRecord, kKernelNft, kKernelNflog, kAgent,
  kHostCgroup, kHostNftables, kHostTapLink, kHostFcMetrics, kRuntimeTrace, kWitness, kLog,
};
inline constexpr int kObserverCount = 16;
std::string_view ToString(Observer observer);
std::optional<Observer> ObserverOf(std::string_view name);

// The lane follows from the observer: agent is claimed, witness is derived, all others are witnessed.
enum class Lane : std::uint8_t { kWitnessed, kClaimed, kDerived };
Lane LaneOf(Observer observer);
std::string_view ToString(Lane lane);

enum class IdForm : std::uint8_t { kUuid, kEventUrn };  // "…" or "urn:cellos:event:…"

struct Draft {
  std::string_view type;    // full type string; static storage
  std::string_view source;  // events.md's source; static storage
  Observer observer = Observer::kSupervisor;
  std::string data;         // one JSON object in JCS form
  IdForm id_form = IdForm::kUuid;
  // Moment of observation when it was earlier than the append; the log takes its clock otherwise.
  std::optional<base::BootTime> observed_at = std::nullopt;
  // The event's `time` where `data` repeats it; the log takes its clock otherwise.
  std::optional<base::WallTime> time = std::nullopt;
  // An id decided beforehand (a UUID v4), where another event must name it; generated otherwise.
  std::string id = {};
};

}  // namespace event
