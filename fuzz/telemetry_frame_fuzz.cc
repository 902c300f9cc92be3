// SPDX-License-Identifier: Apache-2.0
// Telemetry frames: both decoders say of any bytes what a decoder over libcbor's stream of items says, a stream gives
// the same bodies wherever it is cut, and what is encoded is decoded again.
#include <cbor.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/telemetry_frame.h"
#include "wire/telemetry_frame_strict.h"

namespace {

using Fault = wire::HostFrameFault;
using wire::StrictFault;

void Demand(bool holds) {
  if (!holds) abort();
}

struct Item {
  enum class Kind : std::uint8_t { kNatural, kNegative, kBytes, kText, kArray, kMap, kTag, kOther, kIndefinite, kBreak };
  Kind kind = Kind::kOther;
  bool reserved = false;     // a simple value below 32 in two bytes
  std::uint64_t number = 0;  // a natural number, a count
  std::string_view text = {};
};
using Kind = Item::Kind;

template <Kind kKind, typename... Payload>
void Set(void* item, Payload... payload) {
  auto& set = *static_cast<Item*>(item);
  set.kind = kKind;
  if constexpr (sizeof...(Payload) == 1 && (kKind == Kind::kNatural || kKind == Kind::kArray || kKind == Kind::kMap)) {
    ((set.number = payload), ...);
  }
}
template <Kind kKind>
void SetString(void* item, cbor_data data, std::size_t size) {
  static_cast<Item*>(item)->kind = kKind;
  static_cast<Item*>(item)->text = {reinterpret_cast<const char*>(data), size};
}

const cbor_callbacks kCallbacks = {
    .uint8 = Set<Kind::kNatural, std::uint8_t>,
    .uint16 = Set<Kind::kNatural, std::uint16_t>,
    .uint32 = Set<Kind::kNatural, std::uint32_t>,
    .uint64 = Set<Kind::kNatural, std::uint64_t>,
    .negint64 = Set<Kind::kNegative, std::uint64_t>,
    .negint32 = Set<Kind::kNegative, std::uint32_t>,
    .negint16 = Set<Kind::kNegative, std::uint16_t>,
    .negint8 = Set<Kind::kNegative, std::uint8_t>,
    .byte_string_start = Set<Kind::kIndefinite>,
    .byte_string = SetString<Kind::kBytes>,
    .string = SetString<Kind::kText>,
    .string_start = Set<Kind::kIndefinite>,
    .indef_array_start = Set<Kind::kIndefinite>,
    .array_start = Set<Kind::kArray, std::size_t>,
    .indef_map_start = Set<Kind::kIndefinite>,
    .map_start = Set<Kind::kMap, std::size_t>,
    .tag = Set<Kind::kTag, std::uint64_t>,
    .float2 = Set<Kind::kOther, float>,
    .float4 = Set<Kind::kOther, float>,
    .float8 = Set<Kind::kOther, double>,
    .undefined = Set<Kind::kOther>,
    .null = Set<Kind::kOther>,
    .boolean = Set<Kind::kOther, bool>,
    .indef_break = Set<Kind::kBreak>,
};

// libcbor loads no text that is not UTF-8.
bool IsUtf8(std::string_view text) {
  std::vector<std::uint8_t> bytes(9);
  bytes.resize(cbor_encode_string_start(text.size(), bytes.data(), bytes.size()));
  bytes.insert(bytes.end(), text.begin(), text.end());
  cbor_load_result result;
  cbor_item_t* item = cbor_load(bytes.data(), bytes.size(), &result);
  if (item == nullptr) return false;
  cbor_decref(&item);
  return true;
}

enum class Read : std::uint8_t {
  kItem,
  kMore,      // there is less than an item; of a string whose head is there as well, so it may be of a wrong type first
  kReserved,  // additional information 28 to 31 that means nothing
};

class Items {
 public:
  explicit Items(std::string_view bytes) : left_(bytes) {}
  std::size_t left() const { return left_.size(); }
  Read Next(Item* item) {
    *item = {};
    const auto result =
        cbor_stream_decode(reinterpret_cast<cbor_data>(left_.data()), left_.size(), &kCallbacks, item);
    if (result.status == CBOR_DECODER_NEDATA || left_.empty()) return Read::kMore;
    if (result.status != CBOR_DECODER_FINISHED) return UnknownToLibcbor(item);
    left_.remove_prefix(result.read);
    return Read::kItem;
  }

