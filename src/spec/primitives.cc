// SPDX-License-Identifier: Apache-2.0
// Character tables and the small forms of documents.
#include "spec/primitives.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace spec {
namespace {

enum : std::uint8_t { kAlnum = 1, kIdMark = 2, kLowerHex = 4 };

constexpr auto kClasses = [] {
  std::array<std::uint8_t, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = kAlnum | kLowerHex;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = kAlnum;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = kAlnum;
  for (int c = 'a'; c <= 'f'; ++c) table[c] |= kLowerHex;
  table['.'] = table['_'] = table['-'] = kIdMark;
  return table;
}();

bool Is(char c, unsigned classes) { return (kClasses[static_cast<std::uint8_t>(c)] & classes) != 0; }

std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || (digits > 1 && text[0] == '0')) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

}  // namespace

bool IsPortableId(std::string_view text) {
  if (text.empty() || text.size() > 128 || !Is(text[0], kAlnum)) return false;
  char before = 0;
  for (const char c : text) {
    if (!Is(c, kAlnum | kIdMark) || (c == '.' && before == '.')) return false;
    before = c;
  }
  return true;
}

bool IsTenantId(std::string_view text) { return IsPortableId(text) && !text.contains('.'); }

bool IsNamespace(std::string_view text) {
  const auto lower_alnum = [](char c) { return Is(c, kAlnum) && !(c >= 'A' && c <= 'Z'); };
  if (text.empty() || text.size() > 63 || !lower_alnum(text.front()) || !lower_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return c == '-' || lower_alnum(c); });
}

bool IsImageDigest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (text.size() != kPrefix.size() + 64 || !text.starts_with(kPrefix)) return false;
  return std::all_of(text.begin() + kPrefix.size(), text.end(), [](char c) { return Is(c, kLowerHex); });
}

bool IsGrantPath(std::string_view text) { return text.starts_with('/'); }

bool IsAbsolutePath(std::string_view text) {
  if (!text.starts_with('/') || HasDeceptive(text)) return false;
  while (!text.empty()) {
    text.remove_prefix(1);
    const auto end = std::min(text.find('/'), text.size());
    if (text.substr(0, end) == "..") return false;
    text.remove_prefix(end);
  }
  return true;
}

std::optional<Semver> ParseSemver(std::string_view text) {
  const auto major = TakeNumber(text);
  if (!major || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const auto minor = TakeNumber(text);
  if (!minor || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const auto patch = TakeNumber(text);
  if (!patch) return std::nullopt;
  if (!text.empty()) {
    if (text[0] != '-' || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
    if (!std::all_of(text.begin(), text.end(), [](char c) { return Is(c, kAlnum) || c == '.' || c == '-'; })) {
      return std::nullopt;
    }
  }
  return Semver{*major, *minor, *patch};
}

char32_t TakeCodePoint(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t value = length == 1 ? lead : lead & (0x7f >> length);
  const std::size_t available = std::min(length, text.size());
  for (std::size_t i = 1; i < available; ++i) value = value << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3f);
  text.remove_prefix(available);
  return value;
}

bool IsWhiteSpace(char32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool IsDeceptive(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

std::string_view Trim(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view next = rest;
    if (!IsWhiteSpace(TakeCodePoint(next))) break;
    rest = next;
  }
  const char* end = rest.data();
  for (std::string_view scan = rest; !scan.empty();) {
    if (!IsWhiteSpace(TakeCodePoint(scan))) end = scan.data();
  }
  return rest.substr(0, static_cast<std::size_t>(end - rest.data()));
}

bool HasDeceptive(std::string_view text) {
  while (!text.empty()) {
    if (IsDeceptive(TakeCodePoint(text))) return true;
  }
  return false;
}

char AsciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return AsciiLower(x) == AsciiLower(y); });
}

}  // namespace spec
