// SPDX-License-Identifier: Apache-2.0
// The gate's tables: what may be asked, what an address stands for, what a connection is judged by. No I/O.
#pragma once

#include <cstdint>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address_class.h"
#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "gate/ports.h"
#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace gate {

// The one form in which DNS, SNI and Host names are compared: ASCII lower-case, one trailing dot cut, 1 to 253 bytes,
// labels of 1 to 63 bytes of letters, digits, '-', '_' (and '*' alone, RFC 4592). nullopt: no host name.
std::optional<std::string> CanonicalName(std::string_view text);

// Looks texts up in a table of strings without making one.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// A set of literal names and "*.x" patterns; lookups cost one walk over the name, not the size of the set.
class NameSet {
 public:
  void Add(std::string_view pattern, std::uint32_t value);
  // Values of every entry that matches, exact ones first, then wildcards from the longest; nothing for an address text.
  void Match(std::string_view canonical, std::vector<std::uint32_t>* values) const;
  bool empty() const { return rows_.empty(); }

 private:
  // Of one text: a name, and what follows "*.".
  struct Row {
    std::string text;
    std::uint32_t hash = 0;
    std::vector<std::uint32_t> exact, below;
  };
  Row& RowOf(std::string_view text);
  const Row* Find(std::string_view text, std::uint32_t hash) const;
  void Enlarge();

  std::vector<Row> rows_;
  std::vector<std::uint32_t> slots_;  // a power of two, less than half in use: 1 + position in rows_, from its hash on
};

// A row of the names that may be asked; of a configuration's row only the bytes in use.
struct AskableName {
  std::uint32_t index;
  wire::NameSource source;
  std::string pattern;
};

class Grants {
 public:
  // Copies what it needs; the config was decoded by wire::DecodeGateConfig.
  static base::Result<Grants> Create(const wire::GateConfig& config);

  const wire::GateConfigHeader& header() const { return header_; }
  const wire::GateLimits& limits() const { return header_.limits; }
  std::span<const wire::GateResolver> resolvers() const { return resolvers_; }
  std::span<const wire::GateRule> rules() const { return rules_; }
  std::span<const AskableName> names() const { return names_; }
  std::span<const wire::GateSecret> secrets() const { return secrets_; }

  // The row that lets `canonical` be asked.
  std::optional<wire::RuleRef> MayAsk(std::string_view canonical) const;
  // True when an exact (not wildcard) row names it.
  bool NamedExactly(std::string_view canonical) const;
  bool TypeAllowed(std::uint16_t type) const;
  // Why an address may not be given to the workload by name, or nullopt: its class, one of the host's own. An address
  // that a literal rule opens is allowed.
  std::optional<wire::RuleRef> WhyAddressRefused(const base::IpAddress& address) const;
  // responseIpAllowlist: true when there is none, or a row of this name covers the address.
  bool ResponseAllowed(std::string_view canonical, const base::IpAddress& address) const;

  // Rows of `rules()` (positions) with this port and transport.
  std::span<const std::uint32_t> RulesOfPort(std::uint16_t port, bool udp) const;
  // Positions of name rules that match a canonical name.
  void RulesOfName(std::string_view canonical, std::vector<std::uint32_t>* positions) const;
  // Positions of the literal rules that open `address`, whatever their port, ascending; costs the prefix lengths used.
  void LiteralsOf(const base::IpAddress& address, std::vector<std::uint32_t>* positions) const;
  // The builtin row that keeps `address` from everybody whom no literal rule lets in: its class, one of the host's own.
  std::optional<wire::RuleRef> BuiltinRowOf(const base::IpAddress& address) const;

 private:
  struct PrefixHash {
    std::size_t operator()(const base::IpPrefix& prefix) const;
  };
  void AddRule(const wire::GateRule& rule);

  wire::GateConfigHeader header_{};
  std::vector<wire::GateRule> rules_;
  std::vector<AskableName> names_;
  std::vector<wire::GateResolver> resolvers_;
  std::vector<wire::GateSecret> secrets_;
  std::unordered_map<base::IpPrefix, std::vector<std::uint32_t>, PrefixHash> literals_;
  std::vector<std::uint8_t> lengths4_, lengths6_;  // prefix lengths in literals_
  std::vector<base::IpAddress> host_addresses_;    // sorted
  std::unordered_map<std::string, std::vector<base::IpPrefix>, TextHash, std::equal_to<>> responses_;
  NameSet askable_, rule_names_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> by_port_;  // port | udp << 16
};

// Addresses that were answered, with the names they were answered for. Bounded: the entry that ends first makes room.
class Credits final : public CreditSink {
 public:
  explicit Credits(std::size_t bound) : bound_(bound) {}
  // Of two credits of one address and name the one that ends later stays.
  void Remember(const base::IpAddress& address, Credit credit) override;
  // All credits of an address, also ended ones that are not swept yet (for "expired" instead of "not answered").
  std::span<const Credit> Of(const base::IpAddress& address) const;
  void Sweep(base::BootTime now);  // drops what ended more than kRememberEnded ago
  std::size_t size() const { return size_; }

  static constexpr std::chrono::minutes kRememberEnded{10};
  static constexpr std::size_t kNamesPerAddress = 64;

 private:
  struct Hash {
    std::size_t operator()(const base::IpAddress& address) const;
  };
  // One end of a credit; stale when the address has no credit that ends exactly then.
  struct End {
    base::BootTime until;
    base::IpAddress address;
    bool operator>(const End& other) const { return until > other.until; }
  };
  // Of one address. `tags` tells nearly all other names apart by a look at one line of memory.
  struct Held {
    std::vector<Credit> credits;
    std::vector<std::uint32_t> tags;  // of the names, in the same order
    std::size_t Find(std::string_view name, std::uint32_t tag) const;  // tags.size(): not there
  };
  void DropFirstEnding();
  void Forget(const base::IpAddress& address, base::BootTime until);
  std::size_t bound_, size_ = 0;
  std::unordered_map<base::IpAddress, Held, Hash> by_address_;
  std::vector<End> ends_;  // a heap, the earliest first
};

// The decision on a connection before a byte of it is read.
struct FlowVerdict {
  wire::GateReason reason = wire::GateReason::kGateNotAnswered;  // kGateGrantMatch: allowed, maybe under inspection
  wire::RuleRef rule = {};
  std::uint64_t query = 0;
  // Allowed: positions in rules() that may grant it, in document order. With `inspect` none is `tcp` or `udp`, and the
  // first bytes decide which one does, if any.
  std::vector<std::uint32_t> candidates;
  bool inspect = false;
};
// Address, port and protocol must match one rule; an address that no literal rule opens must have been answered for a
// name of that rule and not be over.
FlowVerdict JudgeFlow(const Grants& grants, const Credits& credits, const base::IpEndpoint& to, bool udp,
                      base::BootTime now);

}  // namespace gate