 private:
  // It has no notion of the tags 6 to 20 and of simple values without a meaning.
  Read UnknownToLibcbor(Item* item) {
    const auto first = static_cast<std::uint8_t>(left_[0]);
    if ((first & 31) >= 28) return Read::kReserved;
    item->kind = first >> 5 == 6 ? Kind::kTag : Kind::kOther;
    const std::size_t size = first == 0xf8 ? 2 : 1;
    if (left_.size() < size) return Read::kMore;
    item->reserved = first == 0xf8 && static_cast<std::uint8_t>(left_[1]) < 32;
    left_.remove_prefix(size);
    return Read::kItem;
  }

  std::string_view left_;
};

constexpr std::string_view kKeys[] = {"content_version", "probe_source", "guest_pid", "guest_comm",
                                      "guest_monotonic_ns"};
std::size_t KeyIndex(std::string_view key) {
  return static_cast<std::size_t>(std::ranges::find(kKeys, key) - std::begin(kKeys));
}

struct Values {
  std::uint64_t version = 0, pid = 0, monotonic_ns = 0;
  std::string_view source, comm;
};

// What the host's decoder has to say. kCount: the body ends too early, or is otherwise malformed before that.
class HostOracle {
 public:
  HostOracle(std::string_view body, bool ours) : items_(body), ours_(ours) {}
  Values values;

  Fault Judge() {
    Item map;
    if (const Fault fault = Next(&map); fault != Fault::kNone) return fault;
    if (map.kind != Kind::kMap) return Fault::kWireNotMap;
    unsigned seen = 0;
    for (std::uint64_t i = 0; i < map.number; ++i) {
      Item key;
      if (const Fault fault = Next(&key); fault != Fault::kNone) return fault;
      if (key.kind != Kind::kText) return Fault::kWireKeyType;
      if (!IsUtf8(key.text)) return Fault::kWireUtf8;
      const std::size_t index = KeyIndex(key.text);
      if (index < 5 && (seen >> index & 1) != 0) return Fault::kWireDuplicateKey;
      seen |= 1u << index;
      if (const Fault fault = index < 5 ? Value(index) : Skip(); fault != Fault::kNone) return fault;
    }
    if ((seen & 31) != 31) return Fault::kWireMissingKey;
    return values.version < 256 ? Fault::kNone : Fault::kUnsupportedVersion;
  }

 private:
  Fault Next(Item* item) {
    switch (items_.Next(item)) {
      case Read::kMore: return Fault::kCount;
      case Read::kReserved: return Fault::kWireReserved;
      case Read::kItem: break;
    }
    if (item->kind == Kind::kBreak || item->reserved) return Fault::kWireReserved;
    if (item->kind == Kind::kTag) return Fault::kTagged;
    return item->kind == Kind::kIndefinite ? Fault::kIndefiniteLength : Fault::kNone;
  }

  Fault Value(std::size_t index) {
    Item item;
    if (const Fault fault = Next(&item); fault != Fault::kNone) return fault;
    const bool text = index == 1 || index == 3;
    if (item.kind != (text ? Kind::kText : Kind::kNatural)) return Fault::kWireType;
    if (text && !IsUtf8(item.text)) return Fault::kWireUtf8;
    if (index == 0) values.version = item.number;
    if (index == 1) values.source = item.text;
    if (index == 2) values.pid = item.number;
    if (index == 3) values.comm = item.text;
    if (index == 4) values.monotonic_ns = item.number;
    if (index == 0 && item.number > 0xffff) return Fault::kWireRange;
    if (index == 2 && item.number > 0xffffffff) return Fault::kWireRange;
    if (index == 3 && item.text.size() > wire::kMaxGuestComm) return Fault::kGuestCommTooLong;
    if (index != 1) return Fault::kNone;
    for (unsigned i = 0; i < (ours_ ? 8u : 5u); ++i) {
      if (item.text == wire::ProbeSourceText(static_cast<wire::ProbeSource>(i))) return Fault::kNone;
    }
    return Fault::kUnknownProbeSource;
  }

