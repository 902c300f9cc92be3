// SPDX-License-Identifier: Apache-2.0
// Reading, checking and writing of signed notes.
#include "event/note.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace event {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // em dash, space
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kTimeBytes = 8;

std::unexpected<base::Error> Bad(std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("this is no signed note: {}", why));
}

std::uint64_t ReadBigEndian(base::ByteSpan bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

std::optional<NoteSignature> ParseSignatureLine(std::string_view line) {
  if (!line.starts_with(kDash)) return std::nullopt;
  const std::string_view rest = line.substr(kDash.size());
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  NoteSignature signature{.line = line, .name = rest.substr(0, space)};
  if (!crypto::IsNoteKeyName(signature.name)) return std::nullopt;
  auto bytes = base::Base64Decode(rest.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes) return std::nullopt;
  signature.key_id = static_cast<std::uint32_t>(ReadBigEndian(base::ByteSpan(*bytes).first(kKeyIdBytes)));
  signature.signature.assign(bytes->begin() + kKeyIdBytes, bytes->end());
  return signature;
}

bool HasControlCharacter(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](unsigned char c) { return c < 0x20 && c != '\n'; });
}

// C2SP tlog-cosignature: a time in seconds, big endian, before the signature.
bool VerifyCosignature(std::string_view text, base::ByteSpan signature, const crypto::PublicKey& key) {
  if (signature.size() <= kTimeBytes) return false;
  const std::string message =
      fmt::format("cosignature/v1\ntime {}\n{}", ReadBigEndian(signature.first(kTimeBytes)), text);
  return crypto::VerifyEd25519(key, base::AsBytes(message), signature.subspan(kTimeBytes));
}

}  // namespace

base::Result<Note> ParseNote(std::string_view bytes) {
  if (bytes.size() > kMaxNoteBytes) return Bad("it is longer than 1 MiB");
  if (static_cast<std::size_t>(std::ranges::count(bytes, '\n')) > kMaxNoteLines)
    return Bad("it has more than 100 lines");
  if (HasControlCharacter(bytes)) return Bad("it has a control character");
  if (!base::IsUtf8(bytes)) return Bad("it is not UTF-8");
  const std::size_t blank = bytes.rfind("\n\n");
  if (blank == std::string_view::npos) return Bad("no blank line parts text and signatures");
  Note note{.text = bytes.substr(0, blank + 1)};
  std::string_view rest = bytes.substr(blank + 2);
  if (rest.empty() || rest.back() != '\n') return Bad("the last signature line is missing or not ended");
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    auto signature = ParseSignatureLine(rest.substr(0, end));
    if (!signature) return Bad(fmt::format("signature line {} is malformed", note.signatures.size() + 1));
    note.signatures.push_back(*std::move(signature));
    rest.remove_prefix(end + 1);
  }
  return note;
}

bool VerifyNoteSignature(std::string_view text, const NoteSignature& signature, const crypto::Vkey& key) {
  if (signature.name != key.name || signature.key_id != key.id()) return false;
  if (key.type == crypto::VkeyType::kCosignature) return VerifyCosignature(text, signature.signature, key.key);
  return crypto::VerifyEd25519(key.key, base::AsBytes(text), signature.signature);
}

base::Result<OpenedNote> OpenNote(std::string_view bytes, std::span<const crypto::Vkey> known) {
  OpenedNote opened{.note = TRY(ParseNote(bytes))};
  std::vector<std::string_view> unknown;
  for (const NoteSignature& signature : opened.note.signatures) {
    const auto key = std::ranges::find_if(known, [&](const crypto::Vkey& candidate) {
      return candidate.name == signature.name && candidate.id() == signature.key_id;
    });
    if (key == known.end()) {
      if (std::ranges::find(unknown, signature.line) == unknown.end()) unknown.push_back(signature.line);
      continue;
    }
    if (!VerifyNoteSignature(opened.note.text, signature, *key)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        fmt::format("the note's signature by {} does not hold", base::Escape(signature.name)));
    }
    if (std::ranges::find(opened.verified, &*key) == opened.verified.end()) opened.verified.push_back(&*key);
  }
  if (opened.verified.empty()) return base::Fail(base::ErrorKind::kInvalid, "the note has no signature by a known key");
  opened.unverified = unknown.size();
  return opened;
}

std::string SignNote(std::string_view text, std::string_view name, const crypto::SigningKey& key) {
  const crypto::Vkey vkey{.name = std::string(name), .key = key.public_key()};
  const std::uint32_t id = vkey.id();
  const crypto::Signature signature = key.Sign(text);
  base::Bytes body{static_cast<std::uint8_t>(id >> 24), static_cast<std::uint8_t>(id >> 16),
                   static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
  body.resize(kKeyIdBytes + signature.size());
  std::memcpy(body.data() + kKeyIdBytes, signature.data(), signature.size());
  return fmt::format("{}\n{}{} {}\n", text, kDash, name, base::Base64Encode(body));
}

}  // namespace event
