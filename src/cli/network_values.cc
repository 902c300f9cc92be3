// SPDX-License-Identifier: Apache-2.0
// Cutting a text at the separators that can be meant; an IPv6 address has many colons and a CIDR a slash of its own.
#include "cli/network_values.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/encoding.h"
#include "base/ip_address.h"

namespace cli {
namespace {

constexpr std::string_view kProtocols[] = {"https", "http", "tcp", "udp"};

std::unexpected<base::Error> Bad(std::string_view text, std::string_view allowed) {
  return base::Fail(base::ErrorKind::kInvalid,
                    "\"" + base::Escape(text) + "\" is not understood; allowed is " + std::string(allowed));
}

constexpr std::string_view kAllowForm =
    "HOST[:PORT][/PROTOCOL]: a name, *.name, an address or a CIDR (IPv6 with a port: [ADDRESS]:PORT), a port from 1 to "
    "65535, and https, http, tcp or udp";

std::optional<std::uint16_t> PortOf(std::string_view digits) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value == 0 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

}  // namespace

base::Result<AllowedHost> ParseAllowedHost(std::string_view text) {
  AllowedHost allowed;
  std::string_view rest = text;
  if (const auto slash = rest.rfind('/'); slash != rest.npos) {
    const std::string_view word = rest.substr(slash + 1);
    // What follows the last slash is a protocol, or the length of a prefix with or without a port.
    if (word.empty() || word.front() < '0' || word.front() > '9') {
      if (std::ranges::find(kProtocols, word) == std::end(kProtocols)) return Bad(text, kAllowForm);
      allowed.protocol = word;
      rest = rest.substr(0, slash);
    }
  }
  std::string_view host = rest, port;
  bool has_port = false;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == rest.npos) return Bad(text, kAllowForm);
    host = rest.substr(1, close - 1);
    const std::string_view behind = rest.substr(close + 1);
    has_port = !behind.empty();
    if (has_port && behind.front() != ':') return Bad(text, kAllowForm);
    if (has_port) port = behind.substr(1);
  } else if (std::ranges::count(rest, ':') == 1) {
    const auto colon = rest.find(':');
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    has_port = true;
  }
  if (host.empty()) return Bad(text, kAllowForm);
  if (has_port) {
    const auto number = PortOf(port);
    if (!number) return Bad(text, kAllowForm);
    allowed.port = *number;
  }
  allowed.host = host;
  allowed.is_name = !base::ParseIpAddress(host) && !base::ParseIpPrefix(host);
  return allowed;
}

base::Result<ResolverAddress> ParseResolver(std::string_view text) {
  constexpr std::string_view kForm = "IP:PORT, tls://IP[:PORT] or https://IP[:PORT]/PATH";
  if (text.starts_with("https://")) return ResolverAddress{std::string(text), "doh"};
  const bool tls = text.starts_with("tls://");
  const std::string_view address = tls ? text.substr(6) : text;
  if (base::ParseIpEndpoint(address)) return ResolverAddress{std::string(address), tls ? "dot" : "do53-udp"};
  const std::string_view bare = address.starts_with('[') && address.ends_with(']') ? address.substr(1, address.size() - 2)
                                                                                    : address;
  const auto ip = base::ParseIpAddress(bare);
  if (!ip) return Bad(text, kForm);
  return ResolverAddress{base::ToString(base::IpEndpoint{*ip, static_cast<std::uint16_t>(tls ? 853 : 53)}),
                         tls ? "dot" : "do53-udp"};
}

}  // namespace cli
