// SPDX-License-Identifier: Apache-2.0
// The encoder of telemetry frames, the host's decoder, and the reader of a stream.
#include "wire/telemetry_frame.h"

#include <string.h>

#include "wire/cbor.h"
#include "wire/telemetry_keys.h"
#include "wire/utf8.h"

namespace wire {
namespace {

using cbor::Cursor;
using cbor::Head;
using cbor::Major;
using Fault = HostFrameFault;

struct SourceRow {
  const char* text;
  std::size_t size;
};
template <std::size_t N>
constexpr SourceRow Row(const char (&text)[N]) {
  return {text, N - 1};
}
constexpr SourceRow kSources[] = {
    Row("process.spawned"),       Row("process.exited"),  Row("capability.denied"), Row("fs.inotify_fired"),
    Row("net.connect_attempted"), Row("agent.heartbeat"), Row("agent.dropped"),     Row("agent.exit_status"),
};
constexpr std::size_t kSourceCount = static_cast<std::size_t>(ProbeSource::kCount);
static_assert(sizeof kSources / sizeof kSources[0] == kSourceCount);

// Index in kSources, kSourceCount if none. Unrolled, so that every comparison is of a constant size: a few instructions.
template <std::size_t I = 0>
std::size_t FindSource(Bytes text) {
  if constexpr (I < kSourceCount) {
    constexpr SourceRow row = kSources[I];
    if (text.size == row.size && memcmp(text.data, row.text, row.size) == 0) return I;
    return FindSource<I + 1>(text);
  }
  return kSourceCount;
}

constexpr std::size_t LongestSource() {
  std::size_t longest = 0;
  for (const SourceRow& row : kSources) longest = row.size > longest ? row.size : longest;
  return longest;
}
// What every body has, whatever it says: the head of the map, the keys, the version and four heads.
constexpr std::size_t kFixedBytes = 1 + (sizeof kContentVersionKey - 1) + 1 + (sizeof kProbeSourceKey - 1) + 1 +
                                    (sizeof kGuestPidKey - 1) + 1 + (sizeof kGuestCommKey - 1) + 1 +
                                    (sizeof kGuestMonotonicNsKey - 1) + 1;
static_assert(kMaxEmittedFrame == kFrameHeader + kFixedBytes + LongestSource() + 4 + (1 + kMaxGuestComm) + 8);
static_assert(kFrameVersion < 24 && LongestSource() < 24);

template <std::size_t N>
std::uint8_t* WriteKey(const char (&key)[N], std::uint8_t* out) {
  memcpy(out, key, N - 1);
  return out + (N - 1);
}

std::uint8_t* WriteText(const void* text, std::size_t size, std::uint8_t* out) {
  out = cbor::WriteHead(Major::kText, size, out);
  if (size != 0) memcpy(out, text, size);
  return out + size;
}

// Every item that the host reads begins here: the forms that it refuses anywhere are refused here.
Fault ReadItem(Cursor* cursor, Head* head) {
  const cbor::HeadFault fault = cbor::ReadHead(cursor, head);
  if (fault == cbor::HeadFault::kTruncated) return Fault::kWireTruncated;
  if (fault == cbor::HeadFault::kNoArgument) {
    const bool has_length = head->major >= Major::kBytes && head->major <= Major::kMap;
    return has_length && head->additional == cbor::kIndefinite ? Fault::kIndefiniteLength : Fault::kWireReserved;
  }
  if (head->major == Major::kTag) return Fault::kTagged;
  if (head->major == Major::kOther && head->additional == 24 && head->argument < 32) return Fault::kWireReserved;
  return Fault::kNone;
}

// The bytes of a text or byte string whose head was read.
Fault TakeString(Cursor* cursor, const Head& head, Bytes* string) {
  if (head.argument > cursor->left()) return Fault::kWireTruncated;
  *string = {cursor->at, static_cast<std::size_t>(head.argument)};
  cursor->at += string->size;
  return Fault::kNone;
}

// Whoever takes a text that is not of a known spelling asks whether it is one: `otherwise` if so.
Fault CheckText(Bytes text, Fault otherwise) {
  return IsUtf8(text.data, text.size) ? otherwise : Fault::kWireUtf8;
}

// A text of which only the major type was looked at.
Fault ReadText(Cursor* cursor, Fault otherwise, Bytes* text) {
  Head head;
  if (const Fault fault = ReadItem(cursor, &head); fault != Fault::kNone) return fault;
  if (head.major != Major::kText) return otherwise;
  return TakeString(cursor, head, text);
}

Fault ReadNatural(Cursor* cursor, std::uint64_t most, std::uint64_t* value) {
  Head head;
  if (const Fault fault = ReadItem(cursor, &head); fault != Fault::kNone) return fault;
  if (head.major != Major::kNatural) return Fault::kWireType;
  *value = head.argument;
  return head.argument > most ? Fault::kWireRange : Fault::kNone;
}

// Goes past one item of any shape. No depth is kept: without indefinite lengths the number of items to come is enough.
Fault SkipItem(Cursor* cursor) {
  for (std::size_t items = 1; items > 0; --items) {
    Head head;
    if (const Fault fault = ReadItem(cursor, &head); fault != Fault::kNone) return fault;
    if (head.major == Major::kBytes || head.major == Major::kText) {
      Bytes string;
      if (const Fault fault = TakeString(cursor, head, &string); fault != Fault::kNone) return fault;
      if (head.major == Major::kText && !IsUtf8(string.data, string.size)) return Fault::kWireUtf8;
    } else if (head.major == Major::kArray || head.major == Major::kMap) {
      const std::size_t each = head.major == Major::kMap ? 2 : 1;
      if (head.argument > cursor->left() / each) return Fault::kWireTruncated;
      items += static_cast<std::size_t>(head.argument) * each;
    }
  }
  return Fault::kNone;
}

struct HostBody {
  TelemetryFrame* frame;
  bool ours;
  std::uint16_t version = 0;
  unsigned seen = 0;  // bits by FrameKey
};

Fault ReadSource(Cursor* cursor, HostBody* body) {
  Bytes text;
  if (const Fault fault = ReadText(cursor, Fault::kWireType, &text); fault != Fault::kNone) return fault;
  body->frame->source = FindProbeSource(text, body->ours);
  return body->frame->source == ProbeSource::kCount ? CheckText(text, Fault::kUnknownProbeSource) : Fault::kNone;
}

Fault ReadComm(Cursor* cursor, HostBody* body) {
  Bytes text;
  if (const Fault fault = ReadText(cursor, Fault::kWireType, &text); fault != Fault::kNone) return fault;
  if (text.size > kMaxGuestComm) return CheckText(text, Fault::kGuestCommTooLong);
  if (!IsUtf8(text.data, text.size)) return Fault::kWireUtf8;
  memcpy(body->frame->comm, text.data, text.size);
  body->frame->comm_size = static_cast<std::uint8_t>(text.size);
  return Fault::kNone;
}

Fault ReadValue(FrameKey key, Cursor* cursor, HostBody* body) {
  std::uint64_t number = 0;
  Fault fault = Fault::kNone;
  switch (key) {
    case FrameKey::kContentVersion:
      fault = ReadNatural(cursor, 0xffff, &number);
      body->version = static_cast<std::uint16_t>(number);
      return fault;
    case FrameKey::kProbeSource: return ReadSource(cursor, body);
    case FrameKey::kGuestPid:
      fault = ReadNatural(cursor, 0xffffffff, &number);
      body->frame->guest_pid = static_cast<std::uint32_t>(number);
      return fault;
    case FrameKey::kGuestComm: return ReadComm(cursor, body);
    case FrameKey::kGuestMonotonicNs: return ReadNatural(cursor, ~std::uint64_t{0}, &body->frame->guest_monotonic_ns);
    case FrameKey::kForeign: break;
  }
  return Fault::kNone;
}

Fault ReadPair(Cursor* cursor, HostBody* body) {
  Bytes text;
  if (const Fault fault = ReadText(cursor, Fault::kWireKeyType, &text); fault != Fault::kNone) return fault;
  const FrameKey key = FindFrameKey(text.data, text.size);
  if (key == FrameKey::kForeign) {
    const Fault fault = CheckText(text, Fault::kNone);
    return fault == Fault::kNone ? SkipItem(cursor) : fault;
  }
  const unsigned bit = 1u << static_cast<unsigned>(key);
  if ((body->seen & bit) != 0) return Fault::kWireDuplicateKey;
  body->seen |= bit;
  return ReadValue(key, cursor, body);
}

// The next bytes are exactly these.
template <std::size_t N>
bool Take(Cursor* cursor, const char (&bytes)[N]) {
  if (cursor->left() < N - 1 || memcmp(cursor->at, bytes, N - 1) != 0) return false;
  cursor->at += N - 1;
  return true;
}
bool Take(Cursor* cursor, Major major, std::uint64_t most, std::uint64_t* argument) {
  Head head;
  if (cbor::ReadHead(cursor, &head) != cbor::HeadFault::kNone || head.major != major) return false;
  *argument = head.argument;
  return head.argument <= most;
}
bool Take(Cursor* cursor, Bytes* text) {
  std::uint64_t size = 0;
  if (!Take(cursor, Major::kText, kMaxFrameBody, &size) || size > cursor->left()) return false;
  *text = {cursor->at, static_cast<std::size_t>(size)};
  cursor->at += size;
  return true;
}

// What nearly every body is, in half the time: keys in the order and form of an encoder. False: the general decoder
// has to say what it is.
bool DecodeEmittedOrder(Cursor cursor, bool ours, TelemetryFrame* frame) {
  static_assert(kFrameVersion == 1);
  Bytes source, comm;
  std::uint64_t pid = 0;
  if (!Take(&cursor, "\xa5\x6f" "content_version" "\x01\x6c" "probe_source") || !Take(&cursor, &source) ||
      !Take(&cursor, kGuestPidKey) || !Take(&cursor, Major::kNatural, 0xffffffff, &pid) ||
      !Take(&cursor, kGuestCommKey) || !Take(&cursor, &comm) || comm.size > kMaxGuestComm ||
      !Take(&cursor, kGuestMonotonicNsKey) ||
      !Take(&cursor, Major::kNatural, ~std::uint64_t{0}, &frame->guest_monotonic_ns)) {
    return false;
  }
  frame->source = FindProbeSource(source, ours);
  frame->guest_pid = static_cast<std::uint32_t>(pid);
  frame->comm_size = static_cast<std::uint8_t>(comm.size);
  memcpy(frame->comm, comm.data, comm.size);
  return frame->source != ProbeSource::kCount && IsUtf8(comm.data, comm.size);
}

}  // namespace

const char* ProbeSourceText(ProbeSource source) {
  return source < ProbeSource::kCount ? kSources[static_cast<std::size_t>(source)].text : "";
}

ProbeSource FindProbeSource(Bytes text, bool ours) {
  const std::size_t index = FindSource(text), known = ours ? kSourceCount : kPublishedProbeSources;
  return index < known ? static_cast<ProbeSource>(index) : ProbeSource::kCount;
}

const char* HostFrameFaultText(HostFrameFault fault) {
  static constexpr const char* kTexts[] = {
      "none", "zero_length", "oversized", "body_truncated", "wire_truncated", "wire_reserved", "wire_not_map",
      "wire_key_type", "wire_type", "wire_range", "wire_utf8", "wire_duplicate_key", "wire_missing_key",
      "indefinite_length", "tagged_item", "unknown_probe_source", "guest_comm_too_long", "unsupported_version"};
  static_assert(sizeof kTexts / sizeof kTexts[0] == static_cast<std::size_t>(Fault::kCount));
  return fault < Fault::kCount ? kTexts[static_cast<std::size_t>(fault)] : "";
}

void SanitizeComm(const char* bytes, std::size_t size, TelemetryFrame* frame) {
  if (size > kMaxGuestComm) size = kMaxGuestComm;
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes);
  for (std::size_t i = 0; i < size;) {
    const std::size_t length = Utf8Length(at + i, size - i);
    if (length == 0) {
      frame->comm[i++] = '?';
      continue;
    }
    memcpy(frame->comm + i, bytes + i, length);
    i += length;
  }
  frame->comm_size = static_cast<std::uint8_t>(size);
}

