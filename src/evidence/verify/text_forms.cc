// SPDX-License-Identifier: Apache-2.0
// Checks of small text forms.
#include "evidence/verify/text_forms.h"

#include <algorithm>
#include <chrono>

namespace evidence {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }
bool IsAlnum(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// `text` against a pattern in which 'd' stands for a digit and 'x' for a hex digit.
bool Matches(std::string_view text, std::string_view pattern) {
  return std::ranges::equal(text, pattern, [](char c, char p) {
    if (p == 'd') return IsDigit(c);
    if (p == 'x') return IsLowerHex(c);
    return c == p;
  });
}

int Number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

// The first 19 bytes are digits in the right places.
bool IsRealMoment(std::string_view text) {
  const std::chrono::year_month_day date(std::chrono::year(Number(text.substr(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(Number(text.substr(5, 2)))),
                                         std::chrono::day(static_cast<unsigned>(Number(text.substr(8, 2)))));
  return date.ok() && Number(text.substr(11, 2)) < 24 && Number(text.substr(14, 2)) < 60 &&
         Number(text.substr(17, 2)) < 60;
}

}  // namespace

bool IsHexDigest(std::string_view text) { return text.size() == 64 && std::ranges::all_of(text, IsLowerHex); }

bool IsPrefixedDigest(std::string_view text) { return text.starts_with("sha256:") && IsHexDigest(text.substr(7)); }

bool IsMillisTime(std::string_view text) { return Matches(text, "dddd-dd-ddTdd:dd:dd.dddZ") && IsRealMoment(text); }

bool IsSecondsTime(std::string_view text) { return Matches(text, "dddd-dd-ddTdd:dd:ddZ") && IsRealMoment(text); }

bool EndsInUuid4(std::string_view text) {
  if (text.size() < 36) return false;
  const std::string_view uuid = text.substr(text.size() - 36);
  if (!Matches(uuid, "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx")) return false;
  return std::string_view("89ab").contains(uuid[19]);
}

bool IsRunId(std::string_view text) {
  if (text.empty() || text.size() > 128 || !IsAlnum(text[0])) return false;
  return std::ranges::all_of(text, [](char c) { return IsAlnum(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace evidence
