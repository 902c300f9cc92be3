// SPDX-License-Identifier: Apache-2.0
// Rules from nft's JSON.
#include "probe/ruleset_json.h"

#include <algorithm>

#include "base/ip_address.h"
#include "json/reader.h"

namespace probe {
namespace {

using json::Value;

std::uint64_t NumberIn(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  return value != nullptr && value->kind() == json::Kind::kUint ? value->unsigned_integer() : 0;
}

// "ip daddr 192.0.2.1", "tcp dport 443"; empty for every other match.
std::string MatchText(const Value& match) {
  const Value* left = match.Find("left");
  const Value* payload = left != nullptr ? left->Find("payload") : nullptr;
  const Value* right = match.Find("right");
  if (payload == nullptr || right == nullptr || match.StringOr("op", "") != "==") return {};
  const std::string protocol(payload->StringOr("protocol", "")), field(payload->StringOr("field", ""));
  if (field == "daddr" && (protocol == "ip" || protocol == "ip6")) {
    const bool address = right->is_string() && base::ParseIpAddress(right->string());
    return address ? protocol + " daddr " + std::string(right->string()) : "";
  }
  if (field == "dport" && (protocol == "tcp" || protocol == "udp")) {
    const bool port = right->kind() == json::Kind::kUint && right->unsigned_integer() <= 65535;
    return port ? protocol + " dport " + std::to_string(right->unsigned_integer()) : "";
  }
  return {};
}

std::string ExpressionText(const Value& expression) {
  if (const Value* match = expression.Find("match")) return MatchText(*match);
  for (const char* verdict : {"accept", "drop"}) {
    if (expression.Find(verdict) != nullptr) return verdict;
  }
  const std::string_view policy = expression.StringOr("policy", "");
  return policy == "accept" || policy == "drop" ? "policy " + std::string(policy) : "";
}

RulesetRow RowOf(const Value& rule) {
  RulesetRow row{.family = std::string(rule.StringOr("family", "")),
                 .table = std::string(rule.StringOr("table", "")),
                 .chain = std::string(rule.StringOr("chain", "")),
                 .handle = NumberIn(rule, "handle")};
  const Value* expressions = rule.Find("expr");
  if (expressions == nullptr || !expressions->is_array()) return row;
  for (const Value& expression : expressions->array()) {
    if (const Value* counter = expression.Find("counter")) {
      row.packets = std::max(row.packets, NumberIn(*counter, "packets"));
      row.bytes = std::max(row.bytes, NumberIn(*counter, "bytes"));
    }
    const std::string text = ExpressionText(expression);
    if (!text.empty()) row.repr.append(row.repr.empty() ? "" : " ").append(text);
  }
  return row;
}

}  // namespace

base::Result<std::vector<RulesetRow>> ReadRulesetJson(std::string_view text) {
  const auto tree = json::Parse(text, {.max_bytes = 16u << 20});
  if (!tree) return std::unexpected(json::ToError(tree.error(), "nft's JSON"));
  const Value* list = tree->root().Find("nftables");
  if (list == nullptr || !list->is_array()) {
    return base::Fail(base::ErrorKind::kNotFound, "nft's JSON: no array \"nftables\"");
  }
  std::vector<RulesetRow> rows;
  for (const Value& element : list->array()) {
    const Value* rule = element.Find("rule");
    if (rule != nullptr && rule->is_object()) rows.push_back(RowOf(*rule));
  }
  return rows;
}

}  // namespace probe
