// SPDX-License-Identifier: Apache-2.0
// Verifier keys of C2SP signed-note: "<name>+<8 hex>+<base64(type ‖ key)>".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/ed25519.h"

namespace crypto {

enum class VkeyType : std::uint8_t {
  kEd25519 = 0x01,      // signs the note's text
  kCosignature = 0x04,  // C2SP tlog-cosignature: signs a time and the text
};

struct Vkey {
  std::string name;
  VkeyType type = VkeyType::kEd25519;
  PublicKey key{};

  // The 4-byte key id, big endian: start of SHA-256(name ‖ 0x0A ‖ type ‖ key).
  std::uint32_t id() const;
  std::string ToString() const;
};

// A name that signed-note allows: UTF-8, not empty, no '+', no Unicode white space, no control character.
bool IsNoteKeyName(std::string_view name);

// Strict: hash in lower-case hex and right, base64 padded with spare bits zero, a key that CheckedPublicKey accepts,
// one of the two types; at most 4096 bytes. kInvalid says what is wrong.
base::Result<Vkey> ParseVkey(std::string_view text);

}  // namespace crypto