std::size_t EncodeTelemetryFrame(ProbeSource source, std::uint32_t guest_pid, Bytes comm,
                                 std::uint64_t guest_monotonic_ns, std::uint8_t* out, std::size_t size) {
  if (source >= ProbeSource::kCount || comm.size > kMaxFrameBody || !IsUtf8(comm.data, comm.size)) return 0;
  const SourceRow& text = kSources[static_cast<std::size_t>(source)];
  const std::size_t body = kFixedBytes + text.size + cbor::ArgumentWidth(guest_pid) + cbor::ArgumentWidth(comm.size) +
                           comm.size + cbor::ArgumentWidth(guest_monotonic_ns);
  if (body > kMaxFrameBody || kFrameHeader + body > size) return 0;
  for (unsigned i = 0; i < kFrameHeader; ++i) *out++ = static_cast<std::uint8_t>(body >> (8 * i));
  out = cbor::WriteHead(Major::kMap, kFrameKeys, out);
  out = cbor::WriteHead(Major::kNatural, kFrameVersion, WriteKey(kContentVersionKey, out));
  out = WriteText(text.text, text.size, WriteKey(kProbeSourceKey, out));
  out = cbor::WriteHead(Major::kNatural, guest_pid, WriteKey(kGuestPidKey, out));
  out = WriteText(comm.data, comm.size, WriteKey(kGuestCommKey, out));
  cbor::WriteHead(Major::kNatural, guest_monotonic_ns, WriteKey(kGuestMonotonicNsKey, out));
  return kFrameHeader + body;
}

