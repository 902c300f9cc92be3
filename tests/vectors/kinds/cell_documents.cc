// SPDX-License-Identifier: Apache-2.0
// Cell documents: accepted or the first fault with its class and place; declaration form and canonical hash.
#include "json/writer.h"
#include "spec/document.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

// Vectors name places as "spec.export.targets[].name" and "authority.secretRefs[]", missing and repeated members by
// their last name.
std::string FieldOf(const spec::DocumentError& error) {
  const std::string& pointer = error.pointer;
  if (error.error_class == "missing_field" || error.error_class == "duplicate_field") {
    return pointer.substr(pointer.rfind('/') + 1);
  }
  std::string field;
  for (std::size_t at = 0; at < pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    const std::string token = pointer.substr(at + 1, end - at - 1);
    if (token.find_first_not_of("0123456789") == std::string::npos) {
      field += "[]";
    } else {
      field.append(field.empty() ? "" : ".").append(token);
    }
    at = end;
  }
  return field.starts_with("spec.authority.") ? field.substr(5) : field;
}

void WriteError(json::Writer& writer, const spec::DocumentError& error) {
  writer.Member("accepted", false).Member("error", error.error_class).Member("field", FieldOf(error));
}

}  // namespace

Outcome JudgeCellDocument(const json::Value& record, const Source&) {
  const auto text = TextAt(record, {"input", "text"});
  if (!text) return Failed("no input.text");
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject();
  const auto document = spec::DecodeCellDocument(*text);
  if (!document) {
    WriteError(writer, document.error());
  } else {
    const auto valid = spec::ValidateCellDocument(*document);
    if (valid) {
      writer.Member("accepted", true);
    } else {
      WriteError(writer, valid.error());
    }
    writer.Member("specHash", spec::CanonicalSpecHash(document->spec));
    writer.Member("specText", spec::SpecDeclarationForm(document->spec));
  }
  writer.EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
