// SPDX-License-Identifier: Apache-2.0
// URLs: scheme, authority and path, and the host in one form.
#include "spec/url.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/encoding.h"
#include "spec/host.h"
#include "spec/primitives.h"
#include "spec/punycode.h"

namespace spec {
namespace {

struct Parts {
  std::string scheme;  // lower case
  std::string_view authority, rest;
};

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = AsciiLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Scheme and, where "//" follows, authority and the rest. nullopt without a scheme.
std::optional<Parts> Split(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !IsAlpha(text[0])) return std::nullopt;
  Parts parts;
  for (const char c : text.substr(0, colon)) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '+' && c != '-' && c != '.') return std::nullopt;
    parts.scheme += AsciiLower(c);
  }
  text.remove_prefix(colon + 1);
  if (!text.starts_with("//")) return parts;
  text.remove_prefix(2);
  const auto end = std::min(text.find_first_of("/?#\\"), text.size());
  parts.authority = text.substr(0, end);
  parts.rest = text.substr(end);
  return parts;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

// One number of a URL's IPv4 address: decimal, 0 octal, 0x hexadecimal.
std::optional<std::uint64_t> Ipv4Number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  if (text.empty()) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool LooksNumeric(std::string_view label) {
  if (label.empty()) return false;
  if (std::all_of(label.begin(), label.end(), IsDigit)) return true;
  return (label.starts_with("0x") || label.starts_with("0X")) && Ipv4Number(label);
}

// A host whose last label is a number is an IPv4 address in one of the forms of inet_aton(3), or nothing.
std::optional<std::string> Ipv4Host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::vector<std::uint64_t> numbers;
  while (true) {
    const auto dot = std::min(host.find('.'), host.size());
    const auto number = dot == 0 ? std::nullopt : Ipv4Number(host.substr(0, dot));
    if (!number || numbers.size() == 4) return std::nullopt;
    numbers.push_back(*number);
    if (dot == host.size()) break;
    host.remove_prefix(dot + 1);
  }
  std::uint64_t value = numbers.back();
  if (value >= std::uint64_t{1} << (8 * (5 - numbers.size()))) return std::nullopt;
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
    if (numbers[i] > 255) return std::nullopt;
    value += numbers[i] << (8 * (3 - i));
  }
  Address address;
  for (int i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  return ToString(address);
}

std::optional<std::string> NormalHost(std::string_view host) {
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 4) return std::nullopt;
    const auto address = ParseAddress(host.substr(1, host.size() - 2));
    return address && address->v6 ? std::optional(ToString(*address)) : std::nullopt;
  }
  const auto decoded = PercentDecode(host);
  if (!decoded || decoded->empty() || !base::IsUtf8(*decoded)) return std::nullopt;
  for (const char c : *decoded) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte <= 0x20 || byte == 0x7f || std::string_view("#/:<>?@[\\]^|%").contains(c)) return std::nullopt;
  }
  const auto ascii = ToAsciiName(*decoded);
  if (!ascii) return std::nullopt;
  std::string_view last = *ascii;
  if (last.ends_with('.')) last.remove_suffix(1);
  last = last.substr(last.rfind('.') + 1);
  return LooksNumeric(last) ? Ipv4Host(*ascii) : ascii;
}

struct HostPort {
  std::string_view host;
  std::string_view port;  // without ':'
  bool has_port = false;
};

HostPort SplitHostPort(std::string_view authority) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return {authority, {}};
  return {authority.substr(0, colon), authority.substr(colon + 1), true};
}

std::optional<std::uint16_t> Port(std::string_view digits) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

bool IsStrictHost(std::string_view host) {
  if (host.starts_with('[')) {
    return host.ends_with(']') && host.size() >= 4 && host.contains(':') &&
           ParseAddress(host.substr(1, host.size() - 2));
  }
  const auto form = ClassifyHost(host);
  return !host.contains(':') && (form == HostForm::kAddress || form == HostForm::kName);
}

bool IsStrictAuthority(std::string_view authority) {
  const auto [host, port, has_port] = SplitHostPort(authority);
  if (has_port) {
    const auto number = Port(port);
    if (!number || *number == 0 || port[0] == '0') return false;
  }
  return IsStrictHost(host);
}

// pchar, '/' and, where asked, '?': RFC 3986 §3.3, §3.4.
bool IsStrictPath(std::string_view path, bool query) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%') {
      if (i + 2 >= path.size() || HexDigit(path[i + 1]) < 0 || HexDigit(path[i + 2]) < 0) return false;
    } else if (!IsAlpha(c) && !IsDigit(c) && !std::string_view("-._~!$&'()*+,;=:@/").contains(c) &&
               !(query && c == '?')) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::expected<HttpUrl, UrlFault> ParseExportUrl(std::string_view text) {
  const auto parts = Split(text);
  if (!parts) return std::unexpected(UrlFault::kForm);
  HttpUrl url;
  url.https = parts->scheme == "https";
  if (!url.https && parts->scheme != "http") return std::unexpected(UrlFault::kScheme);
  const bool has_blank =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) <= 0x20 || c == 0x7f; });
  const bool has_part = parts->authority.contains('@') || parts->rest.find_first_of("?#\\") != std::string_view::npos;
  if (has_blank || has_part) return std::unexpected(UrlFault::kForm);
  const HostPort host_port = SplitHostPort(parts->authority);
  auto host = NormalHost(host_port.host);
  if (!host || host->empty()) return std::unexpected(UrlFault::kForm);
  url.host = std::move(*host);
  url.port = url.https ? 443 : 80;
  if (!host_port.port.empty()) {
    const auto port = Port(host_port.port);
    if (!port) return std::unexpected(UrlFault::kForm);
    url.port = *port;
  }
  return url;
}

bool IsStrictUrl(std::string_view text) {
  const auto parts = Split(text);
  return parts && IsStrictAuthority(parts->authority) && IsStrictPath(parts->rest, false);
}

bool IsDohUrl(std::string_view text) {
  const auto parts = Split(text);
  return parts && parts->scheme == "https" && IsStrictAuthority(parts->authority) && IsStrictPath(parts->rest, true);
}

bool IsDoqEndpoint(std::string_view text) {
  const auto parts = Split(text);
  if (parts && parts->scheme == "quic") return parts->rest.empty() && IsStrictAuthority(parts->authority);
  return SplitHostPort(text).has_port && IsStrictAuthority(text);
}

}  // namespace spec
