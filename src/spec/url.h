// SPDX-License-Identifier: Apache-2.0
// The URLs that documents name: where exports go and where DNS over HTTPS is asked.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace spec {

enum class UrlFault : std::uint8_t { kScheme, kForm };

// Scheme, host and port of an http or https URL, after the host is decoded and brought to one form: lower case; IPv4
// in dotted decimal; IPv6 in RFC 5952 text without brackets; other scripts in Punycode (RFC 3492).
struct HttpUrl {
  bool https = false;
  std::string host;
  std::uint16_t port = 0;  // given, or 80 or 443
};

// Absolute, with "//" and a host; refuses user info, query, fragment, white space and controls. kScheme: another
// scheme.
std::expected<HttpUrl, UrlFault> ParseExportUrl(std::string_view text);

// RFC 3986 §3.2.2, §3.3 to the letter: no character outside ASCII, every '%' starts an escape, a host that is an
// address literal or a name of well-formed labels, port 1 to 65535 where given. Judges what ParseExportUrl took.
bool IsStrictUrl(std::string_view text);

// "https://host[:port]/path", the same strictness; a query is allowed.
bool IsDohUrl(std::string_view text);
// "quic://host[:port]" or "host:port"; host an address (IPv6 in brackets) or a name.
bool IsDoqEndpoint(std::string_view text);

}  // namespace spec
