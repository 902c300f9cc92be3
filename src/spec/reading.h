// SPDX-License-Identifier: Apache-2.0
// From bytes to a struct with a table. Internal to the room.
#pragma once

#include <expected>
#include <string_view>

#include "json/reader.h"
#include "spec/document_error.h"
#include "spec/field_table.h"

namespace spec {

// A fault of the reader in terms of documents.
DocumentError FromParseError(json::ParseError error);

// Size limit, syntax, then the table of T. Rules beyond the table are not judged.
template <class T>
std::expected<T, DocumentError> Read(std::string_view text) {
  const auto tree = json::Parse(text);
  if (!tree) [[unlikely]]
    return std::unexpected(FromParseError(tree.error()));
  std::expected<T, DocumentError> document(std::in_place);
  Decoder decoder;
  if (!Codec<T>::Decode(*document, tree->root(), decoder)) [[unlikely]]
    return std::unexpected(decoder.TakeError());
  return document;
}

}  // namespace spec
