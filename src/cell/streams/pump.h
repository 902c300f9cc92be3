// SPDX-License-Identifier: Apache-2.0
// One direction of a stream between the caller and the cell: bounded buffer, back-pressure, byte for byte.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/unique_fd.h"

namespace cell {

// A descriptor of the caller's, opened anew for us alone where the kernel allows it (pipe, FIFO, terminal), so that
// non-blocking mode never shows on the caller's own open file description. Otherwise a duplicate, on which at most
// PIPE_BUF bytes are written per readiness (pipe(7): such a write doesn't block after POLLOUT).
class CallerEnd {
 public:
  enum class Use : std::uint8_t { kRead, kWrite };
  // fd -1 gives an end that is at end of file (read) or swallows everything (write).
  CallerEnd(int fd, Use use);
  CallerEnd(CallerEnd&&) = default;
  CallerEnd& operator=(CallerEnd&&) = default;

  int fd() const { return fd_.get(); }
  bool is_ours_alone() const { return ours_alone_; }

 private:
  base::UniqueFd fd_;
  bool ours_alone_ = false;
};

// Copies from one descriptor to another. Used by one thread, driven by poll(2).
class Pump {
 public:
  static constexpr std::size_t kBufferBytes = 65536;

  // `max_write`: most bytes in one write(2). Neither descriptor is owned; both must be non-blocking or never block when
  // poll(2) says they are ready. `from` -1 is at end of file at once.
  Pump(int from, int to, std::size_t max_write);

  // Appends what to poll for: the source while the buffer has room, the target while it has bytes.
  void Watch(std::vector<pollfd>& polls);
  // Acts on the result of poll(2) for this pump's entries, which start where Watch put them.
  void Act(const std::vector<pollfd>& polls);

  // Everything was read and written.
  bool finished() const { return source_ended_ && used_ == 0; }
  bool source_ended() const { return source_ended_; }
  // The target refuses more (EPIPE or an error); what is still read is dropped by closing the source.
  bool target_gone() const { return target_gone_; }
  // errno of the write that made the target refuse.
  int target_error() const { return target_error_; }
  std::uint64_t bytes() const { return bytes_; }
  // No more is read; what is in the buffer is still written.
  void StopReading() { source_ended_ = true; }

 private:
  void Read();
  void Write();

  int from_, to_;
  std::size_t max_write_;
  std::unique_ptr<std::array<char, kBufferBytes>> buffer_;
  std::size_t start_ = 0, used_ = 0;
  std::uint64_t bytes_ = 0;
  bool source_ended_ = false, target_gone_ = false;
  int target_error_ = 0;
  std::size_t read_slot_ = kNoSlot, write_slot_ = kNoSlot;
  static constexpr std::size_t kNoSlot = ~std::size_t{0};
};

}  // namespace cell
