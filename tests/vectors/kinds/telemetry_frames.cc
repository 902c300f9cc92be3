// SPDX-License-Identifier: Apache-2.0
// Records of kind telemetry_frames: one frame for the strict decoder, the same bytes as a stream for the host's, and
// fields to encode. Where a stream is cut must not matter: every record is read whole and byte by byte.
#include <algorithm>
#include <string>
#include <vector>

#include "json/writer.h"
#include "vectors/kind.h"
#include "vectors/kinds.h"
#include "wire/telemetry_frame.h"
#include "wire/telemetry_frame_strict.h"

namespace vectors {
namespace {

std::string_view Text(wire::Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }

void WriteEvent(json::Writer& out, std::string_view source, std::uint32_t pid, std::string_view comm,
                std::uint64_t monotonic_ns) {
  out.Key("event").BeginObject().Member("guest_comm", comm).Member("guest_monotonic_ns", monotonic_ns);
  out.Member("guest_pid", std::uint64_t{pid}).Member("probe_source", source).EndObject();
  out.Member("ok", true);
}

// The records call both keys `key`, and leave out the name of a foreign one.
void WriteField(json::Writer& out, wire::StrictField field) {
  out.Key("field");
  if (field == wire::StrictField::kUnknownKey) {
    out.Null();
  } else {
    const bool key = field == wire::StrictField::kFirstKey || field == wire::StrictField::kKey;
    out.String(key ? "key" : wire::StrictFieldText(field));
  }
}

std::string_view StrictClass(const wire::StrictError& error) {
  if (error.fault != wire::StrictFault::kMissingField) return wire::StrictFaultText(error.fault);
  return error.field == wire::StrictField::kUnknownKey ? "unknown_key" : "missing_or_duplicate_field";
}

void WriteStrict(json::Writer& out, const base::Bytes& bytes) {
  wire::StrictFrame frame;
  const wire::StrictError error = wire::DecodeStrictFrame({bytes.data(), bytes.size()}, &frame);
  out.Key("strict").BeginObject();
  switch (error.fault) {
    case wire::StrictFault::kNone:
      WriteEvent(out, wire::ProbeSourceText(frame.source), frame.guest_pid, Text(frame.comm), frame.guest_monotonic_ns);
      out.EndObject();
      return;
    case wire::StrictFault::kShortHeader: out.Member("got", std::uint64_t{error.actual}); break;
    case wire::StrictFault::kFrameTooLarge: out.Member("length", std::uint64_t{error.declared}); break;
    case wire::StrictFault::kFrameTruncated:
      out.Member("declared", std::uint64_t{error.declared}).Member("actual", std::uint64_t{error.actual});
      break;
    case wire::StrictFault::kUnsupportedContentVersion: out.Member("version", std::uint64_t{error.version}); break;
    case wire::StrictFault::kFieldType:
      WriteField(out, error.field);
      out.Member("got_major", std::uint64_t{error.major});
      break;
    case wire::StrictFault::kIntegerOverflow:
    case wire::StrictFault::kMissingField:
    case wire::StrictFault::kInvalidUtf8: WriteField(out, error.field); break;
    case wire::StrictFault::kUnknownProbeSource: out.Member("value", Text(error.text)); break;
    case wire::StrictFault::kUnsupportedAdditional: out.Member("additional", std::uint64_t{error.additional}); break;
    default: break;
  }
  out.Member("error", StrictClass(error)).Member("ok", false).EndObject();
}

std::string_view HostClass(wire::HostFrameFault fault) {
  if (wire::IsMalformedBody(fault)) return "malformed_body";
  const bool length = fault == wire::HostFrameFault::kZeroLength || fault == wire::HostFrameFault::kOversized;
  return length ? "frame_length_out_of_bounds" : wire::HostFrameFaultText(fault);
}

void WriteRefused(json::Writer& out, wire::HostFrameFault fault) {
  out.BeginObject().Member("error", HostClass(fault)).Member("ok", false).EndObject();
}

void WriteBody(json::Writer& out, const wire::FrameReader::Step& step) {
  wire::TelemetryFrame frame;
  const auto fault = wire::DecodeHostFrame(step.body, step.length, false, &frame);
  if (fault != wire::HostFrameFault::kNone) return WriteRefused(out, fault);
  out.BeginObject();
  WriteEvent(out, wire::ProbeSourceText(frame.source), frame.guest_pid, {frame.comm, frame.comm_size},
             frame.guest_monotonic_ns);
  out.EndObject();
}

// The outcomes of a stream that is given in pieces of `piece` bytes.
std::string HostStream(const base::Bytes& bytes, std::size_t piece) {
  using Kind = wire::FrameReader::Kind;
  std::string text;
  json::Writer out(text);
  out.BeginArray();
  wire::FrameReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::uint8_t* given = bytes.data() + at;
    std::size_t left = std::min(piece, bytes.size() - at);
    for (auto step = reader.Next(&given, &left); step.kind == Kind::kFrame; step = reader.Next(&given, &left)) {
      WriteBody(out, step);
    }
  }
  if (const auto fault = reader.AtEnd(); fault != wire::HostFrameFault::kNone) {
    WriteRefused(out, fault);
  } else {
    out.BeginObject().Member("end", true).EndObject();
  }
  out.EndArray();
  return text;
}

Outcome JudgeDecode(const json::Value& record) {
  const auto bytes = HexAt(record, {"input", "hex"});
  if (!bytes) return Failed("no input.hex");
  const std::string stream = HostStream(*bytes, std::max<std::size_t>(bytes->size(), 1));
  if (const std::string cut = HostStream(*bytes, 1); cut != stream) return Mismatch("byte by byte", stream, cut);
  std::string actual;
  json::Writer out(actual);
  out.BeginObject();
  WriteStrict(out, *bytes);
  out.Key("host_stream").Raw(stream).EndObject();
  return Compare(record, actual);
}

Outcome JudgeEncode(const json::Value& record) {
  const auto source = TextAt(record, {"input", "probe_source"});
  const auto comm = TextAt(record, {"input", "guest_comm"});
  const json::Value* pid = At(record, {"input", "guest_pid"});
  const json::Value* monotonic_ns = At(record, {"input", "guest_monotonic_ns"});
  if (!source || !comm || pid == nullptr || monotonic_ns == nullptr) return Failed("a field to encode is missing");
  const auto view = [](std::string_view text) {
    return wire::Bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  };
  base::Bytes frame(wire::kFrameHeader + 2 * wire::kMaxFrameBody);
  frame.resize(wire::EncodeTelemetryFrame(wire::FindProbeSource(view(*source), false),
                                          static_cast<std::uint32_t>(pid->unsigned_integer()), view(*comm),
                                          monotonic_ns->unsigned_integer(), frame.data(), frame.size()));
  std::string actual;
  json::Writer out(actual);
  out.BeginObject().Member("ok", !frame.empty());
  if (frame.empty()) {
    out.Member("error", "frame_too_large");
  } else {
    out.Member("hex", base::HexEncode(frame));
  }
  out.EndObject();
  return Compare(record, actual);
}

}  // namespace

Outcome JudgeTelemetryFrame(const json::Value& record, const Source&) {
  return TextAt(record, {"input", "direction"}) == "encode" ? JudgeEncode(record) : JudgeDecode(record);
}

}  // namespace vectors
