// SPDX-License-Identifier: Apache-2.0
// Rulesets, rules, flow rings and rounds of rebinding through the product's own readers.
#include "vectors/kinds/network_rules.h"

#include <algorithm>
#include <string>
#include <vector>

#include "event/flow_events.h"
#include "event/json_object.h"
#include "event/leaf_writer.h"
#include "event/published_form.h"
#include "gate/dns/rebinding.h"
#include "json/canonical.h"
#include "json/reader.h"
#include "net/flow_ring.h"
#include "net/rule_decision.h"
#include "probe/ruleset_json.h"

namespace vectors {
namespace {

std::string Array(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text.append(text.empty() ? "" : ",").append(item);
  return "[" + text + "]";
}

std::string Texts(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(event::Quoted(text));
  return Array(items);
}

std::string TextOrNull(const std::optional<std::string>& text) { return text ? event::Quoted(*text) : "null"; }

// An expectation that is no object: the whole value counts.
Outcome CompareWhole(const json::Value& record, const std::string& json) {
  const json::Value* expected = At(record, {"expect"});
  if (expected == nullptr) return Failed("no expect");
  const auto tree = json::Parse(json);
  if (!tree) return Failed("found no JSON");
  if (Equal(*expected, tree->root()) || EitherPasses(record)) return Passed();
  return Mismatch("value", ToText(*expected), json);
}

// `data` of the published event.
std::string PublishedData(const event::Draft& draft) {
  std::string leaf;
  event::WriteLeaf(leaf, draft, {.sequence = 0, .boot = {}, .time = "2026-01-02T03:04:05.678Z", .id = "x"});
  const auto published = event::PublishedForm(leaf);
  if (!published || !*published) return "null";
  const auto tree = json::Parse((*published)->ToText());
  const json::Value* data = tree ? tree->root().Find("data") : nullptr;
  return data != nullptr ? json::Sorted(*data) : "null";
}

std::uint32_t NumberOf(const base::IpAddress& address) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | address.bytes[i];
  return number;
}

// What the records of flow rings were made with.
std::string DecisionOf(const net::FlowRingRecord& flow) {
  event::FlowDecision decision{.decision_id = "d1",
                               .allowed = !flow.dropped(),
                               .reason_code = net::kFlowRingReason,
                               .destination = base::ToString(flow.destination),
                               .port = flow.destination_port,
                               .observed_at = "2031-02-03T04:05:06Z"};
  if (!flow.protocol_name().empty()) decision.protocol = std::string(flow.protocol_name());
  const event::CellRef cell{.cell_id = "c", .spec_id = "", .run_id = "r"};
  return PublishedData(event::FlowDecisionEvent(cell, decision, event::Observer::kKernelNft));
}

// responseIpAllowlist as recorded: an entry that can't be read covers nothing.
bool IsCovered(const json::Value& list, std::string_view host, std::string_view target) {
  const auto address = base::ParseIpAddress(target);
  if (!address) return false;
  return std::ranges::any_of(list.array(), [&](const json::Value& entry) {
    const std::string_view text = entry.string();
    const std::size_t colon = text.find(':');
    if (colon == text.npos || text.substr(0, colon) != host) return false;
    const auto exact = base::ParseIpAddress(text.substr(colon + 1));
    const auto prefix = exact ? base::Exactly(*exact) : base::ParseIpPrefix(text.substr(colon + 1));
    return prefix && base::Contains(*prefix, *address);
  });
}

std::string RoundJson(const gate::dns::RebindRound& round) {
  event::Object object;
  object.Raw("effective", Texts(round.effective)).Raw("novel", Texts(round.novel));
  object.Raw("outside_allowlist", Texts(round.outside_allowlist));
  return object.Add("threshold_exceeded", round.threshold_exceeded).Take();
}

}  // namespace

Outcome JudgeRulesetJson(const json::Value& record) {
  const auto rows = probe::ReadRulesetJson(TextAt(record, {"input", "text"}).value_or(""));
  event::Object object;
  if (!rows) {
    object.Add("error", rows.error().kind == base::ErrorKind::kNotFound ? "missing_array" : "malformed_json");
    return Compare(record, object.Add("ok", false).Take());
  }
  std::vector<std::string> items;
  for (const probe::RulesetRow& row : *rows) {
    event::Object item;
    item.Add("bytes", row.bytes).Add("chain", row.chain).Add("family", row.family).Add("handle", row.handle);
    items.push_back(item.Add("packets", row.packets).Add("rule", row.repr).Add("table", row.table).Take());
  }
  return Compare(record, object.Add("ok", true).Raw("rows", Array(items)).Take());
}

Outcome JudgeRuleText(const json::Value& record) {
  const auto decision = net::DecideRuleText(TextAt(record, {"input", "rule"}).value_or(""));
  event::Object object;
  object.Add("decision", decision.allowed ? "allow" : "deny");
  object.Raw("dst_addr", TextOrNull(decision.destination));
  object.Raw("dst_port", decision.port ? std::to_string(*decision.port) : "null");
  object.Raw("protocol", TextOrNull(decision.protocol));
  object.Add("reason_code", decision.reason_code);
  object.Raw("rule_ref", decision.rule_ref.empty() ? "null" : event::Quoted(decision.rule_ref));
  return Compare(record, object.Take());
}

Outcome JudgeFlowRing(const json::Value& record) {
  const auto bytes = HexAt(record, {"input", "hex"});
  if (!bytes) return Failed("no hex");
  const auto flow = net::ReadFlowRingRecord({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  event::Object object;
  if (!flow) return Compare(record, object.Add("error", "wrong_length").Add("ok", false).Take());
  object.Raw("decision", DecisionOf(*flow));
  object.Add("dst_ip", std::uint64_t{NumberOf(flow->destination)});
  object.Add("dst_port", std::uint64_t{flow->destination_port}).Add("first_seen_ns", flow->first_seen_ns);
  object.Add("ok", true).Add("packets", flow->packets).Add("proto", std::uint64_t{flow->protocol});
  object.Add("src_ip", std::uint64_t{NumberOf(flow->source)}).Add("src_port", std::uint64_t{flow->source_port});
  return Compare(record, object.Add("verdict", std::uint64_t{flow->verdict}).Take());
}

Outcome JudgeRebinding(const json::Value& record) {
  const json::Value* policy = At(record, {"input", "policy"});
  const json::Value* rounds = At(record, {"input", "rounds"});
  if (policy == nullptr || rounds == nullptr) return Failed("no policy or no rounds");
  gate::dns::RebindPolicy rules;
  if (const json::Value* cap = policy->Find("maxNovelIpsPerHostname")) {
    rules.cap = static_cast<std::uint32_t>(cap->unsigned_integer());
  }
  if (const json::Value* reject = policy->Find("rejectOnRebind")) rules.reject = reject->boolean();
  const json::Value* list = policy->Find("responseIpAllowlist");
  gate::dns::RebindHistory history(rules);
  std::vector<std::string> found;
  for (const json::Value& round : rounds->array()) {
    const std::string_view host = round.StringOr("hostname", "");
    std::vector<gate::dns::RebindTarget> targets;
    for (const json::Value& target : round.Find("targets")->array()) {
      const bool covered = list == nullptr || list->array().empty() || IsCovered(*list, host, target.string());
      targets.push_back({std::string(target.string()), covered});
    }
    found.push_back(RoundJson(history.Judge(host, targets)));
  }
  return CompareWhole(record, Array(found));
}

}  // namespace vectors
