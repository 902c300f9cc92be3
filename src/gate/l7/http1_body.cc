// SPDX-License-Identifier: Apache-2.0
// Ends of HTTP/1 bodies: by length, or chunk by chunk.
#include <algorithm>

#include "gate/l7/http1.h"

namespace gate::l7 {

namespace {

constexpr unsigned kMaxSizeDigits = 15;
constexpr std::size_t kMaxSizeLine = 256;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void BodyTracker::Start(BodyForm form, std::uint64_t length) {
  *this = {};
  if (form == BodyForm::kLength && length > 0) {
    part_ = Part::kData;
    left_ = length;
  }
  if (form == BodyForm::kChunked) part_ = Part::kSize;
}

std::uint64_t BodyTracker::Opaque() const { return part_ == Part::kData || part_ == Part::kChunk ? left_ : 0; }

BodyTracker::State BodyTracker::Skip(std::uint64_t bytes) {
  left_ -= std::min(bytes, left_);
  if (left_ == 0 && part_ == Part::kData) part_ = Part::kEnd;
  if (left_ == 0 && part_ == Part::kChunk) part_ = Part::kChunkCr;
  return part_ == Part::kEnd ? State::kDone : State::kMore;
}

BodyTracker::State BodyTracker::Feed(std::string_view bytes, std::size_t* used) {
  *used = 0;
  while (part_ != Part::kEnd && *used < bytes.size()) {
    if (const std::uint64_t opaque = Opaque(); opaque > 0) {
      const std::uint64_t taken = std::min<std::uint64_t>(opaque, bytes.size() - *used);
      *used += taken;
      Skip(taken);
      continue;
    }
    if (Byte(bytes[*used]) == State::kFault) return State::kFault;
    ++*used;
  }
  return part_ == Part::kEnd ? State::kDone : State::kMore;
}

// Size lines: 1 to 15 hexadecimal digits, an extension of visible bytes, CR LF.
BodyTracker::State BodyTracker::Byte(char c) {
  switch (part_) {
    case Part::kSize:
      if (const int digit = HexDigit(c); digit >= 0) {
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        return ++digits_ > kMaxSizeDigits ? State::kFault : State::kMore;
      }
      if (digits_ == 0 || (c != '\r' && c != ';')) return State::kFault;
      part_ = c == '\r' ? Part::kSizeEnd : Part::kSizeExtension;
      return State::kMore;
    case Part::kSizeExtension:
      if (c == '\r') part_ = Part::kSizeEnd;
      return (c == '\r' || (c >= 0x20 && c <= 0x7e)) && ++line_ < kMaxSizeLine ? State::kMore : State::kFault;
    case Part::kSizeEnd:
      part_ = left_ == 0 ? Part::kTrailer : Part::kChunk;
      digits_ = 0;
      line_ = 0;
      return c == '\n' ? State::kMore : State::kFault;
    case Part::kChunkCr:
      part_ = Part::kChunkLf;
      return c == '\r' ? State::kMore : State::kFault;
    case Part::kChunkLf:
      part_ = Part::kSize;
      return c == '\n' ? State::kMore : State::kFault;
    case Part::kTrailer:
      return TrailerByte(c);
    default:
      return State::kFault;
  }
}

BodyTracker::State BodyTracker::TrailerByte(char c) {
  if (++trailers_ > kMaxHead) return State::kFault;
  const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t';
  if (last_ == '\r') {
    if (c != '\n') return State::kFault;
    if (line_ == 0) part_ = Part::kEnd;
    line_ = 0;
  } else if (c != '\r') {
    if (control || c == 0x7f || (line_ == 0 && (c == ' ' || c == '\t'))) return State::kFault;
    ++line_;
  }
  last_ = c;
  return State::kMore;
}

}  // namespace gate::l7
