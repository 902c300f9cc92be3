// SPDX-License-Identifier: Apache-2.0
#include "dns_message.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <vector>

namespace outside {
namespace {

std::vector<std::string> Words(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string Address(int family, const std::string& text) {
  char bytes[16];
  if (::inet_pton(family, text.c_str(), bytes) != 1) return {};
  return {bytes, family == AF_INET ? 4u : 16u};
}

std::string Text(std::string_view text) { return std::string(1, static_cast<char>(text.size())) + std::string(text); }

std::string FromHex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

// "1 target. alpn=h2 port=8443 ipv4hint=192.0.2.1 ech=HEX ipv6hint=::1"
std::string Svcb(const std::vector<std::string>& words) {
  std::map<unsigned, std::string> parameters;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals), value = words[i].substr(equals + 1);
    if (name == "alpn") parameters[1] = Text(value);
    if (name == "port") parameters[3] = Big16(static_cast<unsigned>(std::stoul(value)));
    if (name == "ipv4hint") parameters[4] = Address(AF_INET, value);
    if (name == "ech") parameters[5] = FromHex(value);
    if (name == "ipv6hint") parameters[6] = Address(AF_INET6, value);
  }
  std::string out = Big16(static_cast<unsigned>(std::stoul(words[0]))) + DnsName(words[1]);
  for (const auto& [key, value] : parameters) out += Big16(key) + Big16(static_cast<unsigned>(value.size())) + value;
  return out;
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

std::optional<std::uint16_t> DnsType(std::string_view text) {
  static const std::map<std::string_view, std::uint16_t> kTypes = {
      {"A", 1},    {"NS", 2},    {"CNAME", 5}, {"SOA", 6},    {"NULL", 10}, {"PTR", 12},   {"MX", 15},
      {"TXT", 16}, {"AAAA", 28}, {"SRV", 33},  {"DNAME", 39}, {"SVCB", 64}, {"HTTPS", 65}, {"ANY", 255}};
  if (const auto found = kTypes.find(text); found != kTypes.end()) return found->second;
  if (text.starts_with("TYPE")) return static_cast<std::uint16_t>(std::stoul(std::string(text.substr(4))));
  return std::nullopt;
}

std::string Big16(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
std::string Big32(std::uint32_t value) { return Big16(value >> 16) + Big16(value & 0xffff); }

std::string DnsName(std::string_view text) {
  std::string out;
  while (!text.empty() && text != ".") {
    const auto dot = std::min(text.find('.'), text.size());
    out += Text(text.substr(0, dot));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return out + '\0';
}

std::optional<DnsQuestion> ReadQuestion(std::string_view message) {
  if (message.size() < 17 || message[4] != 0 || message[5] != 1 || (message[2] & 0x80) != 0) return std::nullopt;
  DnsQuestion question{.id = std::string(message.substr(0, 2)), .recursion = (message[2] & 1) != 0};
  std::size_t at = 12;
  while (at < message.size() && message[at] != 0) {
    const auto length = static_cast<unsigned char>(message[at]);
    if (length > 63 || at + 1 + length >= message.size()) return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    question.name += message.substr(at + 1, length);
    at += 1u + length;
  }
  if (at + 5 > message.size()) return std::nullopt;
  question.type = static_cast<std::uint16_t>(static_cast<unsigned char>(message[at + 1]) << 8 |
                                             static_cast<unsigned char>(message[at + 2]));
  question.wire = message.substr(12, at + 5 - 12);
  const std::string_view rest = message.substr(at + 5);
  if (rest.size() >= 11 && rest[0] == 0 && rest[1] == 0 && rest[2] == 41) {
    question.edns = true;
    question.udp_size =
        static_cast<std::uint16_t>(static_cast<unsigned char>(rest[3]) << 8 | static_cast<unsigned char>(rest[4]));
  }
  return question;
}

std::optional<std::string> DnsData(std::uint16_t type, std::string_view text) {
  const std::vector<std::string> words = Words(text);
  if (words.empty()) return std::nullopt;
  std::string data;
  switch (type) {
    case 1:
      data = Address(AF_INET, words[0]);
      break;
    case 28:
      data = Address(AF_INET6, words[0]);
      break;
    case 2:
    case 5:
    case 12:
    case 39:
      data = DnsName(words[0]);
      break;
    case 15:
      data = Big16(static_cast<unsigned>(std::stoul(words[0]))) + DnsName(words.at(1));
      break;
    case 16:
      data = Text(text);
      break;
    case 64:
    case 65:
      data = words.size() < 2 ? std::string() : Svcb(words);
      break;
    default:
      data = FromHex(words[0]);
  }
  if (data.empty()) return std::nullopt;
  return data;
}

}  // namespace outside
