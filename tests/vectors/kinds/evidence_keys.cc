// SPDX-License-Identifier: Apache-2.0
// Keys and verdicts of evidence records.
#include "evidence_keys.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "json/reader.h"

namespace vectors {

TrustedKeys TrustedKeysOf(const json::Value& record, const std::filesystem::path& keys_file) {
  TrustedKeys trusted;
  std::ifstream file(keys_file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto known = json::Parse(text);
  const json::Value* names = record.Find("trust");
  if (!known || names == nullptr) return {.keys = {}, .usable = false};
  for (const json::Value& name : names->array()) {
    const auto key = TextAt(known->root(), {name.string(), "key"});
    auto parsed = evidence::ParseTrustedKey(key.value_or(""));
    if (!parsed) return {.keys = {}, .usable = false};
    parsed->given_as = name.string();
    trusted.keys.push_back(*std::move(parsed));
  }
  return trusted;
}

Outcome CompareVerdict(const json::Value& record, std::string_view verdict, int exit, std::string_view fault) {
  const json::Value* either = record.Find("either");
  if (either != nullptr && either->kind() == json::Kind::kBool && either->boolean()) return Passed();
  const json::Value* expected_exit = record.Find("exit");
  const json::Value* expected_verdict = record.Find("verdict");
  const std::string expected = fmt::format(
      "{} ({})", expected_verdict != nullptr && expected_verdict->is_string() ? expected_verdict->string() : "",
      expected_exit != nullptr ? ToText(*expected_exit) : "");
  const std::string found = fmt::format("{} ({})", verdict, exit);
  if (expected == found) return Passed();
  return Failed(fmt::format("expected {}, found {}: {}", expected, found, base::Escape(fault, 400)));
}

}  // namespace vectors
