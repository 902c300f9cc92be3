// SPDX-License-Identifier: Apache-2.0
// Decodes HPACK header blocks (nghttp2's inflater) and, beside it, keeps how each field was coded and a form of the
// block that needs no dynamic table. RFC 7541.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct nghttp2_hd_inflater;

namespace gate::l7 {

inline constexpr std::size_t kMaxHeaderBlock = 64 << 10;   // coded
inline constexpr std::size_t kMaxHeaderList = 256 << 10;   // decoded, and as it would be written without the table
inline constexpr std::size_t kMaxHuffmanOutput = 8 << 10;  // of one string
inline constexpr std::size_t kMaxHeaderTable = 64 << 10;

enum class HpackFault : std::uint8_t {
  kNone,
  kMalformedHeaders,
  kInvalidIndex,
  kTableSizeOversized,
  kHuffmanInvalid,
  kOversizedHeaderBlock
};
const char* ToString(HpackFault fault);  // "hpack_invalid_index"

enum class Coding : std::uint8_t { kPlain, kHuffman, kDynamicIndexed };  // of a field's value

class FieldSink {
 public:
  virtual void OnField(std::string_view name, std::string_view value, Coding coding) = 0;

 protected:
  ~FieldSink() = default;
};

struct DecodedBlock {
  // The same fields without a reference to the dynamic table: references are written out as literals, all else is
  // copied byte for byte. Means the same to a decoder whatever its table holds.
  std::string without_table;
  std::optional<std::size_t> smallest_table, last_table;  // size updates at its start
  bool references = false;                                // it refers to the dynamic table
  bool changes = false;                                   // it inserts into it or changes its size
};

class HeaderDecoder {
 public:
  HeaderDecoder();
  ~HeaderDecoder();
  HeaderDecoder(const HeaderDecoder&) = delete;
  HeaderDecoder& operator=(const HeaderDecoder&) = delete;

  // One whole block. After a fault the table is empty and of the initial size, as if the connection began.
  HpackFault Decode(std::span<const std::uint8_t> block, FieldSink* sink, DecodedBlock* out);

 private:
  struct Step;
  void Restart();
  HpackFault Run(std::span<const std::uint8_t> block, FieldSink* sink, DecodedBlock* out);
  HpackFault Inflate(std::span<const std::uint8_t> bytes, const Step& step, FieldSink* sink, DecodedBlock* out);
  std::size_t Entries() const;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::size_t listed_ = 0;  // bytes of fields of this block
};

// A table size update as bytes of a block.
std::string EncodeTableSize(std::size_t size);

}  // namespace gate::l7
