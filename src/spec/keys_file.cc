// SPDX-License-Identifier: Apache-2.0
// Reads key files.
#include "spec/keys_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "json/reader.h"
#include "spec/field_table.h"

namespace spec {
namespace {

DocumentError FromFault(const json::ParseError& error) {
  const bool duplicate = error.fault == json::Fault::kDuplicate;
  return {duplicate ? "duplicate_kid" : "malformed_json", error.pointer,
          fmt::format("{} (byte {})", error.message, error.offset)};
}

std::expected<crypto::PublicKey, DocumentError> ToKey(const json::Value& value, base::Base64 alphabet) {
  if (!value.is_string()) {
    return std::unexpected(
        DocumentError{"value_not_string", {}, fmt::format("found {}; allowed is a string", Describe(value))});
  }
  const auto bytes = base::Base64Decode(value.string(), alphabet);
  if (!bytes) {
    return std::unexpected(DocumentError{"bad_base64",
                                         {},
                                         fmt::format("found {}; allowed is {} base64", Describe(value),
                                                     alphabet == base::Base64::kUrl ? "URL" : "standard, padded")});
  }
  crypto::PublicKey key;
  if (bytes->size() != key.size()) {
    return std::unexpected(
        DocumentError{"bad_key_length", {}, fmt::format("found {} bytes; allowed are {}", bytes->size(), key.size())});
  }
  if (!crypto::IsCurvePoint(*bytes)) {
    return std::unexpected(DocumentError{"bad_key", {}, "found 32 bytes that are no point of the curve"});
  }
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

std::expected<KeyRing, DocumentError> ParseKeys(std::string_view text, base::Base64 alphabet) {
  const auto tree = json::Parse(text);
  if (!tree) return std::unexpected(FromFault(tree.error()));
  if (!tree->root().is_object()) {
    return std::unexpected(DocumentError{
        "not_an_object", {}, fmt::format("found {}; allowed is an object from name to key", Describe(tree->root()))});
  }
  KeyRing keys;
  for (const json::Member& member : tree->root().object()) {
    auto key = ToKey(member.value, alphabet);
    if (!key) {
      json::AppendPointerToken(key.error().pointer, member.name);
      return std::unexpected(std::move(key).error());
    }
    keys.emplace_back(member.name, *key);
  }
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return keys;
}

}  // namespace

const crypto::PublicKey* FindKey(const KeyRing& keys, std::string_view name) {
  const auto found = std::lower_bound(keys.begin(), keys.end(), name,
                                      [](const auto& pair, std::string_view wanted) { return pair.first < wanted; });
  return found != keys.end() && found->first == name ? &found->second : nullptr;
}

std::expected<KeyRing, DocumentError> ParseKeysFile(std::string_view text) {
  return ParseKeys(text, base::Base64::kUrl);
}

std::expected<KeyRing, DocumentError> ParseAuthorityKeysFile(std::string_view text) {
  return ParseKeys(text, base::Base64::kStandard);
}

}  // namespace spec
