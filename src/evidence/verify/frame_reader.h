// SPDX-License-Identifier: Apache-2.0
// The raw frames of claimed leaves (evidence.md §1): u64 LE leaf index, u32 LE length, the frame with its header.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "evidence/verify/run_files.h"
#include "wire/telemetry_frame.h"

namespace evidence {

// What may be missing at the end of the file.
enum class FrameEnd : std::uint8_t { kComplete, kMayBeCut };

class FrameReader {
 public:
  // `file` may be null: there is none. It outlives the reader.
  FrameReader(const FileView* file, FrameEnd end) : file_(file), end_(end) {}

  // The frame of claimed leaf `index` must come next and have this SHA-256 (hex). kInvalid says what is wrong. The frame
  // with its header, valid until the next call; empty when it is missing where it may be.
  base::Result<std::string_view> Expect(std::uint64_t index, std::string_view frame_sha256);
  // All claimed leaves below `proven` were expected: nothing of them is left, and of others only where frames may be
  // cut.
  base::Result<> Finish(std::uint64_t proven);

  std::uint64_t found() const { return found_; }
  std::uint64_t missing() const { return missing_; }

 private:
  struct Entry {
    std::uint64_t index = 0, offset = 0, length = 0;
    bool whole = false;  // all of it is in the file
  };
  // The entry at `position_`; `length` 0 and not whole when even its head is torn.
  base::Result<Entry> TakeEntry();
  base::Result<std::string_view> ReadFrame(const Entry& entry);

  const FileView* const file_;
  const FrameEnd end_;
  std::uint64_t position_ = 0;
  std::uint64_t found_ = 0, missing_ = 0;
  std::array<char, wire::kFrameHeader + wire::kMaxFrameBody> frame_;
};

}  // namespace evidence
