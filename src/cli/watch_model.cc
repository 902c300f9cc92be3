// SPDX-License-Identifier: Apache-2.0
// From the bytes of an event to a line for a person.
#include "cli/watch_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "event/types.h"
#include "json/reader.h"

namespace cli {
namespace {

constexpr std::string_view kTypePrefix = "dev.cellos.events.cell.";
constexpr std::size_t kMaxWord = 80;

std::string Word(const json::Value& data, std::string_view name) {
  const auto* value = data.Find(name);
  if (value == nullptr) return {};
  switch (value->kind()) {
    case json::Kind::kString: return base::Escape(value->string(), kMaxWord);
    case json::Kind::kUint: return std::to_string(value->unsigned_integer());
    case json::Kind::kInt: return std::to_string(value->signed_integer());
    case json::Kind::kBool: return value->boolean() ? "true" : "false";
    default: return {};
  }
}

std::string Joined(std::initializer_list<std::string> words) {
  std::string out;
  for (const auto& word : words) {
    if (word.empty()) continue;
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

// "a.example (10.1.2.3):443/tcp"
std::string FlowTarget(const json::Value& data) {
  std::string host = Word(data, "sni");
  if (host.empty()) host = Word(data, "httpHost");
  if (const auto* query = data.Find("query"); host.empty() && query != nullptr) host = Word(*query, "name");
  const std::string address = Word(data, "dstAddr");
  if (host.empty()) {
    host = address;
  } else if (!address.empty()) {
    host += fmt::format(" ({})", address);
  }
  const std::string port = Word(data, "dstPort");
  return port.empty() ? host : fmt::format("{}:{}/{}", host, port, Word(data, "protocol"));
}

std::string FirstArguments(const json::Value& data) {
  const auto* argv = data.Find("argv");
  if (argv == nullptr || !argv->is_array()) return Word(data, "program");
  std::string out;
  for (const auto& argument : argv->array()) {
    if (!argument.is_string() || out.size() > kMaxWord) break;
    out += (out.empty() ? "" : " ") + base::Escape(argument.string(), kMaxWord);
  }
  return out;
}

struct Refusal {
  std::string what, reason, rule;
};

// What an event says was refused; nullopt when nothing was. dns.v1.query_refused repeats a dns_query.
std::optional<Refusal> RefusalOf(std::string_view type, const json::Value& data) {
  const std::string reason = Word(data, "reasonCode"), rule = Word(data, "ruleRef");
  if (type == event::kDnsQuery && data.StringOr("decision", "") == "deny") {
    return Refusal{Joined({"dns", Word(data, "queryName"), Word(data, "queryType")}), reason, rule};
  }
  if (type == event::kNetworkFlowDecision && data.StringOr("decision", "") == "deny") {
    return Refusal{Joined({"flow", FlowTarget(data)}), reason, rule};
  }
  if (type == event::kL7EgressDecision && data.StringOr("action", "") == "deny") {
    return Refusal{Joined({"l7", Word(data, "sniHost")}), reason, rule};
  }
  if (type == event::kSecretDenied) return Refusal{Joined({"secret", Word(data, "name")}), Word(data, "reason"), rule};
  if (type == event::kDnsRebindRejected) return Refusal{Joined({"rebind", Word(data, "fqdn")}), reason, rule};
  if (type == event::kAdmissionRefused) return Refusal{"document", Word(data, "reason"), rule};
  if (type == event::kGuestCapabilityDenied) {
    const auto* guest = data.Find("guest");
    return Refusal{Joined({"capability", guest == nullptr ? "" : Word(*guest, "guestComm")}), "capability", rule};
  }
  return std::nullopt;
}

// A row with `suppressed` stands for that many denials that have none of their own.
std::uint64_t CountOf(const json::Value& data) {
  const auto* suppressed = data.Find("suppressed");
  if (suppressed == nullptr || suppressed->kind() != json::Kind::kUint) return 1;
  return std::max<std::uint64_t>(1, suppressed->unsigned_integer());
}

std::string TextOf(std::string_view type, const json::Value& data) {
  if (const auto* guest = data.Find("guest"); guest != nullptr && guest->is_object()) {
    std::string cause;
    if (const auto* found = data.Find("cause"); found != nullptr) cause = Joined({Word(*found, "kind"), Word(*found, "status")});
    return Joined({Word(*guest, "probeSource"), Word(*guest, "guestPid"), Word(*guest, "guestComm"), cause});
  }
  if (type == event::kDnsQuery) {
    return Joined({"dns", Word(data, "queryName"), Word(data, "queryType"), Word(data, "decision"), Word(data, "reasonCode")});
  }
  if (type == event::kNetworkFlowDecision) {
    return Joined({"flow", FlowTarget(data), Word(data, "decision"), Word(data, "reasonCode")});
  }
  if (type == event::kNetworkFlowClosed) {
    return Joined({"flow closed by", Word(data, "closedBy"), "out", Word(data, "bytesOut"), "in", Word(data, "bytesIn")});
  }
  if (type == event::kL7EgressDecision) {
    return Joined({"l7", Word(data, "sniHost"), Word(data, "action"), Word(data, "reasonCode")});
  }
  if (type == event::kFinding) return Joined({Word(data, "verdict"), Word(data, "rule"), Word(data, "text")});
  std::string_view name = type.starts_with(kTypePrefix) ? type.substr(kTypePrefix.size()) : type;
  std::string out = base::Escape(name, kMaxWord);
  for (const std::string_view member : {"name", "program", "outcome", "reason", "reasonCode", "exitCode", "signal"}) {
    if (auto word = Word(data, member); !word.empty()) out += fmt::format(" {}={}", member, word);
  }
  return out;
}

// Told by their counts alone: they come with the clock, not with what the cell does.
bool OnlyCounts(std::string_view type) {
  return type == event::kHostCgroup || type == event::kHostNftables || type == event::kHostTapLink ||
         type == event::kHostFcMetrics || type == event::kProcessCensus || type == event::kCoverageOpened ||
         type == event::kCoverageClosed || type == event::kDnsQueryRefused || type == event::kDnsQueryPermitted ||
         type == event::kEvidenceBundle;
}

Lane LaneOf(std::string_view text) {
  // What does not say that it was witnessed is shown as nobody's word but the cell's.
  return text == "witnessed" ? Lane::kWitnessed : text == "derived" ? Lane::kDerived : Lane::kClaimed;
}

std::string ClockOf(std::string_view time) { return base::Escape(time.size() == 24 ? time.substr(11, 12) : time, 30); }

std::string OutcomeOf(const json::Value& data) {
  const auto* outcome = data.Find("outcome");
  if (outcome == nullptr) return "ended";
  std::string out = Word(*outcome, "reasonCode");
  for (const std::string_view member : {"exitCode", "signal"}) {
    if (auto word = Word(*outcome, member); !word.empty()) out += fmt::format(", {} {}", member == "signal" ? "signal" : "exit", word);
  }
  return out;
}

}  // namespace

std::optional<WatchedEvent> WatchModel::Add(std::string_view line) {
  const auto tree = json::Parse(line);
  const auto* data = tree ? tree->root().Find("data") : nullptr;
  if (data == nullptr || !data->is_object()) {
    ++unreadable_;
    return std::nullopt;
  }
  const auto& root = tree->root();
  const std::string_view type = root.StringOr("type", "");
  WatchedEvent event{.leaf = events_++,
                     .time = ClockOf(root.StringOr("time", "")),
                     .lane = LaneOf(root.StringOr("lane", "")),
                     .text = TextOf(type, *data),
                     .denial = false};
  ++counts_[static_cast<std::size_t>(event.lane)];
  if (started_.empty()) started_ = base::Escape(root.StringOr("time", ""), 30);
  if (run_id_.empty()) run_id_ = Word(*data, "runId");
  if (type == event::kProcessSpawned) command_ = FirstArguments(*data);
  if (type == event::kCommandCompleted) command_ = FirstArguments(*data);
  if (type == event::kCoverageOpened && data->StringOr("observer", "") == "agent") {
    agent_ = true;
    agent_state_ = "live";
  }
  if (type == event::kGuestAgentSilenced) agent_state_ = "silent since " + event.time;
  if (type == event::kGuestAgentReturned) agent_state_ = "live again since " + event.time;
  if (type == event::kClosing) {
    ended_ = true;
    outcome_ = OutcomeOf(*data);
  }
  if (auto refused = RefusalOf(type, *data)) {
    event.denial = true;
    Deny(event, std::move(refused->what), std::move(refused->reason), std::move(refused->rule), CountOf(*data));
  }
  if (type == event::kFinding) {
    if (data->StringOr("verdict", "") == "agree") {
      ++agreements_;
    } else if (findings_.size() < kKeptFindings) {
      findings_.push_back(event);
    }
  }
  if (OnlyCounts(type)) return std::nullopt;
  auto& kept = lanes_[static_cast<std::size_t>(event.lane)];
  kept.push_back(event);
  if (kept.size() > kKeptEvents) kept.pop_front();
  return event;
}

void WatchModel::Deny(const WatchedEvent& event, std::string what, std::string reason, std::string rule,
                      std::uint64_t count) {
  denials_in_all_ += count;
  const std::string key = fmt::format("{}\n{}\n{}\n{}", static_cast<int>(event.lane), what, reason, rule);
  auto found = denial_of_.find(key);
  if (found == denial_of_.end()) {
    if (denials_.size() == kKeptDenials) {
      denials_not_kept_ += count;
      return;
    }
    found = denial_of_.emplace(key, denials_.size()).first;
    denials_.push_back({.what = std::move(what), .reason = std::move(reason), .rule = std::move(rule), .lane = event.lane});
  }
  auto& denial = denials_[found->second];
  denial.count += count;
  denial.last = event.time;
}

}  // namespace cli
