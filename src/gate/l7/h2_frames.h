// SPDX-License-Identifier: Apache-2.0
// HTTP/2 frames: their header, and what a header-bearing frame wraps its fragment in. RFC 9113 §4.1, §6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gate::l7 {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAwayFrame = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
inline constexpr std::uint8_t kEndStream = 0x1, kAck = 0x1, kEndHeaders = 0x4, kPadded = 0x8, kPriorityFlag = 0x20;
inline constexpr std::size_t kFrameHeader = 9, kMaxFrame = 16384;

struct FrameHead {
  std::size_t length = 0;
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
};
// The first kFrameHeader bytes of `bytes`.
inline FrameHead ReadFrameHead(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  return {.length = std::size_t{at(0)} << 16 | std::size_t{at(1)} << 8 | at(2),
          .type = at(3),
          .flags = at(4),
          .stream = (std::uint32_t{at(5)} << 24 | std::uint32_t{at(6)} << 16 | std::uint32_t{at(7)} << 8 | at(8)) &
                    0x7fffffff};
}

enum class FragmentFault : std::uint8_t { kNone, kPaddingOverflow, kMalformed };
// The fragment of a HEADERS or CONTINUATION payload, without padding and priority.
inline std::string_view Fragment(const FrameHead& head, std::string_view payload, FragmentFault* fault) {
  *fault = FragmentFault::kNone;
  if (head.type != kHeaders) return payload;
  std::size_t padding = 0;
  if ((head.flags & kPadded) != 0) {
    if (payload.empty()) {
      *fault = FragmentFault::kMalformed;
      return {};
    }
    padding = static_cast<std::uint8_t>(payload.front());
    payload.remove_prefix(1);
  }
  if ((head.flags & kPriorityFlag) != 0) {
    if (payload.size() < 5) {
      *fault = FragmentFault::kMalformed;
      return {};
    }
    payload.remove_prefix(5);
  }
  if (padding > payload.size()) {
    *fault = FragmentFault::kPaddingOverflow;
    return {};
  }
  payload.remove_suffix(padding);
  return payload;
}

// Follows the frames of one direction: where bytes may be put between them.
class FrameWalker {
 public:
  // How many of `bytes` (from the start) bring it to the next place between frames where a frame may be inserted; npos:
  // none of them does. Takes those bytes, or all.
  std::size_t ToBoundary(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size()) {
      if (left_ > 0) {
        const std::size_t taken = left_ < bytes.size() - used ? left_ : bytes.size() - used;
        left_ -= taken;
        used += taken;
      } else {
        head_.push_back(bytes[used++]);
        if (head_.size() < kFrameHeader) continue;
        const FrameHead head = ReadFrameHead(head_);
        left_ = head.length;
        const bool block = head.type == kHeaders || head.type == kPushPromise || head.type == kContinuation;
        if (block) in_block_ = (head.flags & kEndHeaders) == 0;
      }
      if (left_ == 0 && head_.size() == kFrameHeader) {
        head_.clear();
        if (!in_block_) return used;
      }
    }
    return std::string_view::npos;
  }
  bool AtBoundary() const { return left_ == 0 && head_.empty() && !in_block_; }

 private:
  std::string head_;
  std::size_t left_ = 0;
  bool in_block_ = false;
};

}  // namespace gate::l7