std::size_t EncodeTelemetryFrame(const TelemetryFrame& frame, std::uint8_t* out, std::size_t size) {
  if (frame.comm_size > kMaxGuestComm) return 0;
  const Bytes comm = {reinterpret_cast<const std::uint8_t*>(frame.comm), frame.comm_size};
  return EncodeTelemetryFrame(frame.source, frame.guest_pid, comm, frame.guest_monotonic_ns, out, size);
}

HostFrameFault DecodeHostFrame(const std::uint8_t* body, std::size_t size, bool ours, TelemetryFrame* frame,
                               std::uint16_t* version) {
  if (size == 0) return Fault::kZeroLength;
  if (size > kMaxFrameBody) return Fault::kOversized;
  Cursor cursor = {body, body + size};
  if (DecodeEmittedOrder(cursor, ours, frame)) {
    if (version != nullptr) *version = kFrameVersion;
    return Fault::kNone;
  }
  Head map;
  if (const Fault fault = ReadItem(&cursor, &map); fault != Fault::kNone) return fault;
  if (map.major != Major::kMap) return Fault::kWireNotMap;
  HostBody read = {frame, ours};
  for (std::uint64_t i = 0; i < map.argument; ++i) {
    if (const Fault fault = ReadPair(&cursor, &read); fault != Fault::kNone) return fault;
  }
  if (read.seen != (1u << kFrameKeys) - 1) return Fault::kWireMissingKey;
  if (version != nullptr) *version = read.version;
  return IsHostVersion(read.version) ? Fault::kNone : Fault::kUnsupportedVersion;
}

