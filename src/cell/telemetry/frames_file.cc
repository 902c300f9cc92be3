// SPDX-License-Identifier: Apache-2.0
// Entries of a little-endian head and a frame.
#include "cell/telemetry/frames_file.h"

namespace cell {
namespace {

constexpr std::size_t kWriteAt = 64u << 10;

constexpr std::size_t kHeadBytes = 12;

void PutLittleEndian(char* out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

base::Result<FramesFile> FramesFile::Create(int run_directory) {
  return FramesFile(TRY(event::LogFile::Create(run_directory, "frames")));
}

base::Result<> FramesFile::Add(std::uint64_t leaf, std::string_view frame) {
  last_ = 0;
  if (file_.unwritten() >= kWriteAt) TRY(file_.Flush());
  char head[kHeadBytes];
  PutLittleEndian(head, leaf, 8);
  PutLittleEndian(head + 8, frame.size(), 4);
  entry_.assign(head, sizeof head).append(frame);
  TRY(file_.Add(entry_));
  last_ = entry_.size();
  return {};
}

base::Result<> FramesFile::Close() {
  TRY(file_.Sync());
  return file_.Close();
}

}  // namespace cell
