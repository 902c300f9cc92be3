// SPDX-License-Identifier: Apache-2.0
// HPACK: the form of each representation is read here, its meaning by nghttp2.
#include "gate/l7/hpack.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace gate::l7 {

namespace {

using Bytes = std::span<const std::uint8_t>;
constexpr std::size_t kStaticEntries = 61;

// RFC 7541 §5.1. nullopt: cut, or beyond 32 bits.
std::optional<std::uint64_t> ReadInteger(Bytes block, std::size_t* position, unsigned prefix_bits) {
  if (*position >= block.size()) return std::nullopt;
  const std::uint64_t mask = (1u << prefix_bits) - 1;
  std::uint64_t value = block[(*position)++] & mask;
  if (value < mask) return value;
  for (unsigned shift = 0; shift <= 28; shift += 7) {
    if (*position >= block.size()) return std::nullopt;
    const std::uint8_t byte = block[(*position)++];
    value += std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return value <= 0xffffffff ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

void AppendInteger(std::string* out, std::uint8_t first, unsigned prefix_bits, std::size_t value) {
  const std::size_t mask = (1u << prefix_bits) - 1;
  if (value < mask) {
    out->push_back(static_cast<char>(first | value));
    return;
  }
  out->push_back(static_cast<char>(first | mask));
  for (value -= mask; value >= 128; value /= 128) out->push_back(static_cast<char>(0x80 | (value % 128)));
  out->push_back(static_cast<char>(value));
}

void AppendString(std::string* out, std::string_view text) {
  AppendInteger(out, 0, 7, text.size());
  out->append(text);
}

}  // namespace

// One representation: where it ends and what it is.
struct HeaderDecoder::Step {
  enum class Kind : std::uint8_t { kIndexed, kInserting, kPlain, kNeverIndexed, kTableSize };
  Kind kind = Kind::kIndexed;
  std::uint64_t index = 0;  // or the new table size
  bool huffman_name = false, huffman_value = false;
  std::size_t end = 0;
  bool dynamic() const { return kind != Kind::kTableSize && index > kStaticEntries; }
};

namespace {

HpackFault ReadString(Bytes block, std::size_t* position, bool* huffman) {
  if (*position >= block.size()) return HpackFault::kMalformedHeaders;
  *huffman = (block[*position] & 0x80) != 0;
  const auto size = ReadInteger(block, position, 7);
  if (!size || *size > block.size() - *position) return HpackFault::kMalformedHeaders;
  *position += *size;
  return HpackFault::kNone;
}

template <typename Step>
HpackFault ReadStep(Bytes block, std::size_t position, std::size_t entries, Step* step) {
  using Kind = typename Step::Kind;
  const std::uint8_t first = block[position];
  unsigned prefix = 4;
  step->kind = (first & 0xf0) == 0x10 ? Kind::kNeverIndexed : Kind::kPlain;
  if ((first & 0xe0) == 0x20) step->kind = Kind::kTableSize, prefix = 5;
  if ((first & 0xc0) == 0x40) step->kind = Kind::kInserting, prefix = 6;
  if ((first & 0x80) == 0x80) step->kind = Kind::kIndexed, prefix = 7;
  const auto number = ReadInteger(block, &position, prefix);
  if (!number) return HpackFault::kMalformedHeaders;
  step->index = *number;
  step->end = position;
  if (step->kind == Kind::kTableSize) {
    return step->index > kMaxHeaderTable ? HpackFault::kTableSizeOversized : HpackFault::kNone;
  }
  if (step->index > entries || (step->index == 0 && step->kind == Kind::kIndexed)) return HpackFault::kInvalidIndex;
  if (step->kind == Kind::kIndexed) return HpackFault::kNone;
  HpackFault fault = HpackFault::kNone;
  if (step->index == 0) fault = ReadString(block, &position, &step->huffman_name);
  if (fault == HpackFault::kNone) fault = ReadString(block, &position, &step->huffman_value);
  step->end = position;
  return fault;
}

}  // namespace

const char* ToString(HpackFault fault) {
  switch (fault) {
    case HpackFault::kNone:
      return "none";
    case HpackFault::kMalformedHeaders:
      return "malformed_headers";
    case HpackFault::kInvalidIndex:
      return "hpack_invalid_index";
    case HpackFault::kTableSizeOversized:
      return "hpack_table_size_oversized";
    case HpackFault::kHuffmanInvalid:
      return "huffman_invalid";
    case HpackFault::kOversizedHeaderBlock:
      return "hpack_oversized_header_block";
  }
  return "none";
}

std::string EncodeTableSize(std::size_t size) {
  std::string bytes;
  AppendInteger(&bytes, 0x20, 5, size);
  return bytes;
}

HeaderDecoder::HeaderDecoder() { Restart(); }
HeaderDecoder::~HeaderDecoder() { nghttp2_hd_inflate_del(inflater_); }

void HeaderDecoder::Restart() {
  if (inflater_ != nullptr) nghttp2_hd_inflate_del(inflater_);
  inflater_ = nullptr;
  if (nghttp2_hd_inflate_new(&inflater_) != 0) {
    inflater_ = nullptr;
    return;
  }
  // Only a bound: the table stays at its initial 4,096 bytes until the client's own size update.
  nghttp2_hd_inflate_change_table_size(inflater_, kMaxHeaderTable);
}

std::size_t HeaderDecoder::Entries() const { return nghttp2_hd_inflate_get_num_table_entries(inflater_); }

HpackFault HeaderDecoder::Decode(Bytes block, FieldSink* sink, DecodedBlock* out) {
  if (inflater_ == nullptr) Restart();
  if (inflater_ == nullptr) return HpackFault::kMalformedHeaders;
  listed_ = 0;
  const HpackFault fault = block.size() > kMaxHeaderBlock ? HpackFault::kOversizedHeaderBlock : Run(block, sink, out);
  if (fault != HpackFault::kNone) Restart();
  return fault;
}

HpackFault HeaderDecoder::Run(Bytes block, FieldSink* sink, DecodedBlock* out) {
  for (std::size_t position = 0; position < block.size();) {
    Step step;
    if (const HpackFault fault = ReadStep(block, position, Entries(), &step); fault != HpackFault::kNone) return fault;
    const Bytes bytes = block.subspan(position, step.end - position);
    if (const HpackFault fault = Inflate(bytes, step, sink, out); fault != HpackFault::kNone) return fault;
    if (out->without_table.size() > kMaxHeaderList || listed_ > kMaxHeaderList)
      return HpackFault::kOversizedHeaderBlock;
    position = step.end;
  }
  nghttp2_nv field;
  int flags = 0;
  if (nghttp2_hd_inflate_hd2(inflater_, &field, &flags, nullptr, 0, 1) < 0) return HpackFault::kMalformedHeaders;
  nghttp2_hd_inflate_end_headers(inflater_);
  return HpackFault::kNone;
}

HpackFault HeaderDecoder::Inflate(Bytes bytes, const Step& step, FieldSink* sink, DecodedBlock* out) {
  const std::string_view coded(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  nghttp2_nv field = {};
  int flags = 0;
  for (Bytes left = bytes; !left.empty() && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0;) {
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, left.data(), left.size(), 0);
    const bool huffman = step.huffman_name || step.huffman_value;
    if (used < 0) return huffman ? HpackFault::kHuffmanInvalid : HpackFault::kMalformedHeaders;
    left = left.subspan(static_cast<std::size_t>(used));
    if (used == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return HpackFault::kMalformedHeaders;
  }
  if (step.kind == Step::Kind::kTableSize) {
    out->smallest_table = std::min<std::size_t>(out->smallest_table.value_or(step.index), step.index);
    out->last_table = step.index;
    out->changes = true;
    out->without_table.append(coded);
    return HpackFault::kNone;
  }
  if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return HpackFault::kMalformedHeaders;
  const std::string_view name(reinterpret_cast<const char*>(field.name), field.namelen);
  const std::string_view value(reinterpret_cast<const char*>(field.value), field.valuelen);
  if ((step.huffman_name && name.size() > kMaxHuffmanOutput) ||
      (step.huffman_value && value.size() > kMaxHuffmanOutput)) {
    return HpackFault::kHuffmanInvalid;
  }
  listed_ += name.size() + value.size() + 32;
  if (step.dynamic()) {
    out->references = true;
    out->without_table.push_back(step.kind == Step::Kind::kNeverIndexed ? 0x10 : 0);
    AppendString(&out->without_table, name);
    AppendString(&out->without_table, value);
  } else {
    out->without_table.append(coded);
  }
  out->changes = out->changes || step.kind == Step::Kind::kInserting;
  const bool whole_entry = step.kind == Step::Kind::kIndexed && step.dynamic();
  const Coding coding = whole_entry ? Coding::kDynamicIndexed : step.huffman_value ? Coding::kHuffman : Coding::kPlain;
  sink->OnField(name, value, coding);
  return HpackFault::kNone;
}

}  // namespace gate::l7