  Fault Skip() {
    Item item;
    if (const Fault fault = Next(&item); fault != Fault::kNone) return fault;
    if (item.kind == Kind::kText && !IsUtf8(item.text)) return Fault::kWireUtf8;
    const std::uint64_t each = item.kind == Kind::kArray ? 1 : item.kind == Kind::kMap ? 2 : 0;
    if (each != 0 && item.number > items_.left() / each) return Fault::kWireTruncated;
    for (std::uint64_t i = 0; i < item.number * each; ++i) {
      if (const Fault fault = Skip(); fault != Fault::kNone) return fault;
    }
    return Fault::kNone;
  }

  Items items_;
  bool ours_;
};

void TryHost(std::string_view body, bool ours) {
  wire::TelemetryFrame frame;
  std::uint16_t version = 0xffff;
  const auto* data = reinterpret_cast<const std::uint8_t*>(body.data());
  const Fault fault = wire::DecodeHostFrame(data, body.size(), ours, &frame, &version);
  if (body.empty() || body.size() > wire::kMaxFrameBody) {
    return Demand(fault == (body.empty() ? Fault::kZeroLength : Fault::kOversized));
  }
  HostOracle oracle(body, ours);
  const Fault expected = oracle.Judge();
  Demand(expected == Fault::kCount ? wire::IsMalformedBody(fault) : fault == expected);
  if (fault == Fault::kNone || fault == Fault::kUnsupportedVersion) Demand(version == oracle.values.version);
  if (fault != Fault::kNone) return;
  Demand(wire::ProbeSourceText(frame.source) == oracle.values.source && frame.guest_pid == oracle.values.pid);
  Demand(frame.guest_monotonic_ns == oracle.values.monotonic_ns);
  Demand(std::string_view(frame.comm, frame.comm_size) == oracle.values.comm);

  std::uint8_t out[wire::kMaxEmittedFrame];
  const std::size_t size = wire::EncodeTelemetryFrame(frame, out, sizeof out);
  Demand(size > wire::kFrameHeader && size - wire::kFrameHeader == wire::FrameLength(out));
  wire::TelemetryFrame again;
  Demand(wire::DecodeHostFrame(out + wire::kFrameHeader, wire::FrameLength(out), ours, &again) == Fault::kNone);
  Demand(again.source == frame.source && again.guest_pid == frame.guest_pid && again.comm_size == frame.comm_size);
  Demand(again.guest_monotonic_ns == frame.guest_monotonic_ns &&
         memcmp(again.comm, frame.comm, frame.comm_size) == 0);
}

// What the strict decoder has to say of a body. kCount: the end of the body, or a wrong type before it.
StrictFault StrictVerdict(std::string_view body, Values* values) {
  Items items(body);
  Item item;
  const auto next = [&] {
    const Read read = items.Next(&item);
    if (read == Read::kMore) return StrictFault::kCount;
    const bool no_argument = item.kind == Kind::kIndefinite || item.kind == Kind::kBreak;
    return read == Read::kReserved || no_argument ? StrictFault::kUnsupportedAdditional : StrictFault::kNone;
  };
  if (const StrictFault fault = next(); fault != StrictFault::kNone) return fault;
  if (item.kind != Kind::kMap || item.number != 5) return StrictFault::kNotMap5;
  unsigned seen = 0;
  for (unsigned i = 0; i < 5; ++i) {
    if (const StrictFault fault = next(); fault != StrictFault::kNone) return fault;
    if (item.kind != Kind::kText) return StrictFault::kFieldType;
    if (!IsUtf8(item.text)) return StrictFault::kInvalidUtf8;
    const std::size_t index = KeyIndex(item.text);
    if (i == 0 && index != 0) return StrictFault::kContentVersionMustBeFirst;
    if (index == 5 || (seen >> index & 1) != 0) return StrictFault::kMissingField;
    seen |= 1u << index;
    if (const StrictFault fault = next(); fault != StrictFault::kNone) return fault;
    const bool text = index == 1 || index == 3;
    if (item.kind != (text ? Kind::kText : Kind::kNatural)) return StrictFault::kFieldType;
    if (text && !IsUtf8(item.text)) return StrictFault::kInvalidUtf8;
    const std::uint64_t most = index == 0 ? 0xffff : index == 2 ? 0xffffffff : ~std::uint64_t{0};
    if (!text && item.number > most) return StrictFault::kIntegerOverflow;
    if (index == 0 && item.number != 1) return StrictFault::kUnsupportedContentVersion;
    if (index == 1) values->source = item.text;
    if (index == 2) values->pid = item.number;
    if (index == 3) values->comm = item.text;
    if (index == 4) values->monotonic_ns = item.number;
  }
  const auto known = [&](unsigned i) { return values->source == wire::ProbeSourceText(static_cast<wire::ProbeSource>(i)); };
  for (unsigned i = 0; i < 5; ++i) {
    if (known(i)) return StrictFault::kNone;
  }
  return StrictFault::kUnknownProbeSource;
}

void TryStrict(std::string_view body) {
  std::vector<std::uint8_t> bytes;
  for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(body.size() >> (8 * i)));
  bytes.insert(bytes.end(), body.begin(), body.end());
  wire::StrictFrame frame;
  const wire::StrictError error = wire::DecodeStrictFrame({bytes.data(), bytes.size()}, &frame);
  if (body.size() > wire::kMaxFrameBody) return Demand(error.fault == StrictFault::kFrameTooLarge);
  Values values;
  const StrictFault expected = StrictVerdict(body, &values);
  if (expected == StrictFault::kCount) {
    return Demand(error.fault == StrictFault::kUnexpectedEof || error.fault == StrictFault::kFieldType ||
                  error.fault == StrictFault::kNotMap5);
  }
  Demand(error.fault == expected);
  if (expected != StrictFault::kNone) return;
  const std::string_view comm = {reinterpret_cast<const char*>(frame.comm.data), frame.comm.size};
  Demand(comm == values.comm && frame.guest_pid == values.pid && frame.guest_monotonic_ns == values.monotonic_ns);
  Demand(wire::ProbeSourceText(frame.source) == values.source);
}

