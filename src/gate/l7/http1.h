// SPDX-License-Identifier: Apache-2.0
// Heads of HTTP/1 requests and the ends of their bodies, so strictly that two readers can't differ. RFC 9110, RFC 9112.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gate::l7 {

inline constexpr std::size_t kMaxHead = 8192;  // with its empty line

enum class HeadFault : std::uint8_t {
  kNone,
  kHeaderTooLong,
  kMalformedRequest,
  kBadByte,
  kNoHttpVersion,
  kDuplicateHost,
  kHostMismatch
};
const char* ToString(HeadFault fault);  // "bad_byte"

enum class BodyForm : std::uint8_t { kNone, kLength, kChunked };

struct RequestHead {
  std::string_view method, target;  // views into the head
  bool has_host = false;
  std::string host;  // of the Host field: port and one trailing dot cut, lower-case; any bytes
  BodyForm body = BodyForm::kNone;
  std::uint64_t length = 0;
  const char* irregular = nullptr;  // why it is refused though it can be read; null: nothing
};

// How many bytes the head at the start of `bytes` has, with its empty line; 0: not whole yet; npos: it never can be
// (kHeaderTooLong, or a line end that is not CR LF). `scanned`: bytes already known to hold no end; updated.
std::size_t HeadSize(std::string_view bytes, std::size_t* scanned, HeadFault* fault);
// `head` is whole. With kDuplicateHost and kHostMismatch the other members are filled too. Refused as irregular: what
// is not HTTP/1.0 or 1.1, no origin- or absolute-form target, CONNECT, Upgrade, names that are no token, folded lines,
// bytes that no value may have, lengths that two readers could read differently, and Connection naming what frames a
// message.
HeadFault ParseHead(std::string_view head, RequestHead* out);

// Follows one body to its end.
class BodyTracker {
 public:
  enum class State : std::uint8_t { kMore, kDone, kFault };
  void Start(BodyForm form, std::uint64_t length);
  // Takes bytes of the body; `*used` says how many belong to it.
  State Feed(std::string_view bytes, std::size_t* used);
  // Bytes that follow whatever they are, e.g. the rest of a chunk; Skip takes them as seen.
  std::uint64_t Opaque() const;
  State Skip(std::uint64_t bytes);

 private:
  enum class Part : std::uint8_t { kData, kSize, kSizeExtension, kSizeEnd, kChunk, kChunkCr, kChunkLf, kTrailer, kEnd };
  State Byte(char c);
  State TrailerByte(char c);
  Part part_ = Part::kEnd;
  std::uint64_t left_ = 0;
  unsigned digits_ = 0;
  std::size_t line_ = 0, trailers_ = 0;  // bytes of this size line or trailer line; of all trailers
  char last_ = 0;
};

}  // namespace gate::l7
