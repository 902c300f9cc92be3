// SPDX-License-Identifier: Apache-2.0
// The network, leaf by leaf.
#include "evidence/witness/network_facts.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>

#include "base/encoding.h"
#include "event/types.h"

namespace evidence {
namespace {

using event::Observer;

constexpr std::size_t kMaxId = 64;     // longer ones are nobody's
constexpr std::size_t kMaxRules = 4096;
constexpr std::uint64_t kLinked = 16384;  // answers that the supervisor remembers
constexpr std::string_view kRule = "authority.egressRules[";

std::string_view TextIn(std::string_view object, std::string_view name) {
  return IsObject(object) ? PlainStringOf(FindMember(object, name)).value_or(std::string_view()) : std::string_view();
}

// Addresses and CIDRs have a colon or consist of digits, dots and a slash; a name has a letter and no colon.
bool IsName(std::string_view host) {
  return !host.empty() && host.find(':') == host.npos && host.find_first_not_of("0123456789./") != host.npos;
}

// The number of an egress rule.
std::optional<std::uint64_t> RuleOf(std::string_view reference) {
  if (!reference.starts_with(kRule)) return std::nullopt;
  reference.remove_prefix(kRule.size());
  std::uint64_t index = 0;
  const auto read = std::from_chars(reference.data(), reference.data() + reference.size(), index);
  if (read.ec != std::errc() || index >= kMaxRules) return std::nullopt;
  return index;
}

std::size_t HashOf(std::string_view text) { return std::hash<std::string_view>()(text); }

}  // namespace

void Mismatches::Note(Cites cites, std::string text) {
  if (++count <= kKept) kept.push_back({std::move(cites), std::move(text)});
}

void NetworkFacts::TakePolicy(const WitnessLeaf& leaf) {
  names_.clear();
  JsonArray rules(leaf.Data("declaredEgress"));
  for (std::string_view rule; names_.size() < kMaxRules && rules.Next(rule);) names_.push_back(IsName(TextIn(rule, "host")));
}

void NetworkFacts::FinishNames() {
  // The supervisor links a flow to one of the last answers only.
  const bool may_be_forgotten = queries.count > kLinked;
  for (const auto& [rule, flows] : nameless_) {
    if (rule >= names_.size() || !names_[rule]) continue;
    if (may_be_forgotten) {
      unchecked = AddUp(unchecked, flows.count);
      continue;
    }
    Cites cites;
    Cite(cites, flows);
    unanswered.Note(std::move(cites),
                    fmt::format("{} flows were let through under rule {}, which names a name, and cite no answer",
                                flows.count, rule));
  }
  nameless_.clear();
}

// The record of a flow must cite an answer that stands in the log, before it and for the same name.
void NetworkFacts::CheckName(const WitnessLeaf& leaf) {
  const std::string_view query = leaf.Data("query");
  const std::string_view target = leaf.Text("dstAddr");
  if (!IsObject(query)) {
    const auto rule = RuleOf(leaf.Text("ruleRef"));
    if (rule && leaf.Text("decision") == "allow") nameless_[*rule].Note(leaf.index);
    return;
  }
  named.Note(leaf.index);
  const std::string_view id = TextIn(query, "queryId");
  const auto known = answers_.find(std::string(id.substr(0, kMaxId)));
  const auto cited = UintOf(FindMember(query, "leaf"));
  if (known == answers_.end() && answers_full_) {
    ++unchecked;
    return;
  }
  if (known == answers_.end() || (cited && *cited != known->second.leaf) ||
      HashOf(TextIn(query, "name")) != known->second.name) {
    Cites cites{leaf.index};
    if (cited && *cited < leaf.index) cites.push_back(*cited);
    unanswered.Note(std::move(cites), fmt::format("a flow to {} cites an answer for {} that the log does not have",
                                                  base::Escape(target, 60), base::Escape(TextIn(query, "name"), 80)));
    return;
  }
  answers.Note(known->second.leaf);
}

void NetworkFacts::TakeFlow(const WitnessLeaf& leaf) {
  if (const std::uint64_t more = leaf.Number("suppressed"); more > 0) {
    suppressed = AddUp(suppressed, more);
    suppressed_rows.Note(leaf.index);
    return;
  }
  // A client of the DNS proxy that met a limit is told as a flow, and never came to the relay.
  const bool of_proxy = leaf.Text("reasonCode") == "gate_limit" && leaf.Number("dstPort") == 53;
  if (leaf.Text("protocol") == "udp") {
    udp.Note(leaf.index);
  } else if (!of_proxy) {
    tcp.Note(leaf.index);
  }
  CheckName(leaf);
  if (leaf.Text("decision") != "allow") return;
  allowed.Note(leaf.index);
  const std::string_view id = leaf.Text("flowId");
  if (id.empty() || id.size() > kMaxId) return;
  if (open_.size() < kRemembered) {
    open_.emplace(id, leaf.index);
  } else {
    open_full_ = true;
  }
}

void NetworkFacts::TakeClosed(const WitnessLeaf& leaf) {
  closed.Note(leaf.index);
  bytes_out = AddUp(bytes_out, leaf.Number("bytesOut"));
  bytes_in = AddUp(bytes_in, leaf.Number("bytesIn"));
  const std::string_view id = leaf.Text("flowId");
  if (open_.erase(std::string(id.substr(0, kMaxId + 1))) != 0) return;
  if (open_full_) {
    ++unchecked;
    return;
  }
  closed_unopened.Note({leaf.index}, fmt::format("flow {} ended with {} bytes out and {} in, and no decision let it through",
                                                 base::Escape(id, 40), leaf.Number("bytesOut"), leaf.Number("bytesIn")));
}

void NetworkFacts::TakeQuery(const WitnessLeaf& leaf) {
  if (const std::uint64_t more = leaf.Number("suppressed"); more > 0) {
    suppressed_queries = AddUp(suppressed_queries, more);
    suppressed_rows.Note(leaf.index);
    return;
  }
  queries.Note(leaf.index);
  const std::string_view id = leaf.Text("queryId");
  if (leaf.Text("decision") != "allow" || id.empty() || id.size() > kMaxId) return;
  if (answers_.size() < kRemembered) {
    answers_.emplace(id, Answer{leaf.index, HashOf(leaf.Text("queryName"))});
  } else {
    answers_full_ = true;
  }
}

void NetworkFacts::TakeTable(const WitnessLeaf& leaf) {
  const std::string_view output = leaf.Data("output");
  const std::string_view rows = IsObject(output) ? FindMember(output, "rows") : std::string_view();
  const bool cut = rows.empty() || FindMember(output, "truncated") == "true";
  const TableReading read = cut ? TableReading() : ReadTableRows(rows);
  if (!read.whole) {
    cut_reading = leaf.index;
    return;
  }
  cut_reading.reset();
  reading = {leaf.index, read};
}

const TableReading* NetworkFacts::Final() const {
  return reading && !cut_reading && reading->leaf > last_of_gate_ ? &reading->rows : nullptr;
}

void NetworkFacts::Take(const WitnessLeaf& leaf) {
  if (leaf.observer == Observer::kGateFlow || leaf.observer == Observer::kGateDns) last_of_gate_ = leaf.index;
  if (leaf.type == event::kNetworkFlowDecision && leaf.observer == Observer::kGateFlow) TakeFlow(leaf);
  if (leaf.type == event::kNetworkFlowDecision && leaf.observer == Observer::kKernelNflog) logged.Note(leaf.index);
  if (leaf.type == event::kNetworkFlowClosed) TakeClosed(leaf);
  if (leaf.type == event::kDnsQuery && leaf.observer == Observer::kGateDns) TakeQuery(leaf);
  if (leaf.type == event::kHostNftables) TakeTable(leaf);
  if (leaf.type == event::kNetworkPolicy) TakePolicy(leaf);
  if (leaf.type == event::kGateFailed) flows_reset = AddUp(flows_reset, leaf.Number("flowsReset"));
}

}  // namespace evidence
