// SPDX-License-Identifier: Apache-2.0
// Names events travel under.
#include "event/subject.h"

#include <algorithm>

#include "base/encoding.h"

namespace event {
namespace {

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos; }

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string Token(std::string_view id) {
  std::string token(id);
  std::ranges::replace_if(token, [](char c) { return !IsWordByte(c); }, '_');
  return token;
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

std::optional<std::string> EventSubject(const SubjectSettings& settings, std::string_view spec_id,
                                        std::string_view run_id, std::optional<std::string_view> tenant_id) {
  if (settings.event_template && !IsBlank(*settings.event_template)) {
    std::string subject = *settings.event_template;
    ReplaceAll(subject, "{spec_id}", Token(spec_id));
    ReplaceAll(subject, "{run_id}", Token(run_id));
    ReplaceAll(subject, "{tenantId}", tenant_id ? Token(*tenant_id) : "_no_tenant_");
    return subject;
  }
  if (settings.tenant && !IsBlank(*settings.tenant)) {
    const std::string& tenant = *settings.tenant;
    if (tenant.size() > 128 || !std::ranges::all_of(tenant, IsWordByte)) return std::nullopt;
    return "cellos.events." + tenant + "." + Token(spec_id) + "." + Token(run_id);
  }
  return settings.subject.value_or("cellos.events.v1");
}

std::string_view ToString(UrnFault fault) {
  switch (fault) {
    case UrnFault::kMissingUrnScheme: return "missing_urn_scheme";
    case UrnFault::kTooFewSegments: return "too_few_segments";
    case UrnFault::kEmptySegment: return "empty_segment";
    case UrnFault::kBadCharset: return "bad_charset";
    case UrnFault::kControlOrWhitespace: return "control_or_whitespace";
  }
  return "bad_charset";
}

namespace {

// Controls (C0, DEL, C1) and white space of Unicode, judged on UTF-8 bytes.
bool HasControlOrSpace(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte <= 0x20 || byte == 0x7F) return true;
    const std::string_view rest = text.substr(i);
    if (byte == 0xC2 && rest.size() > 1) {
      const auto next = static_cast<unsigned char>(rest[1]);
      if (next <= 0xA0) return true;
    }
    if (rest.starts_with("\xE1\x9A\x80") || rest.starts_with("\xE2\x81\x9F") || rest.starts_with("\xE3\x80\x80")) return true;
    if (rest.starts_with("\xE2\x80") && rest.size() > 2) {
      const auto last = static_cast<unsigned char>(rest[2]);
      if ((last >= 0x80 && last <= 0x8A) || last == 0xA8 || last == 0xA9 || last == 0xAF) return true;
    }
  }
  return false;
}

bool IsUrnWord(std::string_view word) {
  return std::ranges::all_of(word, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

std::expected<std::string, UrnFault> ParseSubjectUrn(std::string_view text) {
  if (HasControlOrSpace(text)) return std::unexpected(UrnFault::kControlOrWhitespace);
  constexpr std::string_view kScheme = "urn:";
  if (!text.starts_with(kScheme)) return std::unexpected(UrnFault::kMissingUrnScheme);
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t first = rest.find(':');
  const std::size_t second = first == std::string_view::npos ? first : rest.find(':', first + 1);
  if (second == std::string_view::npos) return std::unexpected(UrnFault::kTooFewSegments);
  const std::string_view tool = rest.substr(0, first), kind = rest.substr(first + 1, second - first - 1);
  if (tool.empty() || kind.empty() || second + 1 == rest.size()) return std::unexpected(UrnFault::kEmptySegment);
  if (!IsUrnWord(tool) || !IsUrnWord(kind)) return std::unexpected(UrnFault::kBadCharset);
  return std::string(text);
}

std::expected<std::string, UrnFault> CellUrn(std::string_view cell_id) {
  return ParseSubjectUrn("urn:cellos:cell:" + std::string(cell_id));
}

}  // namespace event
