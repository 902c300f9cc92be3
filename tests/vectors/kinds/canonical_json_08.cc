// SPDX-License-Identifier: Apache-2.0
// Form C of any value.
#include "json/canonical.h"
#include "json/writer.h"
#include "vectors/kinds.h"

namespace vectors {

Outcome JudgeCanonicalJson08(const json::Value& record, const Source&) {
  const auto text = TextAt(record, {"input", "text"});
  if (!text) return Failed("no input.text");
  // The recorded implementation nests up to 127 levels and keeps the last of repeated members.
  const auto tree = json::Parse(*text, {.max_depth = 127, .duplicates = json::Duplicates::kKeepLast});
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject().Member("ok", tree.has_value());
  if (tree) {
    writer.Member("canonical", json::Sorted(tree->root()));
  } else {
    writer.Member("error", "malformed_json");
  }
  writer.EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
