// SPDX-License-Identifier: Apache-2.0
// Alerts, 403 answers and frames of refusals.
#include "gate/l7/replies.h"

#include <string_view>

namespace gate::l7 {

namespace {

std::string RuleText(wire::RuleRef rule) {
  char text[128] = {};
  const std::size_t size = wire::FormatRuleRef(rule, nullptr, 0, text, sizeof text);
  return {text, size};
}

std::string CodeAndRule(const Decision& decision) {
  std::string text = wire::ReasonText(decision.reason);
  return text.append(" ").append(RuleText(decision.rule));
}

std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string frame;
  for (int shift = 16; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(payload.size() >> shift));
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(stream >> shift));
  return frame.append(payload);
}

std::string Number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

}  // namespace

std::string TlsAlert(Alert alert, Replies replies) {
  if (replies == Replies::kPublished) return {};
  return {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, static_cast<char>(alert)};
}

std::string Forbidden(const Decision& decision, Replies replies) {
  if (replies == Replies::kPublished) {
    return "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }
  const std::string why = CodeAndRule(decision);
  const std::string body = "CellOS refused " + decision.name + ": " + why + "\n";
  return "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\nCellOS-Denied: " + why + "\r\n\r\n" + body;
}

std::string RstStream(std::uint32_t stream, std::uint32_t error) { return Frame(3, 0, stream, Number(error)); }
std::string GoAway() { return Frame(7, 0, 0, Number(1) + Number(kProtocolError)); }
std::string EmptySettings() { return Frame(4, 0, 0, {}); }
std::string WindowUpdate(std::uint32_t increment) { return Frame(8, 0, 0, Number(increment)); }

std::string ForbiddenHeaders(const Decision& decision) {
  constexpr std::string_view kName = "cellos-denied";
  const std::string why = CodeAndRule(decision).substr(0, 126);
  std::string block(
      "\x08\x03"
      "403",
      5);  // literal without indexing, name of static entry 8
  block.append({0, static_cast<char>(kName.size())}).append(kName);
  block.append({static_cast<char>(why.size())}).append(why);
  return Frame(1, 0x5, decision.stream, block);  // END_STREAM, END_HEADERS
}

}  // namespace gate::l7
