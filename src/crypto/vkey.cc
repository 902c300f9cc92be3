// SPDX-License-Identifier: Apache-2.0
// Reading and writing of verifier keys.
#include "crypto/vkey.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/sha256.h"

namespace crypto {
namespace {

constexpr std::size_t kMaxVkeyBytes = 4096;

std::unexpected<base::Error> Bad(std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("this is no verifier key: {}", why));
}

// Unicode's White_Space property beyond ASCII, as UTF-8.
constexpr std::string_view kWideSpaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
    "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
    "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

}  // namespace

bool IsNoteKeyName(std::string_view name) {
  if (name.empty() || !base::IsUtf8(name)) return false;
  const bool plain = std::ranges::all_of(name, [](unsigned char c) { return c > 0x20 && c != '+'; });
  return plain && std::ranges::none_of(kWideSpaces, [&](std::string_view space) { return name.contains(space); });
}

std::uint32_t Vkey::id() const {
  const std::uint8_t middle[2] = {0x0a, static_cast<std::uint8_t>(type)};
  const Digest digest = Sha256().Update(name).Update(middle).Update(key).Finish();
  return std::uint32_t{digest[0]} << 24 | std::uint32_t{digest[1]} << 16 | std::uint32_t{digest[2]} << 8 | digest[3];
}

std::string Vkey::ToString() const {
  base::Bytes typed{static_cast<std::uint8_t>(type)};
  typed.insert(typed.end(), key.begin(), key.end());
  return fmt::format("{}+{:08x}+{}", name, id(), base::Base64Encode(typed));
}

base::Result<Vkey> ParseVkey(std::string_view text) {
  if (text.size() > kMaxVkeyBytes) return Bad("it is longer than 4096 bytes");
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return Bad("the form is <name>+<8 hex digits>+<base64>");
  Vkey vkey{.name = std::string(text.substr(0, first))};
  if (!IsNoteKeyName(vkey.name)) return Bad("its name is empty or has white space");
  const std::string_view hash = text.substr(first + 1, second - first - 1);
  const auto typed = base::Base64Decode(text.substr(second + 1));
  if (!typed || typed->empty()) return Bad("its last part is no padded base64");
  const std::uint8_t type = typed->front();
  if (type != 0x01 && type != 0x04) return Bad(fmt::format("type 0x{:02x} is neither 0x01 nor 0x04", type));
  vkey.type = static_cast<VkeyType>(type);
  const auto key = CheckedPublicKey(base::ByteSpan(*typed).subspan(1));
  if (!key) return Bad("its key is not a 32-byte Ed25519 point of large order");
  vkey.key = *key;
  if (hash != fmt::format("{:08x}", vkey.id())) {
    return Bad(fmt::format("its hash is \"{}\", name and key give {:08x}", base::Escape(hash, 16), vkey.id()));
  }
  return vkey;
}

}  // namespace crypto
