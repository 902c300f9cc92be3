// SPDX-License-Identifier: Apache-2.0
// The frame in which a guest's agent declares an event to the host (telemetry.md §1): the encoder of the agent, the
// decoder of the host, and the reader that cuts a stream into bodies.
//
// A frame is a little-endian u32, the length of the body, and the body: one CBOR map. Nothing here allocates, locks or
// calls anything but memcpy and memcmp; the stack is constant; every function is total. Both ends compile this file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/init_record.h"

namespace wire {

inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxFrameBody = 4096;
inline constexpr std::size_t kMaxGuestComm = 64;
// Every TelemetryFrame fits, whatever its members.
inline constexpr std::size_t kMaxEmittedFrame = 177;

// Version: what an encoder writes and the strict decoder demands; the host's decoder looks at the high byte alone, so
// that 0 to 255 pass (telemetry.md §1.2).
inline constexpr std::uint16_t kFrameVersion = 1;
inline constexpr bool IsStrictVersion(std::uint16_t version) { return version == kFrameVersion; }
inline constexpr bool IsHostVersion(std::uint16_t version) { return (version >> 8) == (kFrameVersion >> 8); }

enum class ProbeSource : std::uint8_t {
  kProcessSpawned, kProcessExited, kCapabilityDenied, kFsInotifyFired, kNetConnectAttempted,  // telemetry.md §1.3
  // Ours, sent only to a host that asked for them:
  kAgentHeartbeat,   // guest_pid: the agent; guest_monotonic_ns: CLOCK_MONOTONIC
  kAgentDropped,     // guest_pid: the agent; guest_monotonic_ns: events dropped in the agent so far
  kAgentExitStatus,  // guest_pid: the process; guest_monotonic_ns: an exit status, see kExitBySignal
  kCount
};
inline constexpr std::size_t kPublishedProbeSources = 5;  // the first ones, which every host knows
// Bit of an exit status: the low 32 bits are the signal that killed the process; without it they are its exit code.
inline constexpr std::uint64_t kExitBySignal = std::uint64_t{1} << 32;

// "process.spawned"; a static text. "" for kCount and beyond.
const char* ProbeSourceText(ProbeSource source);
// kCount when there is none of this text; the agent.* ones only when `ours`.
ProbeSource FindProbeSource(Bytes text, bool ours);

// What a frame says. All of it is the guest's claim.
struct TelemetryFrame {
  ProbeSource source = ProbeSource::kCount;
  std::uint32_t guest_pid = 0;
  std::uint64_t guest_monotonic_ns = 0;
  std::uint8_t comm_size = 0;       // at most kMaxGuestComm
  char comm[kMaxGuestComm] = {};    // UTF-8, may hold NUL and control characters, not NUL-terminated
};

// Sets the frame's comm to the first kMaxGuestComm bytes, every byte that is no part of UTF-8 replaced by '?'.
void SanitizeComm(const char* bytes, std::size_t size, TelemetryFrame* frame);

// Writes the frame, header included, the way telemetry.md §1.1 gives it byte for byte. The number of bytes; 0, and
// nothing is written, when they are more than `size`, when the comm is over kMaxGuestComm or no UTF-8, when the source
// is none.
std::size_t EncodeTelemetryFrame(const TelemetryFrame& frame, std::uint8_t* out, std::size_t size);
// The same for a comm of any length; the body is at most kMaxFrameBody.
std::size_t EncodeTelemetryFrame(ProbeSource source, std::uint32_t guest_pid, Bytes comm,
                                 std::uint64_t guest_monotonic_ns, std::uint8_t* out, std::size_t size);

// Why the host refuses a frame. After a fault of the stream nothing more can be read of it; after any other the next
// frame can.
enum class HostFrameFault : std::uint8_t {
  kNone,
  // The stream: telemetry.md §3.2 steps 2 and 3.
  kZeroLength, kOversized, kBodyTruncated,
  // The body is no frame.
  kWireTruncated,     // an item runs past the end of the body
  kWireReserved,      // additional information 28 to 30, a simple value below 32 in two bytes, or a break out of place
  kWireNotMap,
  kWireKeyType,       // a key that is no text
  kWireType,          // a value of another type than its key says
  kWireRange,         // content_version over 16 bits, guest_pid over 32
  kWireUtf8,
  kWireDuplicateKey, kWireMissingKey,  // of the five
  // Forms that a published host accepts and this one does not.
  kIndefiniteLength, kTagged, kUnknownProbeSource, kGuestCommTooLong,
  kUnsupportedVersion,
  kCount
};
// The name of the counter of a fault: "wire_truncated", "indefinite_length"; a static text.
const char* HostFrameFaultText(HostFrameFault fault);
inline constexpr bool IsStreamFault(HostFrameFault fault) {
  return fault >= HostFrameFault::kZeroLength && fault <= HostFrameFault::kBodyTruncated;
}
inline constexpr bool IsMalformedBody(HostFrameFault fault) {
  return fault >= HostFrameFault::kWireTruncated && fault <= HostFrameFault::kWireMissingKey;
}

// Decodes one body. Keys may come in any order; foreign ones are dropped, whatever they hold; bytes after the map are
// ignored. The first fault met in the body counts, the version is judged last. `ours`: this host asked its agent for
// the agent.* sources; without, they are kUnknownProbeSource. On a fault `frame` is unspecified. `version`, if given, is
// the content_version of a body that decodes.
HostFrameFault DecodeHostFrame(const std::uint8_t* body, std::size_t size, bool ours, TelemetryFrame* frame,
                               std::uint16_t* version = nullptr);

// Length of the body that the kFrameHeader bytes at `header` declare.
inline constexpr std::uint32_t FrameLength(const std::uint8_t* header) {
  return static_cast<std::uint32_t>(header[0]) | static_cast<std::uint32_t>(header[1]) << 8 |
         static_cast<std::uint32_t>(header[2]) << 16 | static_cast<std::uint32_t>(header[3]) << 24;
}

// Cuts a stream into bodies. Frames that lie whole in what is given are not copied.
class FrameReader {
 public:
  enum class Kind : std::uint8_t {
    kNeedMore,  // everything given is taken
    kFrame,     // `body`
    kLost,      // `fault` is kZeroLength or kOversized: alignment is lost, all that is given from here on goes unread
  };
  struct Step {
    Kind kind = Kind::kNeedMore;
    HostFrameFault fault = HostFrameFault::kNone;
    std::uint32_t length = 0;  // as the header declares it; not for kNeedMore
    // Of `length` bytes, with the header in the kFrameHeader bytes before. Valid until the next call and as long as the
    // bytes given are.
    const std::uint8_t* body = nullptr;
  };

  // Takes bytes from [*bytes, *bytes + *size) and moves both behind them. Call it until it says kNeedMore.
  Step Next(const std::uint8_t** bytes, std::size_t* size);

  // What it means that the stream ends here: nothing when fewer than kFrameHeader bytes of a frame were read
  // (telemetry.md §3.2 step 1), else kBodyTruncated; after kLost the fault of that.
  HostFrameFault AtEnd() const;

 private:
  bool Hold(std::size_t target, const std::uint8_t** bytes, std::size_t* size);

  std::size_t held_size_ = 0;
  HostFrameFault lost_ = HostFrameFault::kNone;
  std::uint32_t lost_length_ = 0;
  std::uint8_t held_[kFrameHeader + kMaxFrameBody];  // the begin of a frame, held_size_ bytes
};

}  // namespace wire
