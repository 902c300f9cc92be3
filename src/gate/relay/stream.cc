// SPDX-License-Identifier: Apache-2.0
// Copying for the first bytes and for small flows, splice for bulk.
#include "gate/relay/stream.h"

#include <errno.h>

#include <algorithm>

namespace gate {
namespace {

constexpr std::size_t kHeldKept = 4096;  // of an emptied buffer

std::span<const std::uint8_t> Bytes(const std::string& text, std::size_t from) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()) + from, text.size() - from};
}

}  // namespace

// What is in the pipe was read before anything that was added to held_.
Moved Stream::Write(int target) {
  while (in_pipe_ != 0) {
    const long sent = sys::Splice(pipe_.read.get(), target, in_pipe_);
    if (sent == -EAGAIN) return Moved::kTargetFull;
    if (sent <= 0) return Moved::kTargetBroken;
    in_pipe_ -= static_cast<std::size_t>(sent);
    written_ += static_cast<std::uint64_t>(sent);
  }
  while (at_ < held_.size()) {
    const long sent = sys::Send(target, Bytes(held_, at_));
    if (sent == -EAGAIN) return Moved::kTargetFull;
    if (sent < 0) return Moved::kTargetBroken;
    at_ += static_cast<std::size_t>(sent);
    written_ += static_cast<std::uint64_t>(sent);
  }
  if (held_.capacity() > kHeldKept) std::string().swap(held_);
  held_.clear();
  at_ = 0;
  return Moved::kSome;
}

Moved Stream::Step(int source, int target, std::uint64_t most, std::span<std::uint8_t> scratch, Pipes& pipes) {
  if (read_ >= kBulk && !pipe_.read && !no_pipe_) {
    pipe_ = pipes.Take();
    no_pipe_ = !pipe_.read;
  }
  return pipe_.read ? Splice(source, target, most) : Copy(source, target, most, scratch);
}

Moved Stream::Copy(int source, int target, std::uint64_t most, std::span<std::uint8_t> scratch) {
  const auto buffer = scratch.first(static_cast<std::size_t>(std::min<std::uint64_t>(most, scratch.size())));
  const long got = sys::Receive(source, buffer);
  if (got == -EAGAIN) return Moved::kSourceEmpty;
  if (got < 0) return Moved::kSourceBroken;
  if (got == 0) {
    ended_ = true;
    return Moved::kEnd;
  }
  read_ += static_cast<std::uint64_t>(got);
  short_read_ = static_cast<std::size_t>(got) < buffer.size();
  const long sent = sys::Send(target, buffer.first(static_cast<std::size_t>(got)));
  if (sent < 0 && sent != -EAGAIN) return Moved::kTargetBroken;
  const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  written_ += taken;
  if (taken == static_cast<std::size_t>(got)) return Moved::kSome;
  held_.assign(reinterpret_cast<const char*>(buffer.data()) + taken, static_cast<std::size_t>(got) - taken);
  return Moved::kTargetFull;
}

Moved Stream::Splice(int source, int target, std::uint64_t most) {
  short_read_ = false;
  const long got = sys::Splice(source, pipe_.write.get(),
                               static_cast<std::size_t>(std::min<std::uint64_t>(most, kSpliceBytes)));
  if (got == -EAGAIN) return Moved::kSourceEmpty;  // the pipe is empty: only the source can be what waits
  if (got < 0) return Moved::kSourceBroken;
  if (got == 0) {
    ended_ = true;
    return Moved::kEnd;
  }
  in_pipe_ = static_cast<std::size_t>(got);
  read_ += in_pipe_;
  return Write(target);
}

void Stream::Close(Pipes& pipes) {
  pipes.Give(std::move(pipe_), in_pipe_ == 0);
  pipe_ = {};
  in_pipe_ = 0;
}

}  // namespace gate
