// SPDX-License-Identifier: Apache-2.0
// Parser of the kernel's flat-keyed files.
#include "probe/flat_keys.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/encoding.h"
#include "json/canonical.h"
#include "json/writer.h"

namespace probe {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

// Takes the first word off `line`.
std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::unexpected<base::Error> Refuse(std::size_t line, std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, "flat-kv line " + std::to_string(line) + ": " + std::string(why));
}

}  // namespace

base::Result<FlatKeys> ParseFlatKeys(std::string_view text) {
  if (text.size() > kMaxFlatKeysBytes) {
    return base::Fail(base::ErrorKind::kInvalid, "flat-kv: more than " + std::to_string(kMaxFlatKeysBytes) + " bytes");
  }
  FlatKeys keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view key = TakeWord(line);
    if (key.empty()) continue;
    if (!base::IsUtf8(key)) return Refuse(number, "the key is not UTF-8");
    std::string_view word = TakeWord(line);
    if (word.empty()) return Refuse(number, "the value is missing");
    if (word.starts_with('+')) word.remove_prefix(1);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) {
      return Refuse(number, "the value \"" + base::Escape(word) + "\" is no unsigned 64-bit decimal");
    }
    keys.insert_or_assign(std::string(key), value);
  }
  return keys;
}

std::string ToJson(const FlatKeys& keys) {
  std::vector<const FlatKeys::value_type*> sorted;
  for (const auto& entry : keys) sorted.push_back(&entry);
  std::ranges::sort(sorted, [](const auto* a, const auto* b) { return json::Utf16Less(a->first, b->first); });
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  for (const auto* entry : sorted) writer.Member(entry->first, entry->second);
  writer.EndObject();
  return out;
}

}  // namespace probe
