// SPDX-License-Identifier: Apache-2.0
// The line reader: one buffer, lines as views of it.
#include "evidence/verify/line_reader.h"

#include <cstring>

namespace evidence {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

LineReader::LineReader(const FileView& file, std::size_t max_line, crypto::Sha256* whole)
    : file_(file),
      max_line_(max_line),
      whole_(whole),
      capacity_(max_line + kChunk),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {}

// Reads more behind what is unread; false at the end of the file.
base::Result<bool> LineReader::Fill() {
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const std::size_t got = TRY(file_.ReadAt(position_, std::span(buffer_.get(), capacity_).subspan(end_)));
  if (whole_ != nullptr) whole_->Update(std::string_view(buffer_.get() + end_, got));
  end_ += got;
  position_ += got;
  return got > 0;
}

base::Result<std::optional<Line>> LineReader::Next() {
  std::size_t searched = 0;
  for (;;) {
    const char* const start = buffer_.get() + begin_;
    const void* const found = std::memchr(start + searched, '\n', end_ - begin_ - searched);
    if (found != nullptr) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - start);
      Line line{.text = {start, length}, .offset = position_ - (end_ - begin_), .bytes = length + 1, .ended = true};
      begin_ += length + 1;
      line.too_long = length > max_line_;
      if (line.too_long) line.text = line.text.substr(0, max_line_);
      return line;
    }
    searched = end_ - begin_;
    if (searched > max_line_) break;
    if (!TRY(Fill())) {
      if (searched == 0) return std::nullopt;
      const Line line{.text = {buffer_.get() + begin_, searched}, .offset = position_ - searched, .bytes = searched};
      begin_ = end_;
      return line;
    }
  }
  // A line that does not fit: its start is kept where it is, the rest is only counted.
  Line line{.offset = position_ - searched, .bytes = searched, .too_long = true};
  std::vector<char> head(buffer_.get() + begin_, buffer_.get() + begin_ + max_line_);
  begin_ = end_;
  while (!line.ended && TRY(Fill())) {
    const void* const found = std::memchr(buffer_.get(), '\n', end_);
    line.ended = found != nullptr;
    const std::size_t taken =
        line.ended ? static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.get()) + 1 : end_;
    line.bytes += taken;
    begin_ = taken;
  }
  long_head_ = std::move(head);
  line.text = {long_head_.data(), long_head_.size()};
  return line;
}

}  // namespace evidence
