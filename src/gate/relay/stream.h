// SPDX-License-Identifier: Apache-2.0
// One direction of a relayed connection: bytes held for a socket that takes no more now, and moves that copy or splice.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "gate/relay/pipes.h"

namespace gate {

// What a step came to.
enum class Moved : std::uint8_t {
  kSome,          // bytes moved: there may be more
  kSourceEmpty,   // nothing to read now
  kTargetFull,    // nothing can be written now
  kEnd,           // the source ended and everything is written
  kSourceBroken,  // reset, or another error
  kTargetBroken,
};

class Stream {
 public:
  // The last byte was handed to the target, so far.
  bool Drained() const { return at_ == held_.size() && in_pipe_ == 0; }
  bool Ended() const { return ended_; }
  void End() { ended_ = true; }
  // Bytes to write before any that are read later.
  std::string& held() { return held_; }
  std::uint64_t written() const { return written_; }  // to the target, since the begin
  std::uint64_t read() const { return read_; }        // by Step from the source
  void CountRead(std::uint64_t bytes) { read_ += bytes; }

  // The last Step copied less than it could have: nothing more is there, unless an end.
  bool short_read() const { return short_read_; }

  // Writes what is held: kSome when all of it is written.
  Moved Write(int target);
  // Reads at most `most` (> 0) bytes through `scratch` or, for bulk, a pipe, and writes them. Call when Drained.
  Moved Step(int source, int target, std::uint64_t most, std::span<std::uint8_t> scratch, Pipes& pipes);
  // Gives the pipe back; nothing may be moved after.
  void Close(Pipes& pipes);

 private:
  static constexpr std::uint64_t kBulk = 256 << 10;  // beyond, a pipe pays
  static constexpr std::size_t kSpliceBytes = 1 << 20;
  Moved Copy(int source, int target, std::uint64_t most, std::span<std::uint8_t> scratch);
  Moved Splice(int source, int target, std::uint64_t most);

  std::string held_;
  std::size_t at_ = 0;        // first byte of held_ not written
  sys::SplicePipe pipe_;
  std::size_t in_pipe_ = 0;
  std::uint64_t read_ = 0, written_ = 0;
  bool ended_ = false, no_pipe_ = false, short_read_ = false;
};

}  // namespace gate