// Every body and how the stream ended, as text; `piece` bytes at a time.
std::string Cut(std::string_view stream, std::size_t piece) {
  std::string told;
  wire::FrameReader reader;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const std::vector<std::uint8_t> part(stream.begin() + static_cast<std::ptrdiff_t>(at),
                                         stream.begin() +
                                             static_cast<std::ptrdiff_t>(std::min(stream.size(), at + piece)));
    const std::uint8_t* given = part.data();
    std::size_t left = part.size();
    for (;;) {
      const auto step = reader.Next(&given, &left);
      Demand(given + left == part.data() + part.size());
      if (step.kind != wire::FrameReader::Kind::kFrame) break;
      Demand(wire::FrameLength(step.body - wire::kFrameHeader) == step.length);
      told.append(reinterpret_cast<const char*>(step.body), step.length).push_back('\n');
    }
    Demand(left == 0);
  }
  return told + wire::HostFrameFaultText(reader.AtEnd());
}

void TrySanitize(std::string_view text) {
  wire::TelemetryFrame frame;
  wire::SanitizeComm(text.data(), text.size(), &frame);
  const std::string_view comm = {frame.comm, frame.comm_size};
  Demand(comm.size() == std::min(text.size(), wire::kMaxGuestComm) && IsUtf8(comm));
  if (IsUtf8(text.substr(0, comm.size()))) Demand(comm == text.substr(0, comm.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > (64u << 10)) return 0;
  const std::string_view bytes = {reinterpret_cast<const char*>(data), size};
  TryHost(bytes, false);
  TryHost(bytes, true);
  TryStrict(bytes);
  TrySanitize(bytes);
  const std::string whole = Cut(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{size == 0 ? 1u : 1u + data[0]}}) {
    Demand(Cut(bytes, piece) == whole);
  }
  return 0;
}
