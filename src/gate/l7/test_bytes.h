// SPDX-License-Identifier: Apache-2.0
// Builds what the tests of this folder send: hellos, frames, rules.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gate/l7/inspector.h"

namespace gate::l7::test {

inline std::string Big(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text.push_back(static_cast<char>(value >> shift));
  return text;
}
inline std::string Block(std::string_view text, int bytes) { return Big(text.size(), bytes) + std::string(text); }
inline std::string Extension(std::size_t type, std::string_view data) { return Big(type, 2) + Block(data, 2); }
inline std::string NameEntry(std::string_view name, char type = 0) { return std::string(1, type) + Block(name, 2); }
inline std::string ServerName(std::string_view entries) { return Extension(0, Block(entries, 2)); }
inline std::string Record(std::string_view payload) { return std::string("\x16\x03\x01", 3) + Block(payload, 2); }
// A handshake message.
inline std::string Hello(std::string_view extensions) {
  const std::string body = std::string("\x03\x03", 2) + std::string(32, 'r') + Block("", 1) +
                           Block(std::string_view("\x13\x01", 2), 2) + Block(std::string_view("\0", 1), 1) +
                           Block(extensions, 2);
  return "\x01" + Block(body, 3);
}
inline std::string HelloFor(std::string_view name) { return Record(Hello(ServerName(NameEntry(name)))); }

inline std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return Big(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + Big(stream, 4) +
         std::string(payload);
}
inline const std::string kStart = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + Frame(4, 0, 0, "");
// GET / http, then the authority as a literal that enters the table.
inline std::string RequestBlock(std::string_view authority) {
  return std::string("\x82\x84\x86\x41", 4) + static_cast<char>(authority.size()) + std::string(authority);
}
inline std::string Request(std::uint32_t stream, std::string_view authority, std::uint8_t flags = 0x5) {
  return Frame(1, flags, stream, RequestBlock(authority));
}
inline std::string Reset(std::uint32_t stream) { return Frame(3, 0, stream, Big(7, 4)); }
inline const std::string kGoAway = Frame(7, 0, 0, Big(1, 4) + Big(1, 4));

inline wire::GateRule Rule(std::uint32_t index, wire::HostForm form, wire::FlowProtocol protocol,
                           std::string_view host) {
  wire::GateRule rule = {};
  rule.index = index;
  rule.form = form;
  rule.protocol = protocol;
  std::memcpy(rule.host, host.data(), std::min(host.size(), sizeof rule.host - 1));
  return rule;
}
using enum wire::HostForm;
using enum wire::FlowProtocol;

// One connection with its rules; the published replies unless asked.
class Connection {
 public:
  explicit Connection(std::vector<wire::GateRule> rules, Replies replies = Replies::kPublished)
      : rules_(std::move(rules)), inspector_(rules_, All(rules_.size()), replies) {}
  Connection& Send(std::string_view bytes) {
    if (out.next == Next::kMore) inspector_.FromClient(Span(bytes), &out);
    return *this;
  }
  // Byte by byte.
  Connection& Trickle(std::string_view bytes) {
    for (const char& c : bytes) Send({&c, 1});
    return *this;
  }
  Connection& Server(std::string_view bytes) {
    inspector_.FromServer(Span(bytes), &out);
    return *this;
  }
  Inspector& inspector() { return inspector_; }
  std::string Reasons() const {
    std::string text;
    for (const Decision& decision : out.decisions) {
      text += (text.empty() ? "" : " ") + std::string(wire::ReasonText(decision.reason));
    }
    return text;
  }
  std::string Names() const {
    std::string text;
    for (const Decision& decision : out.decisions) text += (text.empty() ? "" : " ") + decision.name;
    return text;
  }
  Output out;

 private:
  static std::span<const std::uint8_t> Span(std::string_view bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  }
  static std::vector<std::uint32_t> All(std::size_t count) {
    std::vector<std::uint32_t> positions(count);
    std::iota(positions.begin(), positions.end(), 0u);
    return positions;
  }
  std::vector<wire::GateRule> rules_;
  Inspector inspector_;
};

}  // namespace gate::l7::test
