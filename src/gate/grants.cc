// SPDX-License-Identifier: Apache-2.0
// The gate's tables.
#include "gate/grants.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace gate {
namespace {

constexpr std::size_t kMaxName = 253, kMaxLabel = 63;

bool IsNameByte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

base::IpAddress AddressOf(const wire::GateAddress& from) {
  base::IpAddress address;
  address.v6 = from.v6 != 0;
  std::memcpy(address.bytes.data(), from.bytes, address.v6 ? 16 : 4);
  return address;
}
base::IpPrefix PrefixOf(const wire::GateAddress& from) { return {AddressOf(from), from.prefix}; }

base::IpPrefix Cut(const base::IpAddress& address, unsigned length) {
  base::IpPrefix prefix = {address, length};
  for (unsigned byte = length / 8; byte < 16; ++byte) {
    const unsigned kept = byte == length / 8 ? length % 8 : 0;
    prefix.address.bytes[byte] &= static_cast<std::uint8_t>(0xff00u >> kept);
  }
  return prefix;
}

// FNV-1a. What is in a set comes from the document, so that nobody else can make its rows meet.
constexpr std::uint32_t kHashOfNothing = 2166136261u;
constexpr std::uint32_t HashOn(std::uint32_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 16777619u;
}

std::size_t HashBytes(const base::IpAddress& address, unsigned more) {
  const std::string_view bytes(reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size());
  return std::hash<std::string_view>()(bytes) ^ (std::size_t{more} * 0x9e3779b97f4a7c15u);
}

bool IsLiteral(const wire::GateRule& rule) {
  return rule.form == wire::HostForm::kAddress || rule.form == wire::HostForm::kCidr;
}
bool IsUdp(const wire::GateRule& rule) { return rule.protocol == wire::FlowProtocol::kUdp; }

wire::RuleRef EgressRule(const wire::GateRule& rule) { return {wire::RuleKind::kEgressRule, {}, rule.index}; }
wire::RuleRef Builtin(std::uint32_t index) { return {wire::RuleKind::kBuiltin, {}, index}; }

}  // namespace

std::optional<std::string> CanonicalName(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kMaxName) return std::nullopt;
  std::string name(text.size(), 0);
  std::size_t label = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = name[i] = Lower(text[i]);
    if (c == '.') {
      if (label == 0) return std::nullopt;
      label = 0;
      continue;
    }
    const bool alone = label == 0 && (i + 1 == text.size() || text[i + 1] == '.');
    if ((!IsNameByte(c) && !(c == '*' && alone)) || ++label > kMaxLabel) return std::nullopt;
  }
  return label == 0 ? std::nullopt : std::optional(std::move(name));
}

void NameSet::Enlarge() {
  slots_.assign(std::bit_ceil(4 * (rows_.size() + 1)), 0);
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    std::size_t slot = rows_[i].hash;
    while (slots_[slot & (slots_.size() - 1)] != 0) ++slot;
    slots_[slot & (slots_.size() - 1)] = i + 1;
  }
}

const NameSet::Row* NameSet::Find(std::string_view text, std::uint32_t hash) const {
  for (std::size_t slot = hash;; ++slot) {
    const std::uint32_t position = slots_[slot & (slots_.size() - 1)];
    if (position == 0) return nullptr;
    const Row& row = rows_[position - 1];
    if (row.hash == hash && row.text == text) return &row;
  }
}

NameSet::Row& NameSet::RowOf(std::string_view text) {
  if (2 * (rows_.size() + 1) >= slots_.size()) Enlarge();
  std::uint32_t hash = kHashOfNothing;
  for (std::size_t i = text.size(); i > 0; --i) hash = HashOn(hash, text[i - 1]);
  if (const Row* known = Find(text, hash)) return rows_[static_cast<std::size_t>(known - rows_.data())];
  std::size_t slot = hash;
  while (slots_[slot & (slots_.size() - 1)] != 0) ++slot;
  rows_.push_back({.text = std::string(text), .hash = hash});
  slots_[slot & (slots_.size() - 1)] = static_cast<std::uint32_t>(rows_.size());
  return rows_.back();
}

