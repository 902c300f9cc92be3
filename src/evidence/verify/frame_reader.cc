// SPDX-License-Identifier: Apache-2.0
// Reading of frames, in step with the claimed leaves.
#include "evidence/verify/frame_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace evidence {
namespace {

constexpr std::size_t kHeadBytes = 12;
constexpr std::size_t kFrameHeaderBytes = 4;

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

base::Result<crypto::Digest> FrameReader::DigestFrame(const Entry& entry) const {
  std::array<char, 16 * 1024> buffer;
  crypto::Sha256 hash;
  for (std::uint64_t done = 0; done < entry.length;) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), entry.length - done));
    const std::size_t got = TRY(file_->ReadAt(entry.offset + done, std::span(buffer).first(wanted)));
    const std::string_view piece(buffer.data(), got);
    if (done == 0) {
      const bool fits = got >= kFrameHeaderBytes &&
                        LittleEndian(piece.substr(0, kFrameHeaderBytes)) == entry.length - kFrameHeaderBytes;
      if (!fits) return Bad(fmt::format("the header of the frame of leaf {} does not give its length", entry.index));
    }
    hash.Update(piece);
    done += got;
  }
  if (entry.length == 0) return Bad(fmt::format("the frame of leaf {} is empty", entry.index));
  return hash.Finish();
}

base::Result<> FrameReader::Expect(std::uint64_t index, std::string_view frame_sha256) {
  if (file_ == nullptr || position_ >= file_->size()) {
    if (end_ == FrameEnd::kComplete) return Bad(fmt::format("the frame of leaf {} is missing", index));
    ++missing_;
    return {};
  }
  const Entry entry = TRY(TakeEntry());
  if (!entry.whole) {
    const bool torn_here = entry.offset == 0 || entry.index == index;
    if (end_ == FrameEnd::kComplete || !torn_here) return Bad(fmt::format("the frame of leaf {} is torn", index));
    ++missing_;
    return {};
  }
  if (entry.index != index)
    return Bad(fmt::format("the next frame should be that of leaf {}, found {}", index, entry.index));
  const std::string found = crypto::Hex(TRY(DigestFrame(entry)));
  if (found != frame_sha256) {
    return Bad(fmt::format("SHA-256 of the frame of leaf {} should be {}, found {}", index, frame_sha256, found));
  }
  ++found_;
  return {};
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
