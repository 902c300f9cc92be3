// SPDX-License-Identifier: Apache-2.0
// The strict decoder of telemetry frames.
#include "wire/telemetry_frame_strict.h"

#include "wire/cbor.h"
#include "wire/telemetry_keys.h"
#include "wire/utf8.h"

namespace wire {
namespace {

using cbor::Head;
using cbor::Major;
using Fault = StrictFault;
using Field = StrictField;

// The first fault stays; every step says whether there is none yet.
struct Reader {
  cbor::Cursor cursor;
  StrictError error = {};

  bool Fail(Fault fault, Field field = Field::kCount) {
    error.fault = fault;
    error.field = field;
    return false;
  }

  bool Item(Head* head) {
    switch (cbor::ReadHead(&cursor, head)) {
      case cbor::HeadFault::kTruncated: return Fail(Fault::kUnexpectedEof);
      case cbor::HeadFault::kNoArgument:
        error.additional = head->additional;
        return Fail(Fault::kUnsupportedAdditional);
      case cbor::HeadFault::kNone: break;
    }
    return true;
  }

  bool Typed(Major major, Field field, Head* head) {
    if (!Item(head)) return false;
    if (head->major == major) return true;
    error.major = static_cast<std::uint8_t>(head->major);
    return Fail(Fault::kFieldType, field);
  }

  bool Natural(Field field, std::uint64_t most, std::uint64_t* value) {
    Head head;
    if (!Typed(Major::kNatural, field, &head)) return false;
    *value = head.argument;
    return head.argument <= most || Fail(Fault::kIntegerOverflow, field);
  }

  bool Text(Field field, Bytes* text) {
    Head head;
    if (!Typed(Major::kText, field, &head)) return false;
    if (head.argument > cursor.left()) return Fail(Fault::kUnexpectedEof);
    *text = {cursor.at, static_cast<std::size_t>(head.argument)};
    cursor.at += text->size;
    return IsUtf8(text->data, text->size) || Fail(Fault::kInvalidUtf8, field);
  }
};

bool ReadVersion(Reader* reader) {
  Bytes key;
  if (!reader->Text(Field::kFirstKey, &key)) return false;
  if (FindFrameKey(key.data, key.size) != FrameKey::kContentVersion) {
    return reader->Fail(Fault::kContentVersionMustBeFirst);
  }
  std::uint64_t version = 0;
  if (!reader->Natural(Field::kContentVersion, 0xffff, &version)) return false;
  reader->error.version = static_cast<std::uint16_t>(version);
  return IsStrictVersion(reader->error.version) || reader->Fail(Fault::kUnsupportedContentVersion);
}

bool ReadValue(FrameKey key, Reader* reader, Bytes* source, StrictFrame* frame) {
  std::uint64_t pid = 0;
  switch (key) {
    case FrameKey::kProbeSource: return reader->Text(Field::kProbeSource, source);
    case FrameKey::kGuestPid:
      if (!reader->Natural(Field::kGuestPid, 0xffffffff, &pid)) return false;
      frame->guest_pid = static_cast<std::uint32_t>(pid);
      return true;
    case FrameKey::kGuestComm: return reader->Text(Field::kGuestComm, &frame->comm);
    case FrameKey::kGuestMonotonicNs:
      return reader->Natural(Field::kGuestMonotonicNs, ~std::uint64_t{0}, &frame->guest_monotonic_ns);
    case FrameKey::kContentVersion:
    case FrameKey::kForeign: break;
  }
  return reader->Fail(Fault::kMissingField, Field::kUnknownKey);
}

// Four pairs without a repetition and without a foreign key are the four that follow the version.
bool ReadOthers(Reader* reader, Bytes* source, StrictFrame* frame) {
  unsigned seen = 1u << static_cast<unsigned>(FrameKey::kContentVersion);
  for (std::size_t i = 1; i < kFrameKeys; ++i) {
    Bytes text;
    if (!reader->Text(Field::kKey, &text)) return false;
    const FrameKey key = FindFrameKey(text.data, text.size);
    const unsigned bit = 1u << static_cast<unsigned>(key);
    if ((seen & bit) != 0) return reader->Fail(Fault::kMissingField, static_cast<Field>(key));
    seen |= bit;
    if (!ReadValue(key, reader, source, frame)) return false;
  }
  return true;
}

bool ReadBody(Reader* reader, StrictFrame* frame) {
  Head map;
  if (!reader->Item(&map)) return false;
  if (map.major != Major::kMap || map.argument != kFrameKeys) return reader->Fail(Fault::kNotMap5);
  Bytes source;
  if (!ReadVersion(reader) || !ReadOthers(reader, &source, frame)) return false;
  frame->source = FindProbeSource(source, false);
  if (frame->source != ProbeSource::kCount) return true;
  reader->error.text = source;
  return reader->Fail(Fault::kUnknownProbeSource);
}

}  // namespace

const char* StrictFaultText(StrictFault fault) {
  static constexpr const char* kTexts[] = {
      "none", "short_header", "frame_too_large", "frame_truncated", "unexpected_end", "not_a_five_entry_map",
      "version_not_first", "unsupported_version", "integer_overflow", "missing_field", "wrong_type", "invalid_utf8",
      "unknown_probe_source", "unsupported_additional", "unsupported_major"};
  static_assert(sizeof kTexts / sizeof kTexts[0] == static_cast<std::size_t>(Fault::kCount));
  return fault < Fault::kCount ? kTexts[static_cast<std::size_t>(fault)] : "";
}

const char* StrictFieldText(StrictField field) {
  static constexpr const char* kTexts[] = {"content_version",    "probe_source", "guest_pid", "guest_comm",
                                           "guest_monotonic_ns", "<map key 0>",  "<map key>", "<unknown key>"};
  static_assert(sizeof kTexts / sizeof kTexts[0] == static_cast<std::size_t>(Field::kCount));
  return field < Field::kCount ? kTexts[static_cast<std::size_t>(field)] : "";
}

StrictError DecodeStrictFrame(Bytes bytes, StrictFrame* frame) {
  Reader reader = {};
  StrictError& error = reader.error;
  error.actual = bytes.size;
  if (bytes.size < kFrameHeader) {
    error.fault = Fault::kShortHeader;
    return error;
  }
  error.declared = FrameLength(bytes.data);
  error.actual = bytes.size - kFrameHeader;
  if (error.declared > kMaxFrameBody) {
    error.fault = Fault::kFrameTooLarge;
  } else if (error.actual < error.declared) {
    error.fault = Fault::kFrameTruncated;
  } else {
    const std::uint8_t* body = bytes.data + kFrameHeader;
    reader.cursor = {body, body + error.declared};
    ReadBody(&reader, frame);
  }
  return error;
}

}  // namespace wire