void NameSet::Add(std::string_view pattern, std::uint32_t value) {
  const bool wildcard = pattern.starts_with("*.");
  if (wildcard) pattern.remove_prefix(2);
  if (pattern.empty()) return;
  Row& row = RowOf(pattern);
  (wildcard ? row.below : row.exact).push_back(value);
}

// From its end, so that the hash of every ending comes by the way.
void NameSet::Match(std::string_view canonical, std::vector<std::uint32_t>* values) const {
  if (rows_.empty() || canonical.empty() || canonical.size() > kMaxName || base::ParseIpAddress(canonical)) return;
  std::array<const Row*, kMaxName / 2 + 1> endings;
  std::size_t found = 0;
  std::uint32_t hash = kHashOfNothing;
  for (std::size_t i = canonical.size(); i > 0; --i) {
    if (canonical[i - 1] == '.' && i > 1) {
      const Row* row = Find(canonical.substr(i), hash);
      if (row != nullptr && !row->below.empty() && found < endings.size()) endings[found++] = row;
    }
    hash = HashOn(hash, canonical[i - 1]);
  }
  const Row* whole = Find(canonical, hash);
  if (whole != nullptr) values->insert(values->end(), whole->exact.begin(), whole->exact.end());
  while (found > 0) {
    const Row& row = *endings[--found];
    values->insert(values->end(), row.below.begin(), row.below.end());
  }
}

std::size_t Grants::PrefixHash::operator()(const base::IpPrefix& prefix) const {
  return HashBytes(prefix.address, prefix.length * 2 + (prefix.address.v6 ? 1 : 0));
}

void Grants::AddRule(const wire::GateRule& rule) {
  const auto position = static_cast<std::uint32_t>(rules_.size());
  rules_.push_back(rule);
  by_port_[rule.port | (IsUdp(rule) ? 1u << 16 : 0u)].push_back(position);
  if (!IsLiteral(rule)) return rule_names_.Add(rule.host, position);
  const base::IpPrefix prefix = PrefixOf(rule.address);
  literals_[prefix].push_back(position);
  std::vector<std::uint8_t>& lengths = prefix.address.v6 ? lengths6_ : lengths4_;
  const auto length = static_cast<std::uint8_t>(prefix.length);
  if (std::find(lengths.begin(), lengths.end(), length) == lengths.end()) lengths.push_back(length);
}

base::Result<Grants> Grants::Create(const wire::GateConfig& config) {
  if (config.header == nullptr) return base::Fail(base::ErrorKind::kInternal, "the gate's tables need a configuration");
  const wire::GateConfigHeader& header = *config.header;
  Grants grants;
  grants.header_ = header;
  grants.rules_.reserve(header.rules);
  for (std::uint32_t i = 0; i < header.rules; ++i) grants.AddRule(config.rules[i]);
  grants.names_.reserve(header.names);
  for (std::uint32_t i = 0; i < header.names; ++i) {
    const wire::GateName& name = config.names[i];
    grants.names_.push_back({name.index, name.source, name.pattern});
    grants.askable_.Add(name.pattern, i);
  }
  grants.resolvers_.assign(config.resolvers, config.resolvers + header.resolvers);
  grants.secrets_.assign(config.secrets, config.secrets + header.secrets);
  for (std::uint32_t i = 0; i < header.responses; ++i) {
    grants.responses_[config.responses[i].host].push_back(PrefixOf(config.responses[i].address));
  }
  for (std::uint32_t i = 0; i < header.host_addresses; ++i) {
    grants.host_addresses_.push_back(AddressOf(config.host_addresses[i]));
  }
  std::sort(grants.host_addresses_.begin(), grants.host_addresses_.end());
  return grants;
}

