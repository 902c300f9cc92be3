// SPDX-License-Identifier: Apache-2.0
// Names as SNI, Host and :authority carry them, and the rule of a flow that grants one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace gate::l7 {

inline constexpr std::string_view kUnknownName = "(unknown)";

struct Host {
  enum class Kind : std::uint8_t { kMissing, kName, kAddress, kBad };
  Kind kind = Kind::kMissing;
  std::string text;  // canonical name or address (IPv6 in brackets); empty when missing or bad
  std::string ForRecord() const { return text.empty() ? std::string(kUnknownName) : text; }
};
// `raw` without port. Empty, or a dot alone: missing.
Host ReadHost(std::string_view raw);

// What is written before the port: "[v6]" whole, else up to the first ':'; lower-case; one trailing dot cut. `clean` is
// false when a port is no number of at most five digits, a bracket is not closed or a second dot ends the name.
std::string HostOfAuthority(std::string_view authority, bool* clean);

class Matcher {
 public:
  Matcher(std::span<const wire::GateRule> rules, std::vector<std::uint32_t> candidates)
      : rules_(rules), candidates_(std::move(candidates)) {}
  // Some rule is of this protocol.
  bool Speaks(wire::FlowProtocol protocol) const;
  // The first rule of this protocol that grants the host: a name rule by name, an address rule anything but kBad.
  std::optional<wire::RuleRef> Granting(wire::FlowProtocol protocol, const Host& host) const;
  // The first rule of this protocol that asks for no name.
  std::optional<wire::RuleRef> Nameless(wire::FlowProtocol protocol) const;

 private:
  template <typename Test>
  std::optional<wire::RuleRef> First(wire::FlowProtocol protocol, Test test) const;
  std::span<const wire::GateRule> rules_;
  std::vector<std::uint32_t> candidates_;
};

inline wire::RuleRef DefaultRule() { return {.kind = wire::RuleKind::kDefault}; }
inline wire::RuleRef Builtin(wire::BuiltinRule rule) {
  return {.kind = wire::RuleKind::kBuiltin, .index = static_cast<std::uint32_t>(rule)};
}

}  // namespace gate::l7
