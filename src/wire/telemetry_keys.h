// SPDX-License-Identifier: Apache-2.0
// The five keys of a telemetry frame's map, in the order in which they are written.
#pragma once

#include <string.h>

#include <cstddef>
#include <cstdint>

namespace wire {

enum class FrameKey : std::uint8_t {
  kContentVersion, kProbeSource, kGuestPid, kGuestComm, kGuestMonotonicNs,
  kForeign  // any other
};
inline constexpr std::size_t kFrameKeys = 5;

// With the head of its text before it: every key is shorter than 24 bytes.
inline constexpr char kContentVersionKey[] = "\x6f" "content_version";
inline constexpr char kProbeSourceKey[] = "\x6c" "probe_source";
inline constexpr char kGuestPidKey[] = "\x69" "guest_pid";
inline constexpr char kGuestCommKey[] = "\x6a" "guest_comm";
inline constexpr char kGuestMonotonicNsKey[] = "\x72" "guest_monotonic_ns";

// All keys differ in length.
inline FrameKey FindFrameKey(const std::uint8_t* text, std::size_t size) {
  const auto is = [text](const auto& key) { return memcmp(text, key + 1, sizeof key - 2) == 0; };
  switch (size) {
    case sizeof kContentVersionKey - 2: return is(kContentVersionKey) ? FrameKey::kContentVersion : FrameKey::kForeign;
    case sizeof kProbeSourceKey - 2: return is(kProbeSourceKey) ? FrameKey::kProbeSource : FrameKey::kForeign;
    case sizeof kGuestPidKey - 2: return is(kGuestPidKey) ? FrameKey::kGuestPid : FrameKey::kForeign;
    case sizeof kGuestCommKey - 2: return is(kGuestCommKey) ? FrameKey::kGuestComm : FrameKey::kForeign;
    case sizeof kGuestMonotonicNsKey - 2:
      return is(kGuestMonotonicNsKey) ? FrameKey::kGuestMonotonicNs : FrameKey::kForeign;
    default: return FrameKey::kForeign;
  }
}

}  // namespace wire
