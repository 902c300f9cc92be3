// SPDX-License-Identifier: Apache-2.0
// From bytes to a cell document and back: strict decoding, validation, declaration form and digests.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

inline constexpr std::size_t kMaxDocumentBytes = std::size_t{1} << 20;
inline constexpr unsigned kMaxDocumentDepth = 32;

// Decodes without validating: syntax, types, members, ranges. The document may still break the rules of the format.
std::expected<CellDocument, DocumentError> DecodeCellDocument(std::string_view text);

// The rules of the format in their order; the first one broken is the error.
std::expected<void, DocumentError> ValidateCellDocument(const CellDocument& document);

// DecodeCellDocument, then ValidateCellDocument.
std::expected<CellDocument, DocumentError> ParseCellDocument(std::string_view text);

// Declaration form of `spec`: what the canonical spec hash covers.
std::string SpecDeclarationForm(const CellSpec& spec);
// Declaration form of the whole document: what `--print-spec` shows.
std::string DocumentDeclarationForm(const CellDocument& document);

// "sha256:" + hex of SpecDeclarationForm(spec).
std::string CanonicalSpecHash(const CellSpec& spec);
// Bare hex of the bytes as read.
std::string RawDigest(std::string_view bytes);

}  // namespace spec
