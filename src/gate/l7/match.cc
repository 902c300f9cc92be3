// SPDX-License-Identifier: Apache-2.0
// Names of hellos and requests against the candidates of a flow.
#include "gate/l7/match.h"

#include <algorithm>

#include "base/ip_address.h"
#include "gate/grants.h"

namespace gate::l7 {

namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsAddressRule(const wire::GateRule& rule) {
  return rule.form == wire::HostForm::kAddress || rule.form == wire::HostForm::kCidr;
}

bool Grants(const wire::GateRule& rule, const Host& host) {
  const std::string_view text(host.text);
  const std::string_view pattern(rule.host);
  switch (rule.form) {
    case wire::HostForm::kAddress:
    case wire::HostForm::kCidr:
      return host.kind != Host::Kind::kBad;
    case wire::HostForm::kName:
      return !text.empty() && text == pattern;
    case wire::HostForm::kWildcard:  // "*.x": one or more labels before ".x"; no canonical name begins with a dot
      return host.kind == Host::Kind::kName && pattern.size() > 2 && text.ends_with(pattern.substr(1));
  }
  return false;
}

}  // namespace

Host ReadHost(std::string_view raw) {
  if (raw.empty() || raw == ".") return {};
  if (raw.front() == '[') {
    if (raw.size() < 4 || raw.back() != ']') return {Host::Kind::kBad, {}};
    const auto address = base::ParseIpAddress(raw.substr(1, raw.size() - 2));
    if (!address || !address->v6) return {Host::Kind::kBad, {}};
    return {Host::Kind::kAddress, "[" + base::ToString(*address) + "]"};
  }
  if (const auto address = base::ParseIpAddress(raw); address) {
    const std::string text = base::ToString(*address);
    return {Host::Kind::kAddress, address->v6 ? "[" + text + "]" : text};
  }
  auto name = CanonicalName(raw);
  if (!name) return {Host::Kind::kBad, {}};
  return {Host::Kind::kName, std::move(*name)};
}

std::string HostOfAuthority(std::string_view authority, bool* clean) {
  *clean = true;
  std::size_t end = authority.size();
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    *clean = close != std::string_view::npos;
    if (*clean) end = close + 1;
  } else {
    end = std::min(authority.find(':'), authority.size());
  }
  const std::string_view after = authority.substr(end);
  if (!after.empty()) {
    const std::string_view port = after.substr(1);
    *clean = *clean && after.front() == ':' && port.size() <= 5 &&
             std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  }
  std::string host(authority.substr(0, end));
  std::ranges::transform(host, host.begin(), Lower);
  if (host.ends_with('.')) host.pop_back();
  if (host.ends_with('.')) *clean = false;  // the name's own reader takes a dot off too
  return host;
}

template <typename Test>
std::optional<wire::RuleRef> Matcher::First(wire::FlowProtocol protocol, Test test) const {
  for (const std::uint32_t position : candidates_) {
    if (position >= rules_.size()) continue;
    const wire::GateRule& rule = rules_[position];
    if (rule.protocol == protocol && test(rule)) return wire::RuleRef{wire::RuleKind::kEgressRule, {}, rule.index};
  }
  return std::nullopt;
}

bool Matcher::Speaks(wire::FlowProtocol protocol) const {
  return First(protocol, [](const wire::GateRule&) { return true; }).has_value();
}

std::optional<wire::RuleRef> Matcher::Granting(wire::FlowProtocol protocol, const Host& host) const {
  return First(protocol, [&](const wire::GateRule& rule) { return Grants(rule, host); });
}

std::optional<wire::RuleRef> Matcher::Nameless(wire::FlowProtocol protocol) const {
  return First(protocol, IsAddressRule);
}

}  // namespace gate::l7
