// SPDX-License-Identifier: Apache-2.0
// Heads of HTTP/1 requests: one pass over the lines.
#include "gate/l7/http1.h"

#include <algorithm>
#include <array>

#include "gate/l7/match.h"

namespace gate::l7 {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool Is(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) { return Lower(a) == b; });
}
bool IsTokenByte(char c) {
  return IsDigit(c) || (Lower(c) >= 'a' && Lower(c) <= 'z') || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}
bool IsToken(std::string_view text) { return !text.empty() && std::ranges::all_of(text, IsTokenByte); }
bool IsValueByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}
std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// What the head's fields say beyond their own line.
struct Fields {
  bool http10 = false, length = false, chunked = false;
  std::string host_port;  // with port, lower-case, to compare with an absolute target
};

void Refuse(RequestHead* out, const char* why) {
  if (out->irregular == nullptr) out->irregular = why;
}

HeadFault RequestLine(std::string_view line, RequestHead* out, Fields* fields) {
  if (!std::ranges::all_of(line, [](char c) { return c >= 0x20 && c <= 0x7e; })) return HeadFault::kBadByte;
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return HeadFault::kNoHttpVersion;
  out->method = line.substr(0, first);
  out->target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  fields->http10 = version == "HTTP/1.0";
  if (!fields->http10 && version != "HTTP/1.1") Refuse(out, "no HTTP/1 version");
  if (!IsToken(out->method)) Refuse(out, "the method is no token");
  if (out->target.empty()) Refuse(out, "no target");
  return HeadFault::kNone;
}

bool HostField(std::string_view value, RequestHead* out, Fields* fields) {
  if (out->has_host) return false;
  bool clean = true;
  out->has_host = true;
  out->host = HostOfAuthority(value, &clean);
  if (!clean) Refuse(out, "a host that is none");
  fields->host_port.assign(value);
  std::ranges::transform(fields->host_port, fields->host_port.begin(), Lower);
  return true;
}

void LengthField(std::string_view value, RequestHead* out, Fields* fields) {
  if (fields->length) return Refuse(out, "a second Content-Length");
  fields->length = true;
  if (value.empty() || value.size() > 18 || !std::ranges::all_of(value, IsDigit)) {
    return Refuse(out, "a Content-Length that is no number");
  }
  for (const char c : value) out->length = out->length * 10 + static_cast<std::uint64_t>(c - '0');
  out->body = BodyForm::kLength;
}

void ConnectionField(std::string_view value, RequestHead* out) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = Trim(value.substr(0, comma));
    for (const std::string_view name : {"host", "content-length", "transfer-encoding", "upgrade"}) {
      if (Is(option, name)) Refuse(out, "Connection names a field of the message's frame, or an upgrade");
    }
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

HeadFault Field(std::string_view line, RequestHead* out, Fields* fields) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    Refuse(out, "a field without a name, or a folded line");
    return HeadFault::kNone;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (!std::ranges::all_of(value, IsValueByte)) Refuse(out, "a byte that no field has");
  if (Is(name, "host")) return HostField(value, out, fields) ? HeadFault::kNone : HeadFault::kDuplicateHost;
  if (Is(name, "content-length")) LengthField(value, out, fields);
  if (Is(name, "transfer-encoding")) {
    if (fields->chunked || !Is(value, "chunked")) Refuse(out, "a Transfer-Encoding other than one chunked");
    fields->chunked = true;
  }
  if (Is(name, "upgrade")) Refuse(out, "Upgrade");
  if (Is(name, "connection")) ConnectionField(value, out);
  return HeadFault::kNone;
}

// The authority without the port that its scheme has anyway.
std::string WithoutDefaultPort(std::string_view authority) {
  if (authority.ends_with(":80")) authority.remove_suffix(3);
  if (authority.ends_with(':')) authority.remove_suffix(1);
  std::string text(authority);
  const std::size_t port = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  const bool has_port = port != std::string::npos && (bracket == std::string::npos || port > bracket);
  const std::size_t end = has_port ? port : text.size();
  if (end > 0 && text[end - 1] == '.') text.erase(end - 1, 1);
  return text;
}

