// SPDX-License-Identifier: Apache-2.0
// Reading names. Every pointer leads before the run of labels it ends, so that a walk ends by itself.
#include "gate/dns/name.h"

#include <string.h>

namespace gate::dns {
namespace {

constexpr std::size_t kHeader = 12;  // no name lies in the header
constexpr std::uint8_t kPointer = 0xc0;

enum class Letters : std::uint8_t { kLower, kAsSent };

// `name` null: only checked.
std::size_t Walk(Bytes message, std::size_t at, Letters letters, Name* name) {
  std::size_t behind = 0, size = 0, run = at;
  while (at < message.size()) {
    const std::uint8_t length = message[at];
    if ((length & kPointer) == kPointer) {
      if (at + 2 > message.size()) return 0;
      const std::size_t to = static_cast<std::size_t>(length & 0x3f) << 8 | message[at + 1];
      if (behind == 0) behind = at + 2;
      if (to >= run || to < kHeader) return 0;
      run = at = to;
      continue;
    }
    if (length > 63 || at + 1 + length > message.size() || size + 1 + length > kMaxNameBytes) return 0;
    if (name != nullptr) {
      name->wire[size] = length;
      for (std::size_t i = 1; i <= length; ++i) {
        const std::uint8_t byte = message[at + i];
        name->wire[size + i] = letters == Letters::kLower ? LowerCase(byte) : byte;
      }
    }
    size += 1u + length;
    at += 1u + length;
    if (length != 0) continue;
    if (name != nullptr) name->size = static_cast<std::uint8_t>(size);
    return behind == 0 ? at : behind;
  }
  return 0;
}

}  // namespace

bool operator==(const Name& a, const Name& b) {
  return a.size == b.size && memcmp(a.wire.data(), b.wire.data(), a.size) == 0;
}

std::size_t SkipName(Bytes message, std::size_t at) { return Walk(message, at, Letters::kAsSent, nullptr); }

std::size_t ReadName(Bytes message, std::size_t at, Name* name) { return Walk(message, at, Letters::kLower, name); }

std::size_t ReadCasedName(Bytes message, std::size_t at, Name* name) {
  return Walk(message, at, Letters::kAsSent, name);
}

std::size_t ReadPlainName(Bytes message, std::size_t at, Name* name) {
  const std::size_t behind = Walk(message, at, Letters::kLower, name);
  return behind == at + name->size ? behind : 0;
}

std::uint32_t HashName(const Name& name) {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const std::uint8_t byte : name.bytes()) hash = (hash ^ byte) * 16777619u;
  return hash;
}

bool IsBelowOrEqual(const Name& name, const Name& suffix) {
  if (suffix.size > name.size) return false;
  const std::size_t cut = name.size - suffix.size;
  if (memcmp(name.wire.data() + cut, suffix.wire.data(), suffix.size) != 0) return false;
  std::size_t at = 0;
  while (at < cut) at += 1u + name.wire[at];
  return at == cut;
}

bool ReplaceSuffix(const Name& name, const Name& from, const Name& to, Name* out) {
  if (!IsBelowOrEqual(name, from)) return false;
  const std::size_t kept = name.size - from.size;
  if (kept + to.size > kMaxNameBytes) return false;
  memcpy(out->wire.data(), name.wire.data(), kept);
  memcpy(out->wire.data() + kept, to.wire.data(), to.size);
  out->size = static_cast<std::uint8_t>(kept + to.size);
  return true;
}

std::string_view ToText(const Name& name, char* out) {
  std::size_t size = 0;
  for (std::size_t at = 0; name.wire[at] != 0;) {
    const std::size_t length = name.wire[at];
    if (size != 0) out[size++] = '.';
    for (std::size_t i = 1; i <= length; ++i) {
      const std::uint8_t byte = name.wire[at + i];
      if (byte < 0x20 || byte > 0x7e || byte == '.' || byte == '\\') return {};
      out[size++] = static_cast<char>(byte);
    }
    at += 1u + length;
  }
  return {out, size};
}

}  // namespace gate::dns
