// SPDX-License-Identifier: Apache-2.0
// From the text of a rule to a decision.
#include "net/rule_decision.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace net {
namespace {

constexpr std::size_t kMaxText = 4096;

std::vector<std::string_view> WordsOf(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    if (start == text.npos) return words;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", start), text.size());
    words.push_back(text.substr(start, end - start));
    text.remove_prefix(end);
  }
}

std::optional<std::uint16_t> PortOf(std::string_view word) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return port;
}

// The first address and the first port of the rule.
void ReadMatches(const std::vector<std::string_view>& words, RuleDecision* decision) {
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    const bool address = (words[i] == "ip" || words[i] == "ip6") && words[i + 1] == "daddr";
    if (address && !decision->destination) decision->destination = words[i + 2];
    const bool port = (words[i] == "tcp" || words[i] == "udp") && words[i + 1] == "dport";
    if (!port || decision->port) continue;
    decision->port = PortOf(words[i + 2]);
    if (decision->port) decision->protocol = words[i];
  }
}

struct Block {
  std::string_view protocol;  // empty: both
  std::uint16_t port;
  std::string_view code, reference;
};
constexpr Block kBlocks[] = {
    {"", 53, "nft_workload_dns_block", "dnsAuthority.workloadDnsBlock"},
    {"udp", 853, "nft_doq_blocked", "dnsAuthority.blockUdpDoq"},
    {"udp", 443, "nft_http3_blocked", "dnsAuthority.blockUdpHttp3"},
};

// A block names no address: its port stands first.
const Block* BlockOf(const RuleDecision& decision, const std::vector<std::string_view>& words) {
  if (!decision.port || words[1] != "dport") return nullptr;
  const auto* const found = std::ranges::find_if(kBlocks, [&](const Block& block) {
    return block.port == *decision.port && (block.protocol.empty() || block.protocol == *decision.protocol);
  });
  return found == std::end(kBlocks) ? nullptr : found;
}

bool IsResolverPort(const RuleDecision& decision) {
  if (!decision.port) return false;
  return *decision.port == 53 || (*decision.protocol == "udp" && (*decision.port == 853 || *decision.port == 443));
}

}  // namespace

RuleDecision DecideRuleText(std::string_view text) {
  RuleDecision decision{.reason_code = "nft_default_drop"};
  const std::vector<std::string_view> words = WordsOf(text.substr(0, kMaxText));
  if (words.size() == 2 && words[0] == "policy" && words[1] == "drop") {
    decision.rule_ref = "default-drop";
    return decision;
  }
  const bool accepts = std::ranges::find(words, "accept") != words.end();
  const bool drops = std::ranges::find(words, "drop") != words.end();
  if (!accepts && !drops) return decision;
  ReadMatches(words, &decision);
  if (const Block* block = drops ? BlockOf(decision, words) : nullptr) {
    decision.reason_code = block->code;
    decision.rule_ref = block->reference;
  } else if (accepts) {
    decision.allowed = true;
    decision.reason_code = IsResolverPort(decision) ? "nft_resolver_allowlist_match" : "nft_egress_rule_match";
  }
  return decision;
}

}  // namespace net
