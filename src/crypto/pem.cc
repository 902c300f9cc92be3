// SPDX-License-Identifier: Apache-2.0
// PEM without OpenSSL: keys of the ordinary kind never need it.
#include "crypto/pem.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace crypto {
namespace {

constexpr std::size_t kLineBytes = 64;

// Takes the next line off `text`, without its end; nullopt when none is left or it is not ended.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::optional<base::Bytes> PemDecode(std::string_view text, std::string_view label) {
  const std::string begin = fmt::format("-----BEGIN {}-----", label);
  const std::string end = fmt::format("-----END {}-----", label);
  if (TakeLine(text) != begin) return std::nullopt;
  std::string body;
  body.reserve(text.size());
  std::optional<base::Bytes> der;
  for (;;) {
    const bool last = text.find('\n') == std::string_view::npos;
    const auto line = last ? std::optional(std::exchange(text, {})) : TakeLine(text);
    if (*line == end) {
      if (text.empty()) der = base::Base64Decode(body);
      break;
    }
    if (last || line->empty() || line->size() > kLineBytes) break;
    body.append(*line);
  }
  explicit_bzero(body.data(), body.size());
  if (der && der->empty()) return std::nullopt;
  return der;
}

std::string PemEncode(base::ByteSpan der, std::string_view label) {
  std::string body = base::Base64Encode(der);
  std::string out;
  out.reserve(body.size() + body.size() / kLineBytes + 2 * label.size() + 64);
  out.append("-----BEGIN ").append(label).append("-----\n");
  for (std::size_t at = 0; at < body.size(); at += kLineBytes) {
    out.append(body, at, kLineBytes).push_back('\n');
  }
  out.append("-----END ").append(label).append("-----\n");
  explicit_bzero(body.data(), body.size());
  return out;
}

}  // namespace crypto
