// SPDX-License-Identifier: Apache-2.0
// Cleaning of URLs in texts for people.
#include <algorithm>
#include <optional>

#include "event/redaction.h"

namespace event {
namespace {

constexpr std::string_view kSeparator = "://";

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

// Schemes whose URLs have one usual spelling: lower-case host, a path, no port of their own default.
struct UsualScheme {
  std::string_view name, port;
};
constexpr UsualScheme kUsual[] = {{"http", "80"}, {"https", "443"}, {"ws", "80"}, {"wss", "443"}, {"ftp", "21"}};

bool IsHostAndPort(std::string_view text) {
  if (text.empty()) return false;
  std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    colon = end + 1 < text.size() && text[end + 1] == ':' ? end + 1 : std::string_view::npos;
    if (end + 1 < text.size() && colon == std::string_view::npos) return false;
  }
  if (colon == 0) return false;
  const std::string_view port = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  return std::ranges::all_of(port, IsDigit) &&
         text.substr(0, colon).find_first_of(" \t\r\n<>\"\\^`{|}") == std::string_view::npos;
}

// `text` without user info and query when it is one URL that has user info; nullopt otherwise.
std::optional<std::string> WithoutUserInfo(std::string_view text) {
  const std::size_t separator = text.find(kSeparator);
  if (separator == 0 || separator == std::string_view::npos || !IsAlpha(text[0])) return std::nullopt;
  const std::string scheme = Lower(text.substr(0, separator));
  if (!std::ranges::all_of(scheme, [](char c) { return IsAlpha(c) || IsDigit(c) || c == '+' || c == '-' || c == '.'; }) ||
      std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7F; })) {
    return std::nullopt;
  }
  const std::string_view rest = text.substr(separator + kSeparator.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos || !IsHostAndPort(authority.substr(at + 1))) return std::nullopt;

  std::string host(authority.substr(at + 1));
  std::string tail(rest.substr(authority.size()));
  if (const std::size_t query = tail.find('?'); query != std::string::npos) {
    tail.erase(query, std::min(tail.find('#', query), tail.size()) - query);
  }
  const auto usual = std::ranges::find(kUsual, scheme, &UsualScheme::name);
  if (usual != std::end(kUsual)) {
    host = Lower(host);
    const std::string port = ":" + std::string(usual->port);
    if (host.ends_with(port) || host.ends_with(':')) host.resize(host.rfind(':'));
    if (!tail.starts_with('/')) tail.insert(0, "/");
  }
  return scheme + "://" + host + tail;
}

// End of a URL in running text.
std::size_t UrlEnd(std::string_view text, std::size_t from) {
  return std::min(text.find_first_of(" \t\r\n\"'<>`", from), text.size());
}

}  // namespace

std::string CleanUrls(std::string_view text) {
  if (auto url = WithoutUserInfo(text)) return *std::move(url);
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(kSeparator); at != std::string_view::npos; at = text.find(kSeparator, done)) {
    const std::size_t begin = at + kSeparator.size();
    out.append(text.substr(done, begin - done));
    done = begin;
    if (const std::size_t sign = text.find('@', begin); sign != std::string_view::npos) {
      out.append("<redacted>");
      done = sign + 1;
    }
    const std::size_t end = UrlEnd(text, done);
    const std::size_t next = std::min(text.find(kSeparator, done), text.size());
    const std::size_t query = text.find('?', done);
    if (query < std::min(end, next)) {
      out.append(text.substr(done, query - done));
      done = end;
    }
  }
  out.append(text.substr(done));
  return out;
}

}  // namespace event
