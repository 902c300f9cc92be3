// SPDX-License-Identifier: Apache-2.0
// The file `frames` of a run: the frame behind each claimed leaf, as it was received (evidence.md §1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "event/log_file.h"

namespace cell {

// Used by one thread.
class FramesFile {
 public:
  static base::Result<FramesFile> Create(int run_directory);

  // Keeps `frame` for leaf `leaf`, which is about to be appended; leaves ascend. ENOSPC: nothing was kept.
  base::Result<> Add(std::uint64_t leaf, std::string_view frame);
  // The leaf of the last Add did not come to be.
  base::Result<> TakeBackLast() { return file_.TakeBack(std::exchange(last_, 0)); }
  // Hands what was added to the kernel.
  base::Result<> Flush() { return file_.Flush(); }
  // Everything is on disk.
  base::Result<> Close();

 private:
  explicit FramesFile(event::LogFile file) : file_(std::move(file)) {}
  event::LogFile file_;
  std::string entry_;
  std::size_t last_ = 0;
};

}  // namespace cell
