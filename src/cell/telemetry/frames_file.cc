// SPDX-License-Identifier: Apache-2.0
// Entries of a little-endian head and a frame.
#include "cell/telemetry/frames_file.h"

namespace cell {
namespace {

constexpr std::size_t kWriteAt = 64u << 10;

void AppendLittleEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

base::Result<FramesFile> FramesFile::Create(int run_directory) {
  return FramesFile(TRY(event::LogFile::Create(run_directory, "frames")));
}

base::Result<> FramesFile::Add(std::uint64_t leaf, std::string_view frame) {
  last_ = 0;
  if (file_.unwritten() >= kWriteAt) TRY(file_.Flush());
  entry_.clear();
  AppendLittleEndian(entry_, leaf, 8);
  AppendLittleEndian(entry_, frame.size(), 4);
  entry_.append(frame);
  TRY(file_.Add(entry_));
  last_ = entry_.size();
  return {};
}

base::Result<> FramesFile::Close() {
  TRY(file_.Sync());
  return file_.Close();
}

}  // namespace cell
