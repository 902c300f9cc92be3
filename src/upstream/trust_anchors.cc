// SPDX-License-Identifier: Apache-2.0
// Reads trust anchors; whether a key or digest is sound is for the validator to say.
#include "upstream/trust_anchors.h"

#include <algorithm>
#include <optional>

#include "upstream/config.h"
#include "upstream/message.h"

namespace upstream {
namespace {

constexpr std::string_view kIanaRoot[] = {
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0;;) {
    at = line.find_first_not_of(" \t\r", at);
    if (at == std::string_view::npos) return words;
    const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
}

// A name of letters, digits, '-' and '_', absolute or not, in lower-case wire form.
std::optional<std::string> WireName(std::string_view text) {
  if (text == ".") return std::string(1, '\0');
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string wire;
  while (true) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    if (dot == 0 || dot > 63) return std::nullopt;
    wire += static_cast<char>(dot);
    for (const char c : text.substr(0, dot)) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') return std::nullopt;
      wire += c;
    }
    if (dot == text.size()) break;
    text.remove_prefix(dot + 1);
  }
  wire += '\0';
  if (wire.size() > 255) return std::nullopt;
  return FoldedName(wire);
}

bool IsNumber(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

// The position of the type in the words of a record, or 0.
std::size_t TypeAt(const std::vector<std::string_view>& words) {
  std::size_t at = 1;
  while (at < words.size() && at < 3 && (IsNumber(words[at]) || words[at] == "IN" || words[at] == "in")) ++at;
  return at < words.size() && (words[at] == "DS" || words[at] == "DNSKEY") ? at : 0;
}

}  // namespace

bool TrustAnchors::Covers(std::string_view folded_wire_name) const {
  for (std::string_view rest = folded_wire_name; !rest.empty();) {
    if (std::ranges::find(owners, rest) != owners.end()) return true;
    const std::size_t step = 1 + static_cast<unsigned char>(rest[0]);
    if (step > rest.size()) return false;
    rest.remove_prefix(step);
  }
  return false;
}

TrustAnchors IanaRoot() {
  TrustAnchors anchors;
  for (const std::string_view record : kIanaRoot) anchors.records.emplace_back(record);
  anchors.owners.emplace_back(1, '\0');
  return anchors;
}

base::Result<TrustAnchors> ParseTrustAnchors(std::string_view text) {
  const auto wrong = [](std::size_t line, const char* why) {
    return base::Fail(base::ErrorKind::kInvalid, "trust anchors, line " + std::to_string(line) + ": " + why);
  };
  if (text.size() > kMaxAnchorsBytes) return base::Fail(base::ErrorKind::kLimit, "trust anchors: more than 32 KiB");
  TrustAnchors anchors;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find(';'));
    if (!std::ranges::all_of(line, [](char c) { return (c >= ' ' && c <= '~') || c == '\t' || c == '\r'; })) {
      return wrong(number, "a byte that no record holds");
    }
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    if (line.find_first_of("()\"$\\") != line.npos) return wrong(number, "not a record on one line");
    const std::size_t type = TypeAt(words);
    if (type == 0 || words.size() < type + 5) return wrong(number, "not a DS or DNSKEY record");
    const std::optional<std::string> owner = WireName(words[0]);
    if (!owner) return wrong(number, "the owner is not a domain name");
    std::string record;
    for (const std::string_view word : words) (record += word) += ' ';
    anchors.records.push_back(std::move(record));
    anchors.owners.push_back(*owner);
  }
  if (anchors.records.empty()) return base::Fail(base::ErrorKind::kInvalid, "trust anchors: no DS or DNSKEY record");
  return anchors;
}

}  // namespace upstream
