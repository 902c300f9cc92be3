// SPDX-License-Identifier: Apache-2.0
// Fields of a request's header block, judged one by one.
#include "gate/l7/h2_request.h"

#include <algorithm>

#include "gate/l7/match.h"

namespace gate::l7 {

namespace {

enum Pseudo : unsigned { kMethod = 1, kScheme = 2, kAuthority = 4, kPath = 8, kProtocol = 16 };

unsigned PseudoBit(std::string_view name) {
  if (name == ":method") return kMethod;
  if (name == ":scheme") return kScheme;
  if (name == ":authority") return kAuthority;
  if (name == ":path") return kPath;
  if (name == ":protocol") return kProtocol;
  return 0;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return lower;
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// RFC 9113 §8.2.1.
bool IsValue(std::string_view value) {
  if (!value.empty() && (IsBlank(value.front()) || IsBlank(value.back()))) return false;
  return value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}
bool IsName(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f && c != ':' && (c < 'A' || c > 'Z'); });
}

}  // namespace

void H2Request::OnField(std::string_view name, std::string_view value, Coding coding) {
  if (!IsValue(value)) Refuse("a byte that no field has");
  if (name.starts_with(':')) return Pseudo(name, value, coding);
  regular_ = true;
  if (!IsName(name)) Refuse("a name that is none");
  for (const std::string_view hop : {"connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection"}) {
    if (name == hop) Refuse("a field of HTTP/1 connections");
  }
  if (name != "host") return;
  if (has_host_) Refuse("a second host");
  has_host_ = true;
  host_field_ = Lower(value);
}

void H2Request::Pseudo(std::string_view name, std::string_view value, Coding coding) {
  const unsigned bit = PseudoBit(name);
  if (bit == 0 || regular_ || (pseudo_ & bit) != 0) Refuse("pseudo-fields out of order, twice, or unknown");
  pseudo_ |= bit;
  if (bit == kMethod) method_ = value;
  if (bit == kPath) path_ = value;
  if (bit != kAuthority || value.empty() || has_authority_) return;
  has_authority_ = true;
  coding_ = coding;
  ascii_ = std::ranges::all_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  authority_ = Lower(value);
  std::string_view trimmed = authority_;
  while (!trimmed.empty() && IsBlank(trimmed.front())) trimmed.remove_prefix(1);
  while (!trimmed.empty() && IsBlank(trimmed.back())) trimmed.remove_suffix(1);
  bool clean = true;
  host_ = HostOfAuthority(trimmed, &clean);
  if (!clean) Refuse("an authority that is none");
}

void H2Request::Finish() {
  const unsigned needed = connect() ? kMethod : kMethod | kScheme | kPath;
  if ((pseudo_ & needed) != needed) Refuse("a pseudo-field is missing");
  if (!connect() && !path_.starts_with('/') && (path_ != "*" || method_ != "OPTIONS")) Refuse("a path that is none");
  host_differs_ = has_host_ && has_authority_ && host_field_ != authority_;
}

}  // namespace gate::l7
