// SPDX-License-Identifier: Apache-2.0
// Words for numbers.
#include "cell/network/gate_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/address_class.h"
#include "base/encoding.h"

namespace cell {
namespace {

using wire::GateReason;
using wire::GateRecord;
using wire::GateRecordKind;

struct TypeName {
  std::uint16_t type;
  std::string_view name;
};
constexpr TypeName kTypes[] = {{1, "A"},   {2, "NS"},    {5, "CNAME"}, {12, "PTR"},  {15, "MX"},
                               {16, "TXT"}, {28, "AAAA"}, {33, "SRV"},  {64, "SVCB"}, {65, "HTTPS"}};

std::vector<const char*> AddressRows() {
  std::vector<const char*> names;
  for (const base::AddressRow& row : base::AddressTable()) names.push_back(row.name.data());  // literals
  return names;
}

base::IpAddress AddressOf(const GateRecord& record) {
  base::IpAddress address{.v6 = record.v6 != 0};
  std::copy(std::begin(record.address), std::end(record.address), address.bytes.begin());
  return address;
}

std::string Grant(std::string_view what) { return fmt::format("`--allow {}` would grant it", what); }

// "tracker.example" for the default port, else "tracker.example:8443".
std::string WithPort(std::string_view host, std::uint16_t port) {
  return port == 443 || port == 0 ? std::string(host) : fmt::format("{}:{}", host, port);
}

std::string DnsHint(const GateRecord& record, const std::string& name) {
  switch (record.reason) {
    case GateReason::kDeniedNotInAllowlist:
    case GateReason::kDeniedDohHost: return name == "(unknown)" ? std::string() : Grant(name);
    case GateReason::kDeniedQueryType:
      return fmt::format("dnsAuthority.allowedQueryTypes does not hold {}", QueryTypeText(record.type));
    case GateReason::kDeniedAddressClass:
      return "no name opens private or special addresses; `--allow ADDRESS:PORT/tcp` grants one";
    case GateReason::kDeniedBudget: return "dnsAuthority.budget sets how much may be asked";
    default: return {};
  }
}

std::string FlowHint(const GateRecord& record, const std::string& known_name) {
  switch (record.reason) {
    case GateReason::kGateNotAnswered:
    case GateReason::kGateMetadata:
    case GateReason::kGateAddressClass: return Grant(TargetText(record));
    case GateReason::kGatePort:
    case GateReason::kGateProtocol:
      if (known_name.empty()) return Grant(TargetText(record));
      return Grant(fmt::format("{}:{}{}", known_name, record.port,
                               record.protocol == wire::IpProtocol::kUdp ? "/udp" : ""));
    case GateReason::kGateExpired: return "ask its name again";
    default: return {};
  }
}

std::string L7Hint(const GateRecord& record, const std::string& host) {
  switch (record.reason) {
    case GateReason::kL7SniAllowlistMiss:
    case GateReason::kL7HttpHostAllowlistMiss:
    case GateReason::kL7H2AuthorityAllowlistMiss:
    case GateReason::kL7H2AuthorityAllowlistMissHuffman:
    case GateReason::kL7H2AuthorityAllowlistMissDynamicIndexed: return Grant(WithPort(host, record.port));
    case GateReason::kL7UnknownProtocol:
      return fmt::format("a rule with protocol tcp lets any bytes pass: `--allow HOST:{}/tcp`", record.port);
    default: return {};
  }
}

}  // namespace

std::optional<std::string> RuleText(wire::RuleRef rule) {
  static const std::vector<const char*> rows = AddressRows();
  char text[128];
  const std::size_t size = wire::FormatRuleRef(rule, rows.data(), rows.size(), text, sizeof text);
  if (size == 0) return std::nullopt;
  return std::string(text, size);
}

std::string_view LastRule::Of(wire::RuleRef rule) {
  if (rule.kind != rule_.kind || rule.index != rule_.index) {
    rule_ = rule;
    text_ = RuleText(rule).value_or(std::string());
  }
  return text_;
}

std::string QueryTypeText(std::uint16_t type) {
  for (const TypeName& row : kTypes) {
    if (row.type == type) return std::string(row.name);
  }
  return fmt::format("TYPE{}", type);
}

std::string AddressText(const GateRecord& record) { return base::ToString(AddressOf(record)); }

std::string_view LastAddress::Of(const GateRecord& record) {
  const base::IpAddress address = AddressOf(record);
  if (text_.empty() || address != address_) {
    address_ = address;
    text_ = base::ToString(address);
  }
  return text_;
}

std::string_view ProtocolText(wire::IpProtocol protocol) {
  return protocol == wire::IpProtocol::kUdp ? "udp" : "tcp";
}

std::string TargetText(const GateRecord& record) {
  const std::string address = AddressText(record);
  const std::string_view protocol = ProtocolText(record.protocol);
  return record.v6 != 0 ? fmt::format("[{}]:{}/{}", address, record.port, protocol)
                        : fmt::format("{}:{}/{}", address, record.port, protocol);
}

std::string_view DnssecReasonText(wire::DnssecFault fault, bool dataplane) {
  switch (fault) {
    case wire::DnssecFault::kValidationFailed: return "validation_failed";
    case wire::DnssecFault::kUnsignedInRequireMode: return dataplane ? "unsigned_in_require_mode" : "unsigned_zone";
    case wire::DnssecFault::kUnsupportedTypeInRequireMode: return "unsupported_query_type_in_require_mode";
  }
  return "validation_failed";
}

std::string_view SecretFaultText(wire::SecretFault fault) {
  switch (fault) {
    case wire::SecretFault::kUnauthorized: return "unauthorized";
    case wire::SecretFault::kExpired: return "secret expired";
    case wire::SecretFault::kUnknownKey: return "unknown secret key";
    case wire::SecretFault::kBroker: return "broker";
    case wire::SecretFault::kPeer: return "peer is not the workload";
    case wire::SecretFault::kMalformed: return "malformed request";
  }
  return "malformed request";
}

Denial DenialOf(const GateRecord& record, const std::string& known_name, const plan::NetworkPlan&) {
  const std::string name = record.name[0] == 0 ? std::string("(unknown)") : base::Escape(record.name);
  Denial denial{.rule_ref = RuleText(record.rule).value_or("default"), .reason_code = wire::ReasonText(record.reason)};
  const GateRecordKind kind = record.kind == GateRecordKind::kSuppressed ? record.kind2 : record.kind;
  switch (kind) {
    case GateRecordKind::kDnsQuery:
      denial.what = name;
      denial.hint = DnsHint(record, name);
      break;
    case GateRecordKind::kL7:
      denial.what = record.name[0] == 0 ? TargetText(record) : fmt::format("{}:{}", name, record.port);
      denial.hint = L7Hint(record, name);
      break;
    default:
      denial.what = known_name.empty() ? TargetText(record)
                                       : fmt::format("{}:{}/{}", known_name, record.port, ProtocolText(record.protocol));
      denial.hint = FlowHint(record, known_name);
      break;
  }
  if (record.kind == GateRecordKind::kSuppressed) {
    denial.count = record.count;
    denial.hint.clear();
    if (denial.what.empty() || record.name[0] == 0) denial.what = "(more)";
  }
  return denial;
}

}  // namespace cell