std::optional<wire::RuleRef> Grants::MayAsk(std::string_view canonical) const {
  thread_local std::vector<std::uint32_t> positions;
  positions.clear();
  askable_.Match(canonical, &positions);
  if (positions.empty()) return std::nullopt;
  const AskableName& name = names_[*std::min_element(positions.begin(), positions.end())];
  const bool listed = name.source == wire::NameSource::kHostnameAllowlist;
  return wire::RuleRef{listed ? wire::RuleKind::kHostnameAllowlist : wire::RuleKind::kEgressRule, {}, name.index};
}

bool Grants::NamedExactly(std::string_view canonical) const {
  thread_local std::vector<std::uint32_t> positions;
  positions.clear();
  askable_.Match(canonical, &positions);
  return std::any_of(positions.begin(), positions.end(),
                     [&](std::uint32_t position) { return canonical == names_[position].pattern; });
}

bool Grants::TypeAllowed(std::uint16_t type) const {
  const auto* types = header_.query_types;
  return std::find(types, types + header_.query_type_count, type) != types + header_.query_type_count;
}

std::optional<wire::RuleRef> Grants::BuiltinRowOf(const base::IpAddress& address) const {
  if (const base::AddressRow* row = base::ClassifyAddress(address)) {
    return Builtin(static_cast<std::uint32_t>(row - base::AddressTable().data()));
  }
  if (std::binary_search(host_addresses_.begin(), host_addresses_.end(), address)) {
    return Builtin(static_cast<std::uint32_t>(wire::BuiltinRule::kHostAddress));
  }
  return std::nullopt;
}

std::optional<wire::RuleRef> Grants::WhyAddressRefused(const base::IpAddress& address) const {
  const auto row = BuiltinRowOf(address);
  if (!row) return std::nullopt;
  thread_local std::vector<std::uint32_t> positions;
  positions.clear();
  LiteralsOf(address, &positions);
  return positions.empty() ? row : std::nullopt;
}

bool Grants::ResponseAllowed(std::string_view canonical, const base::IpAddress& address) const {
  if (responses_.empty()) return true;
  const auto found = responses_.find(canonical);
  return found != responses_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const base::IpPrefix& prefix) { return base::Contains(prefix, address); });
}

std::span<const std::uint32_t> Grants::RulesOfPort(std::uint16_t port, bool udp) const {
  const auto found = by_port_.find(port | (udp ? 1u << 16 : 0u));
  if (found == by_port_.end()) return {};
  return found->second;
}

void Grants::RulesOfName(std::string_view canonical, std::vector<std::uint32_t>* positions) const {
  rule_names_.Match(canonical, positions);
}

void Grants::LiteralsOf(const base::IpAddress& address, std::vector<std::uint32_t>* positions) const {
  const std::size_t first = positions->size();
  for (const std::uint8_t length : address.v6 ? lengths6_ : lengths4_) {
    const auto found = literals_.find(Cut(address, length));
    if (found == literals_.end() || !base::Opens(found->first, address)) continue;
    positions->insert(positions->end(), found->second.begin(), found->second.end());
  }
  std::sort(positions->begin() + static_cast<std::ptrdiff_t>(first), positions->end());
}

