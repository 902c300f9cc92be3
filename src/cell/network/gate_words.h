// SPDX-License-Identifier: Apache-2.0
// The fields of gate records as the contract writes them, and what a refusal is called.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "cell/network/denials.h"
#include "plan/network.h"
#include "wire/gate_record.h"

namespace cell {

// "authority.egressRules[3]"; nullopt where none decided.
std::optional<std::string> RuleText(wire::RuleRef rule);
// The same text, kept: the next record mostly has the rule of the one before. Empty where none decided.
class LastRule {
 public:
  std::string_view Of(wire::RuleRef rule);

 private:
  wire::RuleRef rule_ = {};
  std::string text_;
};
// "AAAA", or "TYPE99" where the contract has no word.
std::string QueryTypeText(std::uint16_t type);
std::string AddressText(const wire::GateRecord& record);
class LastAddress {  // as LastRule
 public:
  std::string_view Of(const wire::GateRecord& record);

 private:
  base::IpAddress address_;
  std::string text_;
};
// "192.0.2.1:443/tcp", "[2001:db8::1]:53/udp".
std::string TargetText(const wire::GateRecord& record);
std::string_view ProtocolText(wire::IpProtocol protocol);
std::string_view DnssecReasonText(wire::DnssecFault fault, bool dataplane);
std::string_view SecretFaultText(wire::SecretFault fault);

// What a denied kDnsQuery, kFlow or kL7 is called, with a hint; `known_name`: the granted name of a flow's address, or
// empty.
Denial DenialOf(const wire::GateRecord& record, const std::string& known_name, const plan::NetworkPlan& network);

}  // namespace cell
