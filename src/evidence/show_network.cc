// SPDX-License-Identifier: Apache-2.0
#include "evidence/show_network.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "event/types.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxWord = 80;

std::string Word(const JcsScanner& leaf, std::string_view name) {
  return base::Escape(StringOf(leaf.FindData(name)).value_or(std::string()), kMaxWord);
}

// What was asked for, "" where the log does not say: a row that stands for many has no name of its own.
std::string OrMany(std::string text) { return text.empty() ? "(several)" : text; }

std::string FlowTarget(const JcsScanner& leaf) {
  const std::string address = Word(leaf, "dstAddr");
  if (address.empty()) return OrMany({});
  const std::string name =
      base::Escape(StringOf(FindMember(leaf.FindData("query"), "name")).value_or(std::string()), kMaxWord);
  return fmt::format("{}:{}/{}{}", address, UintOf(leaf.FindData("dstPort")).value_or(0), Word(leaf, "protocol"),
                     name.empty() ? "" : fmt::format(" ({})", name));
}

std::string Why(const JcsScanner& leaf) {
  const std::string reason = Word(leaf, "reasonCode"), rule = Word(leaf, "ruleRef");
  return rule.empty() ? reason : fmt::format("{}, {}", reason, rule);
}

// A row with `suppressed` stands for that many denials that have none of their own.
std::uint64_t CountOf(const JcsScanner& leaf) {
  return std::max<std::uint64_t>(1, UintOf(leaf.FindData("suppressed")).value_or(0));
}

std::uint64_t Sum(std::uint64_t a, std::uint64_t b) { return a > ~b ? ~std::uint64_t{0} : a + b; }

}  // namespace

std::size_t NetworkSummary::Note(bool allowed, std::string what, std::string why, std::uint64_t count, bool proven) {
  const auto [found, fresh] = index_.try_emplace(fmt::format("{}\n{}\n{}", allowed, what, why), kinds_.size());
  if (fresh && kinds_.size() == kKinds) {
    index_.erase(found);
    not_kept_ = Sum(not_kept_, count);
    return kKinds;
  }
  if (fresh) kinds_.push_back({.allowed = allowed, .what = std::move(what), .why = std::move(why)});
  Kind& kind = kinds_[found->second];
  kind.count = Sum(kind.count, count);
  kind.proven = kind.proven && proven;
  return found->second;
}

void NetworkSummary::TakeFlow(const JcsScanner& leaf, bool proven) {
  const bool allowed = PlainStringOf(leaf.FindData("decision")) == "allow";
  const std::size_t kind = Note(allowed, FlowTarget(leaf), Why(leaf), CountOf(leaf), proven);
  const auto id = PlainStringOf(leaf.FindData("flowId"));
  if (kind < kKinds && allowed && id && kind_of_flow_.size() < kFlows) kind_of_flow_.emplace(*id, kind);
}

void NetworkSummary::TakeClosed(const JcsScanner& leaf) {
  const auto id = PlainStringOf(leaf.FindData("flowId"));
  const auto found = id ? kind_of_flow_.find(std::string(*id)) : kind_of_flow_.end();
  if (found == kind_of_flow_.end()) return;
  Kind& kind = kinds_[found->second];
  kind.out = Sum(kind.out, UintOf(leaf.FindData("bytesOut")).value_or(0));
  kind.in = Sum(kind.in, UintOf(leaf.FindData("bytesIn")).value_or(0));
  kind_of_flow_.erase(found);
}

void NetworkSummary::Take(const JcsScanner& leaf, bool proven) {
  const std::string_view type = PlainStringOf(leaf.Find("type")).value_or(std::string_view());
  if (type == event::kNetworkFlowDecision) return TakeFlow(leaf, proven);
  if (type == event::kNetworkFlowClosed) return TakeClosed(leaf);
  if (type == event::kDnsQuery) {
    const bool allowed = PlainStringOf(leaf.FindData("decision")) == "allow";
    Note(allowed, fmt::format("name {}", OrMany(Word(leaf, "queryName"))), Why(leaf), CountOf(leaf), proven);
  }
  // The supervisor's rows of this type say what the document grants, the gate's what was asked for.
  if (type == event::kL7EgressDecision && PlainStringOf(leaf.Find("observer")) == "gate.l7") {
    const bool allowed = PlainStringOf(leaf.FindData("action")) == "allow";
    Note(allowed, fmt::format("host {}", OrMany(Word(leaf, "sniHost"))), Why(leaf), CountOf(leaf), proven);
  }
}

std::string NetworkSummary::ToText() const {
  if (kinds_.empty()) return {};
  std::string out = "network:\n";
  for (const bool allowed : {false, true}) {
    for (const Kind& kind : kinds_) {
      if (kind.allowed != allowed) continue;
      out += fmt::format("  {:<13}  {} × {}: {}", allowed ? "allowed" : "denied", kind.count, kind.what, kind.why);
      if (kind.out > 0 || kind.in > 0) out += fmt::format("; {} bytes out, {} in", kind.out, kind.in);
      out += kind.proven ? "\n" : "  UNPROVEN\n";
    }
  }
  if (not_kept_ > 0) out += fmt::format("  … {} decisions of other kinds are not listed\n", not_kept_);
  return out;
}

}  // namespace evidence
