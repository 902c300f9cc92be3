// SPDX-License-Identifier: Apache-2.0
// The JSON reader: what it accepts is well-formed, and every canonical form reads back as itself.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

void ReadsBack(const std::string& form, std::string (*write)(const json::Value&), unsigned depth) {
  const auto again = json::Parse(form, {.max_bytes = form.size(), .max_depth = depth});
  Require(again.has_value());
  Require(write(again->root()) == form);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  const auto tree = json::Parse(text);
  if (!tree) {
    Require(tree.error().offset <= size);
    Require(base::IsUtf8(tree.error().message));
    return 0;
  }
  Require(base::IsUtf8(text));
  ReadsBack(json::Sorted(tree->root()), json::Sorted, 32);
  if (const auto jcs = json::Jcs(tree->root())) {
    ReadsBack(
        *jcs, [](const json::Value& value) { return json::Jcs(value).value_or(""); }, 32);
    Require(json::IsCanonicalJcs(text) == (tree->root().is_object() && *jcs == text));
  }
  const auto lenient = json::Parse(text, {.duplicates = json::Duplicates::kKeepLast});
  Require(lenient.has_value());
  Require(json::Sorted(lenient->root()) == json::Sorted(tree->root()));
  return 0;
}