namespace {

// What is known of one destination, in the order of judgement.
struct Findings {
  std::vector<std::uint32_t> granting;       // address, port and transport agree
  const wire::GateRule* other_port = nullptr;      // address agrees
  const wire::GateRule* other_protocol = nullptr;  // address and port agree
  const wire::GateRule* ended = nullptr;           // all agree, but the answer is over
  std::uint64_t query = 0;                   // that answered last, for a name rule
};

void Note(const Grants& grants, std::uint32_t position, const base::IpEndpoint& to, bool udp, Findings* findings) {
  const wire::GateRule& rule = grants.rules()[position];
  const auto keep_first = [&](const wire::GateRule*& kept) {
    if (kept == nullptr || rule.index < kept->index) kept = &rule;
  };
  if (rule.port != to.port) return keep_first(findings->other_port);
  if (IsUdp(rule) != udp) return keep_first(findings->other_protocol);
  findings->granting.push_back(position);
}

// Names open public addresses only: an answer never gives what the table withholds.
void NoteNames(const Grants& grants, const Credits& credits, const base::IpEndpoint& to, bool udp, base::BootTime now,
               Findings* findings) {
  thread_local std::vector<std::uint32_t> positions;
  for (const Credit& credit : credits.Of(to.address)) {
    positions.clear();
    grants.RulesOfName(credit.name, &positions);
    if (credit.until >= now) {
      const std::size_t before = findings->granting.size();
      for (const std::uint32_t position : positions) Note(grants, position, to, udp, findings);
      if (findings->granting.size() != before) findings->query = std::max(findings->query, credit.query);
      continue;
    }
    for (const std::uint32_t position : positions) {
      const wire::GateRule& rule = grants.rules()[position];
      if (rule.port == to.port && IsUdp(rule) == udp && findings->ended == nullptr) findings->ended = &rule;
    }
  }
}

// A rule that asks for no look at the bytes grants alone; else the bytes decide between the others.
FlowVerdict Allow(const Grants& grants, Findings&& findings) {
  FlowVerdict verdict;
  verdict.reason = wire::GateReason::kGateGrantMatch;
  std::sort(findings.granting.begin(), findings.granting.end());
  findings.granting.erase(std::unique(findings.granting.begin(), findings.granting.end()), findings.granting.end());
  const auto plain = [&](std::uint32_t position) {
    const wire::FlowProtocol protocol = grants.rules()[position].protocol;
    return protocol == wire::FlowProtocol::kTcp || protocol == wire::FlowProtocol::kUdp;
  };
  verdict.candidates = std::move(findings.granting);
  verdict.inspect = std::none_of(verdict.candidates.begin(), verdict.candidates.end(), plain);
  if (!verdict.inspect) std::erase_if(verdict.candidates, [&](std::uint32_t position) { return !plain(position); });
  verdict.rule = EgressRule(grants.rules()[verdict.candidates.front()]);
  verdict.query = findings.query;
  return verdict;
}

wire::GateReason ReasonOfRow(const wire::RuleRef& row) {
  const auto rows = base::AddressTable();
  if (row.index >= rows.size()) return wire::GateReason::kGateAddressClass;
  return rows[row.index].address_class == base::AddressClass::kMetadata ? wire::GateReason::kGateMetadata
                                                                        : wire::GateReason::kGateAddressClass;
}

}  // namespace

FlowVerdict JudgeFlow(const Grants& grants, const Credits& credits, const base::IpEndpoint& to, bool udp,
                      base::BootTime now) {
  Findings findings;
  thread_local std::vector<std::uint32_t> literals;
  literals.clear();
  grants.LiteralsOf(to.address, &literals);
  for (const std::uint32_t position : literals) Note(grants, position, to, udp, &findings);
  const auto row = grants.BuiltinRowOf(to.address);
  if (!row) NoteNames(grants, credits, to, udp, now, &findings);
  if (!findings.granting.empty()) return Allow(grants, std::move(findings));

  FlowVerdict verdict;
  if (row && literals.empty()) {
    verdict.reason = ReasonOfRow(*row);
    verdict.rule = *row;
  } else if (findings.other_protocol != nullptr) {
    verdict.reason = wire::GateReason::kGateProtocol;
    verdict.rule = EgressRule(*findings.other_protocol);
  } else if (findings.ended != nullptr) {
    verdict.reason = wire::GateReason::kGateExpired;
    verdict.rule = EgressRule(*findings.ended);
  } else if (findings.other_port != nullptr) {
    verdict.reason = wire::GateReason::kGatePort;
    verdict.rule = EgressRule(*findings.other_port);
  } else {
    verdict.rule = {wire::RuleKind::kDefault, {}, 0};
  }
  return verdict;
}

}  // namespace gate
