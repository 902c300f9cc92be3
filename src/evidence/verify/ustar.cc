// SPDX-License-Identifier: Apache-2.0
// The ustar reader.
#include "evidence/verify/ustar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/encoding.h"

namespace evidence {
namespace {

constexpr std::size_t kBlock = 512;

// Offsets and lengths of the fields that matter.
constexpr std::size_t kName = 0, kNameLength = 100;
constexpr std::size_t kSize = 124, kSizeLength = 12;
constexpr std::size_t kChecksum = 148, kChecksumLength = 8;
constexpr std::size_t kType = 156;
constexpr std::size_t kMagic = 257;
constexpr std::size_t kPrefix = 345, kPrefixLength = 155;

using Block = std::array<char, kBlock>;

std::unexpected<base::Error> Bad(std::uint64_t position, std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("the bundle is no plain ustar archive: {} at byte {}", why, position));
}

std::string_view TextField(const Block& block, std::size_t offset, std::size_t length) {
  const std::string_view field(block.data() + offset, length);
  return field.substr(0, std::min(field.find('\0'), length));
}

// Octal digits, then nothing but NUL and space.
std::optional<std::uint64_t> Octal(std::string_view field) {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < field.size() && field[digits] >= '0' && field[digits] <= '7'; ++digits) {
    if (digits == 20) return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(field[digits] - '0');
  }
  const bool padded = std::ranges::all_of(field.substr(digits), [](char c) { return c == '\0' || c == ' '; });
  if (digits == 0 || !padded) return std::nullopt;
  return value;
}

bool ChecksumHolds(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool in_field = i >= kChecksum && i < kChecksum + kChecksumLength;
    sum += in_field ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return Octal({block.data() + kChecksum, kChecksumLength}) == sum;
}

bool IsZero(std::string_view block) {
  return std::ranges::all_of(block, [](char c) { return c == '\0'; });
}

base::Result<UstarEntry> ParseHeader(const Block& block, std::uint64_t position) {
  if (std::memcmp(block.data() + kMagic,
                  "ustar\0"
                  "00",
                  8) != 0)
    return Bad(position, "no ustar header");
  if (!ChecksumHolds(block)) return Bad(position, "a header whose check sum is wrong");
  const char type = block[kType];
  if (type != '0' && type != '\0' && type != '5') {
    return Bad(position, fmt::format("an entry of type '{}' (only files and directories are allowed)",
                                     base::Escape(std::string_view(&type, 1))));
  }
  const auto size = Octal({block.data() + kSize, kSizeLength});
  if (!size) return Bad(position, "a size that is not octal");
  UstarEntry entry{.directory = type == '5', .offset = position + kBlock, .size = *size};
  if (entry.directory && entry.size != 0) return Bad(position, "a directory with a size");
  const std::string_view prefix = TextField(block, kPrefix, kPrefixLength);
  if (!prefix.empty()) entry.name.append(prefix).append("/");
  entry.name.append(TextField(block, kName, kNameLength));
  if (entry.directory && entry.name.ends_with('/')) entry.name.pop_back();
  return entry;
}

// What fills up the last block of a content is zero, as every archiver writes it.
base::Result<> CheckPadding(const FileView& archive, std::uint64_t end) {
  Block block;
  const std::size_t length = static_cast<std::size_t>((kBlock - end % kBlock) % kBlock);
  const std::size_t got = TRY(archive.ReadAt(end, std::span(block).first(length)));
  if (got == length && IsZero({block.data(), length})) return {};
  return Bad(end, "no zeros to the end of the block");
}

base::Result<> CheckEnd(const FileView& archive, std::uint64_t position) {
  std::array<char, 64 * 1024> buffer;
  if (archive.size() < position + 2 * kBlock) return Bad(position, "no two zero blocks at the end");
  while (position < archive.size()) {
    const std::size_t got = TRY(archive.ReadAt(position, buffer));
    if (!IsZero({buffer.data(), got})) return Bad(position, "something after the end");
    position += got;
  }
  return {};
}

}  // namespace

base::Result<> ForEachUstarEntry(const FileView& archive,
                                 const std::function<base::Result<>(const UstarEntry& entry)>& visit) {
  Block block;
  for (std::uint64_t position = 0;;) {
    const std::size_t got = TRY(archive.ReadAt(position, block));
    if (got < kBlock) return Bad(position, "no two zero blocks at the end");
    if (IsZero({block.data(), kBlock})) return CheckEnd(archive, position);
    const UstarEntry entry = TRY(ParseHeader(block, position));
    if (entry.size > archive.size() || entry.offset > archive.size() - entry.size) {
      return Bad(position, "an entry that runs past the end");
    }
    TRY(visit(entry));
    TRY(CheckPadding(archive, entry.offset + entry.size));
    position = entry.offset + (entry.size + kBlock - 1) / kBlock * kBlock;
  }
}

}  // namespace evidence
