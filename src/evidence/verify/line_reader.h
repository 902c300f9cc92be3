// SPDX-License-Identifier: Apache-2.0
// Lines of a large file in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "evidence/verify/run_files.h"

namespace evidence {

// One line. `text` is without LF, valid until the next call, and cut to the limit where the line is longer.
struct Line {
  std::string_view text;
  std::uint64_t offset = 0;  // of its first byte
  std::uint64_t bytes = 0;   // LF included
  bool ended = false;        // has its LF
  bool too_long = false;     // longer than the limit
};

class LineReader {
 public:
  // `file` and `whole` outlive the reader. `whole`, when given, takes every byte that is read.
  LineReader(const FileView& file, std::size_t max_line, crypto::Sha256* whole = nullptr);

  // The next line; nullopt at the end of the file.
  base::Result<std::optional<Line>> Next();

 private:
  base::Result<bool> Fill();

  const FileView& file_;
  const std::size_t max_line_;
  crypto::Sha256* const whole_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;   // never cleared: a small file touches but its own size of it
  std::size_t begin_ = 0, end_ = 0;  // unread part of the buffer
  std::uint64_t position_ = 0;       // of buffer_[end_] in the file
  std::vector<char> long_head_;      // start of the last line that was too long
};

}  // namespace evidence
