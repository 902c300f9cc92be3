// SPDX-License-Identifier: Apache-2.0
// What the receiver in cellos-gate hands to the supervisor: packets of a header and counted entries, each with the frame
// as it was received.
//
// The supervisor trusts no length and no text: DecodeTelemetryBatch refuses what no honest gate sends. Native byte order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/telemetry_frame.h"

namespace wire {

inline constexpr std::uint32_t kTelemetryBatchMagic = 0x31544254;  // "TBT1"
inline constexpr std::size_t kMaxTelemetryBatchBytes = 128u << 10;
inline constexpr std::size_t kMaxTelemetryBatchEntries = 512;

inline constexpr std::size_t kHostFrameFaults = static_cast<std::size_t>(HostFrameFault::kCount);

// Totals since the start of the receiver; none ever falls. `read` = accepted + heartbeats + over_rate + the refused.
struct TelemetryCounts {
  std::uint64_t read;             // frames read whole, and headers that lost a stream its alignment
  std::uint64_t accepted;         // handed on as entries
  std::uint64_t heartbeats;       // agent.heartbeat and agent.dropped: keep the channel alive, are no event
  std::uint64_t over_rate;        // good frames beyond the budget, not handed on
  std::uint64_t bytes;            // read, headers included
  std::uint64_t agent_dropped;    // highest count of agent.dropped
  std::uint64_t refused[kHostFrameFaults];  // by HostFrameFault
  std::uint64_t connections;      // streams taken; 1 for a native cell
  std::uint64_t impostors;        // further streams refused while the first lived
  std::uint64_t torn;             // streams that ended inside a frame, or lost their alignment
};

struct TelemetryBatchHeader {
  std::uint32_t magic = kTelemetryBatchMagic;
  std::uint32_t size = 0;         // of the whole packet
  std::uint32_t entries = 0;
  std::uint32_t flags = 0;        // TelemetryBatchFlag
  std::uint64_t at_ns = 0;        // CLOCK_BOOTTIME when the packet was made
  std::uint64_t alive_at_ns = 0;  // CLOCK_BOOTTIME of the last good frame, heartbeats and those over rate included; 0 = none yet
  TelemetryCounts counts = {};
};
enum TelemetryBatchFlag : std::uint32_t {
  kTelemetryEnded = 1,            // the stream (each stream) has ended
  kTelemetryFinal = 2,            // nothing follows: everything that was readable has been read
  kTelemetryBroken = 4            // closed by the receiver: the stream lost its alignment
};

struct TelemetryEntryHead {
  std::uint64_t at_ns = 0;        // CLOCK_BOOTTIME of its receipt; never falls
  std::uint64_t guest_monotonic_ns = 0;
  std::uint32_t guest_pid = 0;
  std::uint32_t frame_bytes = 0;  // header included; the bytes follow, padded to a multiple of 8
  ProbeSource source = ProbeSource::kProcessSpawned;
  std::uint8_t comm_size = 0;
  std::uint8_t pad[6] = {};
  char comm[kMaxGuestComm] = {};
};
static_assert(sizeof(TelemetryEntryHead) % 8 == 0);

// A view into a packet.
struct TelemetryEntry {
  TelemetryEntryHead head;
  const std::uint8_t* frame;      // head.frame_bytes
};

enum class TelemetryBatchFault : std::uint8_t { kNone, kSize, kMagic, kFlags, kCount, kSums, kTime, kEntry, kFrame, kText };
// Checks everything: that each frame's own length fits, that the counts add up, that times do not fall and are no later
// than the packet's, that a comm is UTF-8. What the packet before said is the caller's to compare.
TelemetryBatchFault DecodeTelemetryBatch(const std::uint8_t* bytes, std::size_t size, TelemetryBatchHeader* header);
// The entry at `*offset` of a packet that was decoded, which moves on; start with sizeof(TelemetryBatchHeader).
TelemetryEntry NextTelemetryEntry(const std::uint8_t* bytes, std::size_t* offset);
// What the largest entry takes in a packet.
inline constexpr std::size_t kMaxTelemetryEntryBytes = sizeof(TelemetryEntryHead) + kFrameHeader + kMaxFrameBody + 4;
static_assert(kMaxTelemetryEntryBytes % 8 == 0);
// Appends an entry at `*offset` of `out`; false when it does not fit into `size`.
bool AppendTelemetryEntry(const TelemetryEntryHead& head, const std::uint8_t* frame, std::uint8_t* out, std::size_t size,
                          std::size_t* offset);

}  // namespace wire
