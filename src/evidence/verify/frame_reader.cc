// SPDX-License-Identifier: Apache-2.0
// Reading of frames, in step with the claimed leaves.
#include "evidence/verify/frame_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/sha256.h"

namespace evidence {
namespace {

constexpr std::size_t kHeadBytes = 12;

std::uint64_t LittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, "frames: " + std::move(message));
}

}  // namespace

base::Result<FrameReader::Entry> FrameReader::TakeEntry() {
  std::array<char, kHeadBytes> head;
  const std::size_t got = TRY(file_->ReadAt(position_, head));
  if (got < kHeadBytes) {
    position_ = file_->size();
    return Entry{};
  }
  Entry entry{.index = LittleEndian({head.data(), 8}),
              .offset = position_ + kHeadBytes,
              .length = LittleEndian({head.data() + 8, 4})};
  const std::uint64_t left = file_->size() - entry.offset;
  entry.whole = entry.length <= left;
  position_ = entry.offset + std::min(entry.length, left);
  return entry;
}

base::Result<std::string_view> FrameReader::ReadFrame(const Entry& entry) {
  if (entry.length == 0) return Bad(fmt::format("the frame of leaf {} is empty", entry.index));
  if (entry.length > frame_.size()) {
    return Bad(fmt::format("the frame of leaf {} has {} bytes, a frame has at most {}", entry.index, entry.length,
                           frame_.size()));
  }
  const auto length = static_cast<std::size_t>(entry.length);
  const std::size_t got = TRY(file_->ReadAt(entry.offset, std::span(frame_).first(length)));
  const std::string_view frame(frame_.data(), got);
  if (got < length || got < wire::kFrameHeader ||
      LittleEndian(frame.substr(0, wire::kFrameHeader)) != entry.length - wire::kFrameHeader) {
    return Bad(fmt::format("the header of the frame of leaf {} does not give its length", entry.index));
  }
  return frame;
}

base::Result<std::string_view> FrameReader::Expect(std::uint64_t index, std::string_view frame_sha256) {
  if (file_ == nullptr || position_ >= file_->size()) {
    if (end_ == FrameEnd::kComplete) return Bad(fmt::format("the frame of leaf {} is missing", index));
    ++missing_;
    return std::string_view();
  }
  const Entry entry = TRY(TakeEntry());
  if (!entry.whole) {
    const bool torn_here = entry.offset == 0 || entry.index == index;
    if (end_ == FrameEnd::kComplete || !torn_here) return Bad(fmt::format("the frame of leaf {} is torn", index));
    ++missing_;
    return std::string_view();
  }
  if (entry.index != index)
    return Bad(fmt::format("the next frame should be that of leaf {}, found {}", index, entry.index));
  const std::string_view frame = TRY(ReadFrame(entry));
  const std::string found = crypto::Hex(crypto::Sha256Of(frame));
  if (found != frame_sha256) {
    return Bad(fmt::format("SHA-256 of the frame of leaf {} should be {}, found {}", index, frame_sha256, found));
  }
  ++found_;
  return frame;
}

base::Result<> FrameReader::Finish(std::uint64_t proven) {
  if (file_ == nullptr) return {};
  if (end_ == FrameEnd::kComplete && position_ < file_->size()) return Bad("there are frames of leaves that have none");
  // Behind the proven part stand frames of the tail, kept and never presented as proven.
  std::uint64_t least = proven;
  while (position_ < file_->size()) {
    const Entry entry = TRY(TakeEntry());
    if (entry.offset == 0) break;
    if (entry.index < least) return Bad(fmt::format("an entry names leaf {}, which has no further frame", entry.index));
    least = entry.index + 1;
  }
  return {};
}

}  // namespace evidence
