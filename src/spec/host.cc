// SPDX-License-Identifier: Apache-2.0
// Host forms and matchers.
#include "spec/host.h"

#include <algorithm>

#include "spec/primitives.h"

namespace spec {
namespace {

constexpr std::size_t kMaxName = 253, kMaxLabel = 63;

bool IsAlnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

struct NameFacts {
  bool well_formed = false;
  std::size_t labels = 0;
  bool all_numeric = true;
};

// Labels by the rule of host names.
NameFacts Judge(std::string_view name) {
  NameFacts facts;
  if (name.empty() || name.size() > kMaxName) return facts;
  while (true) {
    const auto end = std::min(name.find('.'), name.size());
    const std::string_view label = name.substr(0, end);
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') return facts;
    bool numeric = true;
    for (const char c : label) {
      if (!IsAlnum(c) && c != '-') return facts;
      numeric = numeric && IsDigit(c);
    }
    facts.all_numeric = facts.all_numeric && numeric;
    ++facts.labels;
    if (end == name.size()) break;
    name.remove_prefix(end + 1);
  }
  facts.well_formed = true;
  return facts;
}

// What may stand for the '*' of a pattern: labels of bytes that names are asked with ('_' for services, '*' for the
// wildcard owner name itself, RFC 4592).
bool AreLabelsOfAName(std::string_view labels) {
  std::size_t length = 0;
  for (const char c : labels) {
    if (c == '.') {
      if (length == 0) return false;
      length = 0;
    } else if ((!IsAlnum(c) && !std::string_view("-_*").contains(c)) || ++length > kMaxLabel) {
      return false;
    }
  }
  return length != 0;
}

// inet_aton(3) and URL parsers take such a name for an address: "a.1", "0x7f.1".
bool EndsInNumber(std::string_view name) {
  std::string_view last = name.substr(name.rfind('.') + 1);
  if (std::all_of(last.begin(), last.end(), IsDigit)) return true;
  if (!last.starts_with("0x") && !last.starts_with("0X")) return false;
  return last.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

bool EndsWithIgnoringCase(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && EqualIgnoringCase(text.substr(text.size() - suffix.size()), suffix);
}

}  // namespace

bool IsFqdn(std::string_view text) {
  const NameFacts facts = Judge(text);
  return facts.well_formed && facts.labels >= 2 && !facts.all_numeric;
}

bool IsFqdnPattern(std::string_view text) {
  if (text.size() > kMaxName) return false;
  if (!text.starts_with("*.")) return IsFqdn(text);
  const NameFacts facts = Judge(text.substr(2));
  return facts.well_formed && !facts.all_numeric;
}

bool HostnameMatches(std::string_view pattern, std::string_view host) {
  if (host.empty()) return false;
  if (!pattern.starts_with("*.")) return EqualIgnoringCase(pattern, host);
  const std::string_view suffix = pattern.substr(1);
  if (suffix.size() < 2 || host.size() <= suffix.size() || host.size() > kMaxName) return false;
  if (!EndsWithIgnoringCase(host, suffix) || ParseAddress(host)) return false;
  return AreLabelsOfAName(host.substr(0, host.size() - suffix.size()));
}

bool HostnameAllowed(std::span<const std::string> patterns, std::string_view host) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return HostnameMatches(pattern, host); });
}

bool EgressPatternMatches(std::string_view pattern, std::string_view host) {
  if (pattern == "*") return true;
  if (pattern.starts_with("*.")) return EndsWithIgnoringCase(host, pattern.substr(1));
  return EqualIgnoringCase(pattern, host);
}

std::optional<HostForm> ClassifyHost(std::string_view host) {
  if (ParseAddress(host)) return HostForm::kAddress;
  if (host.contains('/')) return ParseCidr(host) ? std::optional(HostForm::kCidr) : std::nullopt;
  if (!IsFqdnPattern(host) || EndsInNumber(host)) return std::nullopt;
  return host.starts_with("*.") ? HostForm::kWildcard : HostForm::kName;
}

bool IsAddressAndPort(std::string_view text) { return base::ParseIpEndpoint(text).has_value(); }

bool IsRebindEntry(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !IsFqdn(text.substr(0, colon))) return false;
  const std::string_view value = text.substr(colon + 1);
  return ParseAddress(value) || ParseCidr(value);
}

}  // namespace spec