// Takes until `target` bytes of a frame are held.
bool FrameReader::Hold(std::size_t target, const std::uint8_t** bytes, std::size_t* size) {
  if (held_size_ < target && *size > 0) {
    const std::size_t wanted = target - held_size_, taken = *size < wanted ? *size : wanted;
    memcpy(held_ + held_size_, *bytes, taken);
    held_size_ += taken;
    *bytes += taken;
    *size -= taken;
  }
  return held_size_ >= target;
}

FrameReader::Step FrameReader::Next(const std::uint8_t** bytes, std::size_t* size) {
  const auto good = [](std::uint32_t length) { return length != 0 && length <= kMaxFrameBody; };
  if (lost_ == Fault::kNone) {
    if (held_size_ == 0 && *size >= kFrameHeader) {
      const std::uint32_t length = FrameLength(*bytes);
      if (good(length) && *size - kFrameHeader >= length) {
        const std::uint8_t* body = *bytes + kFrameHeader;
        *bytes = body + length;
        *size -= kFrameHeader + length;
        return {Kind::kFrame, Fault::kNone, length, body};
      }
    }
    if (!Hold(kFrameHeader, bytes, size)) return {};
    const std::uint32_t length = FrameLength(held_);
    if (good(length)) {
      if (!Hold(kFrameHeader + length, bytes, size)) return {};
      held_size_ = 0;
      return {Kind::kFrame, Fault::kNone, length, held_ + kFrameHeader};
    }
    lost_ = length == 0 ? Fault::kZeroLength : Fault::kOversized;
    lost_length_ = length;
  }
  *bytes += *size;
  *size = 0;
  return {Kind::kLost, lost_, lost_length_, nullptr};
}

HostFrameFault FrameReader::AtEnd() const {
  if (lost_ != Fault::kNone) return lost_;
  return held_size_ < kFrameHeader ? Fault::kNone : Fault::kBodyTruncated;
}

}  // namespace wire