HeadFault Target(RequestHead* out, const Fields& fields) {
  std::string target(out->target);
  if (out->method == "CONNECT") {
    Refuse(out, "CONNECT");
    std::ranges::transform(target, target.begin(), Lower);
    return out->has_host && target == fields.host_port ? HeadFault::kNone : HeadFault::kHostMismatch;
  }
  if (target.starts_with('/') || (target == "*" && out->method == "OPTIONS")) return HeadFault::kNone;
  std::ranges::transform(target, target.begin(), Lower);
  constexpr std::string_view kScheme = "http://";
  if (!target.starts_with(kScheme)) {
    Refuse(out, "a target of no known form");
    return HeadFault::kNone;
  }
  const std::string_view rest = std::string_view(target).substr(kScheme.size());
  const std::string_view authority = rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  if (!out->has_host) return HeadFault::kNone;
  const bool same = WithoutDefaultPort(authority) == WithoutDefaultPort(fields.host_port);
  return same ? HeadFault::kNone : HeadFault::kHostMismatch;
}

void Framing(RequestHead* out, const Fields& fields) {
  if (!fields.chunked) return;
  if (fields.length) Refuse(out, "both Content-Length and Transfer-Encoding");
  if (fields.http10) Refuse(out, "Transfer-Encoding in HTTP/1.0");
  out->body = BodyForm::kChunked;
  out->length = 0;
}

}  // namespace

const char* ToString(HeadFault fault) {
  switch (fault) {
    case HeadFault::kNone:
      return "none";
    case HeadFault::kHeaderTooLong:
      return "header_too_long";
    case HeadFault::kMalformedRequest:
      return "malformed_request";
    case HeadFault::kBadByte:
      return "bad_byte";
    case HeadFault::kNoHttpVersion:
      return "no_http_version";
    case HeadFault::kDuplicateHost:
      return "duplicate_host";
    case HeadFault::kHostMismatch:
      return "host_mismatch";
  }
  return "none";
}

std::size_t HeadSize(std::string_view bytes, std::size_t* scanned, HeadFault* fault) {
  const std::string_view head = bytes.substr(0, kMaxHead);
  while (*scanned < head.size()) {
    const std::size_t end = head.find_first_of("\r\n", *scanned);
    if (end == std::string_view::npos || end + 1 == head.size()) {
      *scanned = std::min(end, head.size());
      if (end != std::string_view::npos && head[end] == '\n') break;
      if (head.size() < kMaxHead) return 0;
      *fault = HeadFault::kHeaderTooLong;
      return std::string_view::npos;
    }
    if (head[end] == '\n' || head[end + 1] != '\n') break;
    *scanned = end + 2;
    if (end >= 2 && head.substr(end - 2, 2) == kLineEnd) return end + 2;
  }
  if (*scanned >= head.size()) {
    if (head.size() < kMaxHead) return 0;
    *fault = HeadFault::kHeaderTooLong;
  } else {
    *fault = HeadFault::kMalformedRequest;
  }
  return std::string_view::npos;
}

HeadFault ParseHead(std::string_view head, RequestHead* out) {
  Fields fields;
  HeadFault host = HeadFault::kNone;
  std::size_t end = head.find(kLineEnd);
  if (end == std::string_view::npos || !head.ends_with("\r\n\r\n")) return HeadFault::kMalformedRequest;
  if (const HeadFault fault = RequestLine(head.substr(0, end), out, &fields); fault != HeadFault::kNone) return fault;
  for (std::size_t start = end + 2; start + 2 < head.size(); start = end + 2) {
    end = head.find(kLineEnd, start);
    if (end == start) break;
    if (const HeadFault fault = Field(head.substr(start, end - start), out, &fields); fault != HeadFault::kNone)
      host = fault;
  }
  Framing(out, fields);
  const HeadFault target = Target(out, fields);
  return host != HeadFault::kNone ? host : target;
}

}  // namespace gate::l7
