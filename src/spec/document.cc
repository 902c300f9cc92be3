// SPDX-License-Identifier: Apache-2.0
// Reads a cell document and gives its byte forms and digests.
#include "spec/document.h"

#include "crypto/sha256.h"
#include "spec/cell_tables.h"
#include "spec/reading.h"

namespace spec {

std::expected<CellDocument, DocumentError> DecodeCellDocument(std::string_view text) {
  return Read<CellDocument>(text);
}

std::expected<CellDocument, DocumentError> ParseCellDocument(std::string_view text) {
  auto document = DecodeCellDocument(text);
  if (!document) [[unlikely]]
    return document;
  auto valid = ValidateCellDocument(*document);
  if (!valid) [[unlikely]]
    return std::unexpected(std::move(valid).error());
  return document;
}

std::string SpecDeclarationForm(const CellSpec& spec) {
  std::string out;
  out.reserve(1024);
  EncodeObject(ShapeOf<CellSpec>::kShape, &spec, out);
  return out;
}

std::string DocumentDeclarationForm(const CellDocument& document) {
  std::string out;
  out.reserve(1024);
  EncodeObject(ShapeOf<CellDocument>::kShape, &document, out);
  return out;
}

std::string CanonicalSpecHash(const CellSpec& spec) {
  return crypto::PrefixedHex(crypto::Sha256Of(SpecDeclarationForm(spec)));
}

std::string RawDigest(std::string_view bytes) { return crypto::Hex(crypto::Sha256Of(bytes)); }

}  // namespace spec
