// SPDX-License-Identifier: Apache-2.0
// The strict decoder of the published guest library: one frame, all of whose faults are told apart (telemetry.md §1.4).
//
// It holds to the letter what an encoder writes up to the order of the last four keys and the width of integers. Total,
// heap-free, constant stack. Checks go in this order: header, length, map of five, first key, version, the four other
// keys as they come, registry of probe sources.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/telemetry_frame.h"

namespace wire {

struct StrictFrame {
  ProbeSource source = ProbeSource::kCount;  // one of the published five
  std::uint32_t guest_pid = 0;
  std::uint64_t guest_monotonic_ns = 0;
  Bytes comm = {};                           // UTF-8 of any length, inside the bytes decoded
};

enum class StrictFault : std::uint8_t {
  kNone,
  kShortHeader,               // actual
  kFrameTooLarge,             // declared
  kFrameTruncated,            // declared, actual
  kUnexpectedEof,
  kNotMap5,
  kContentVersionMustBeFirst,
  kUnsupportedContentVersion, // version
  kIntegerOverflow,           // field
  kMissingField,              // field: the key that came twice, or kUnknownKey
  kFieldType,                 // field, major
  kInvalidUtf8,               // field
  kUnknownProbeSource,        // text
  kUnsupportedAdditional,     // additional
  kUnsupportedMajor,          // declared by the published library, raised by none
  kCount
};
// "frame_too_large"; a static text.
const char* StrictFaultText(StrictFault fault);

enum class StrictField : std::uint8_t {
  kContentVersion, kProbeSource, kGuestPid, kGuestComm, kGuestMonotonicNs, kFirstKey, kKey, kUnknownKey, kCount
};
// "guest_pid", "<map key 0>", "<map key>", "<unknown key>"; a static text.
const char* StrictFieldText(StrictField field);

// `fault`, and the members that its comment names.
struct StrictError {
  StrictFault fault = StrictFault::kNone;
  StrictField field = StrictField::kCount;
  std::uint8_t major = 0, additional = 0;
  std::uint16_t version = 0;
  std::uint32_t declared = 0;  // length of the body, as the header has it
  std::size_t actual = 0;      // bytes there: of the header, or after it
  Bytes text = {};             // UTF-8, inside the bytes decoded
};

// Decodes the frame, header included, at the begin of `bytes`; what lies behind it is ignored, and so is what its body
// holds after the map. With a fault `frame` is unspecified.
StrictError DecodeStrictFrame(Bytes bytes, StrictFrame* frame);

}  // namespace wire
