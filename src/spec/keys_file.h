// SPDX-License-Identifier: Apache-2.0
// Files of public keys: JSON objects from key id or role to an Ed25519 key.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/ed25519.h"
#include "spec/document_error.h"

namespace spec {

// Name to key, sorted by name; every key is the encoding of a curve point. Weak ones (small order, not canonical) stay
// in: nothing verifies against them.
using KeyRing = std::vector<std::pair<std::string, crypto::PublicKey>>;

const crypto::PublicKey* FindKey(const KeyRing& keys, std::string_view name);

// CELLOS_TRUST_VERIFY_KEYS_PATH, CELLOS_EVENT_VERIFY_KEYS_PATH: values base64url, padding tolerated. Classes:
// malformed_json, not_an_object, duplicate_kid (names compared decoded), value_not_string, bad_base64, bad_key_length,
// bad_key.
std::expected<KeyRing, DocumentError> ParseKeysFile(std::string_view text);
// CELLOS_AUTHORITY_KEYS_PATH: values standard base64 with padding; otherwise the same.
std::expected<KeyRing, DocumentError> ParseAuthorityKeysFile(std::string_view text);

}  // namespace spec
