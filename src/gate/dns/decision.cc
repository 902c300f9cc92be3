// SPDX-License-Identifier: Apache-2.0
// The order of the decision, and the words of a denial.
#include "gate/dns/decision.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "base/address_class.h"

namespace gate::dns {
namespace {

// Hosts of public resolvers that answer over HTTPS; each stands for every name below it as well. Sorted.
constexpr std::string_view kDohHosts[] = {
    "8888.google",           "adguard-dns.com",      "applied-privacy.net",     "chrome.cloudflare-dns.com",
    "cloudflare-dns.com",    "controld.com",         "dns.adguard.com",         "dns.alidns.com",
    "dns.decloudus.com",     "dns.digitale-gesellschaft.ch", "dns.google",      "dns.google.com",
    "dns.mullvad.net",       "dns.nextdns.io",       "dns.njal.la",             "dns.pub",
    "dns.quad9.net",         "dns.sb",               "dns.switch.ch",           "dns.twnic.tw",
    "dns.umbrella.com",      "dns0.eu",              "dns10.quad9.net",         "dns11.quad9.net",
    "dns9.quad9.net",        "doh.360.cn",           "doh.cleanbrowsing.org",   "doh.dns.apple.com",
    "doh.ffmuc.net",         "doh.libredns.gr",      "doh.mullvad.net",         "doh.opendns.com",
    "doh.pub",               "doh.umbrella.com",     "doh.xfinity.com",         "familyshield.opendns.com",
    "joindns4.eu",           "mozilla.cloudflare-dns.com", "odvr.nic.cz",       "one.one.one.one",
    "ordns.he.net",          "wikimedia-dns.org",
};
static_assert(std::ranges::is_sorted(kDohHosts));

// Tells nearly every other name apart without looking through the list: a bit for each pair of length and first letter.
constexpr std::size_t ShapeOf(std::string_view name) {
  return (name.size() * 31 + static_cast<unsigned char>(name.front())) % 512;
}
constexpr auto kDohShapes = [] {
  std::array<std::uint64_t, 8> words{};
  for (const std::string_view host : kDohHosts) words[ShapeOf(host) / 64] |= std::uint64_t{1} << ShapeOf(host) % 64;
  return words;
}();
bool MayBeDohHost(std::string_view name) {
  return !name.empty() && (kDohShapes[ShapeOf(name) / 64] >> ShapeOf(name) % 64 & 1) != 0;
}

wire::RuleRef Builtin(wire::BuiltinRule rule) {
  return {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(rule)};
}

// Names of the address table's rows, as FormatRuleRef takes them.
const std::vector<const char*>& AddressRowNames() {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> list;
    for (const base::AddressRow& row : base::AddressTable()) list.push_back(row.name.data());  // literals
    return list;
  }();
  return names;
}

std::uint16_t ErrorCodeOf(wire::GateReason reason) {
  switch (reason) {
    case wire::GateReason::kUpstreamFailure: return kEdeNoReachableAuthority;
    case wire::GateReason::kDeniedDnssec: return kEdeBogus;
    case wire::GateReason::kDeniedAddressClass:
    case wire::GateReason::kDeniedBudget:
    case wire::GateReason::kDeniedCnameChain:
    case wire::GateReason::kDeniedRebind: return kEdeFiltered;
    default: return kEdeBlocked;
  }
}

Decision Refuse(wire::GateReason reason, wire::RuleRef rule) { return {Action::kRefuse, reason, rule}; }

}  // namespace

Decision Decide(Bytes message, ClientTransport transport, const Grants& grants, Question* question) {
  if (transport == ClientTransport::kUdp) message = message.first(std::min(message.size(), kMaxForwardedBytes));
  const QuestionFault fault = ParseQuestion(message, question);
  if (fault != QuestionFault::kNone) {
    return {Action::kDrop, wire::GateReason::kMalformedQuery, Builtin(wire::BuiltinRule::kDnsWire), fault};
  }
  if (!grants.TypeAllowed(question->type)) {
    return Refuse(wire::GateReason::kDeniedQueryType, {wire::RuleKind::kAllowedQueryTypes});
  }
  const std::optional<wire::RuleRef> row =
      question->name().empty() ? std::nullopt : grants.MayAsk(question->name());
  if (!row) return Refuse(wire::GateReason::kDeniedNotInAllowlist, {wire::RuleKind::kDefault});
  if (IsDohHost(question->name()) && !grants.NamedExactly(question->name())) {
    return Refuse(wire::GateReason::kDeniedDohHost, Builtin(wire::BuiltinRule::kDohHosts));
  }
  if (message.size() > kMaxForwardedBytes) {
    return Refuse(wire::GateReason::kUpstreamFailure, Builtin(wire::BuiltinRule::kLimits));
  }
  return {Action::kForward, wire::GateReason::kAllowedByAllowlist, *row};
}

std::uint8_t RcodeOf(wire::GateReason reason) {
  const bool failed = reason == wire::GateReason::kUpstreamFailure || reason == wire::GateReason::kDeniedDnssec;
  return failed ? kRcodeServfail : kRcodeRefused;
}

std::string_view DenialText(wire::GateReason reason, wire::RuleRef rule, std::span<char, 160> out) {
  const std::string_view code = wire::ReasonText(reason);
  std::size_t size = std::min(code.size(), out.size() / 2);
  memcpy(out.data(), code.data(), size);
  out[size++] = ':';
  out[size++] = ' ';
  const std::vector<const char*>& rows = AddressRowNames();
  size += wire::FormatRuleRef(rule, rows.data(), rows.size(), out.data() + size, out.size() - size);
  return {out.data(), size};
}

std::size_t WriteDenial(const Question& question, wire::GateReason reason, wire::RuleRef rule,
                        std::span<std::uint8_t, kMaxReplyBytes> out) {
  std::array<char, 160> buffer;
  const std::string_view text = question.edns ? DenialText(reason, rule, buffer) : std::string_view{};
  return WriteReply(question, RcodeOf(reason), {ErrorCodeOf(reason), text}, out);
}

bool IsDohHost(std::string_view canonical) {
  for (;;) {
    if (MayBeDohHost(canonical) && std::ranges::binary_search(kDohHosts, canonical)) return true;
    const std::size_t dot = canonical.find('.');
    if (dot == std::string_view::npos) return false;
    canonical.remove_prefix(dot + 1);
  }
}

Refusal GrantsPolicy::WhyRefused(const base::IpAddress& address) const {
  const std::optional<wire::RuleRef> rule = grants_.WhyAddressRefused(address);
  return rule ? Refusal{wire::GateReason::kDeniedAddressClass, *rule} : Refusal{};
}

bool GrantsPolicy::MayLeadTo(std::string_view name) const { return !IsDohHost(name) || grants_.NamedExactly(name); }

}  // namespace gate::dns
