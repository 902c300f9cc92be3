// SPDX-License-Identifier: Apache-2.0
// Records of kind l7_decisions: segments of a client, and what the inspector lets through. The replies compared are
// those of the published form; what the inspector says by default explains more.
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "gate/l7/inspector.h"
#include "json/writer.h"
#include "vectors/kind.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

using gate::l7::Decision;
using gate::l7::Inspector;
using gate::l7::Next;
using gate::l7::Output;

// Every pattern as a rule of both protocols; of an empty list, rules that match nothing.
std::vector<wire::GateRule> Rules(const json::Value* patterns) {
  std::vector<std::string_view> texts;
  if (patterns != nullptr && patterns->is_array()) {
    for (const json::Value& pattern : patterns->array()) texts.push_back(pattern.is_string() ? pattern.string() : "");
  }
  if (texts.empty()) texts.emplace_back("");
  std::vector<wire::GateRule> rules;
  for (const std::string_view text : texts) {
    for (const wire::FlowProtocol protocol : {wire::FlowProtocol::kHttps, wire::FlowProtocol::kHttp}) {
      wire::GateRule rule = {};
      rule.form = text.starts_with("*.") ? wire::HostForm::kWildcard : wire::HostForm::kName;
      rule.protocol = protocol;
      std::memcpy(rule.host, text.data(), std::min(text.size(), sizeof rule.host - 1));
      rules.push_back(rule);
    }
  }
  return rules;
}

struct Run {
  std::string to_server, to_client;
  std::vector<Decision> decisions;
  std::uint64_t allowed = 0, denied = 0, timeouts = 0, upstream_failures = 0;
};

// What the relay does: an upstream at the first bytes for one, allowed decisions told once it is connected.
Run Relay(const json::Value& record, const std::vector<wire::GateRule>& rules) {
  std::vector<std::uint32_t> candidates(rules.size());
  for (std::uint32_t i = 0; i < candidates.size(); ++i) candidates[i] = i;
  Inspector inspector(rules, candidates, gate::l7::Replies::kPublished);
  const bool closed = TextAt(record, {"input", "upstream"}) == "closed";
  const json::Value* segments = At(record, {"input", "segments_hex"});
  Output out;
  bool spliced = false, h2c = false;
  std::uint64_t unseen = 0;
  for (const json::Value& segment : segments->array()) {
    const auto bytes = base::HexDecode(segment.string());
    if (!bytes || out.next == Next::kEnd) continue;
    std::span<const std::uint8_t> fed(*bytes);
    if (spliced) {
      out.to_server.append(fed.begin(), fed.end());
      continue;
    }
    const std::size_t moved = std::min<std::uint64_t>(unseen, fed.size());
    out.to_server.append(fed.begin(), fed.begin() + static_cast<std::ptrdiff_t>(moved));
    unseen -= moved;
    inspector.FromClient(fed.subspan(moved), &out);
    unseen += out.unseen;
    out.unseen = 0;
    spliced = out.next == Next::kSplice;
    h2c = inspector.WantsServerBytes();
  }
  const bool silent = At(record, {"input", "silent"}) != nullptr;
  if (out.next == Next::kMore) silent ? inspector.TimedOut(&out) : inspector.ClientEnded(&out);
  Run run;
  for (const Decision& decision : out.decisions) {
    const bool timeout = decision.reason == wire::GateReason::kL7PeekTimeout;
    ++(decision.allowed() ? run.allowed : timeout ? run.timeouts : run.denied);
  }
  if (closed && !out.to_server.empty()) {
    out.decisions.clear();
    out.to_server.clear();
    inspector.UpstreamFailed(&out);
    if (!h2c) run.allowed = 0;  // a stream counts when it is judged, a connection when it is connected
    ++run.denied;
    ++run.upstream_failures;
  } else if (!out.to_server.empty() && !h2c && out.next != Next::kEnd) {
    out.to_client += "UPSTREAM-ANSWER";
  }
  run.to_server = out.to_server;
  run.to_client = out.to_client;
  run.decisions = out.decisions;
  return run;
}

std::string Hex(std::string_view bytes) {
  return base::HexEncode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// A decision's `host` and `reason` are not compared where the record has null.
bool Open(const json::Value* expected, std::size_t i, std::string_view member) {
  if (expected == nullptr || !expected->is_array() || i >= expected->array().size()) return false;
  const json::Value* value = expected->array()[i].Find(member);
  return value != nullptr && value->is_null();
}

}  // namespace

Outcome JudgeL7Decisions(const json::Value& record, const Source&) {
  const json::Value* segments = At(record, {"input", "segments_hex"});
  if (segments == nullptr || !segments->is_array()) return Failed("no input.segments_hex");
  const auto rules = Rules(At(record, {"input", "hostname_allowlist"}));
  const Run run = Relay(record, rules);
  const json::Value* expected = Expected(record, "decisions");
  std::string actual;
  json::Writer out(actual);
  out.BeginObject().Key("decisions").BeginArray();
  for (std::size_t i = 0; i < run.decisions.size(); ++i) {
    const Decision& decision = run.decisions[i];
    out.BeginObject().Member("action", decision.allowed() ? "allow" : "deny");
    out.Key("host");
    Open(expected, i, "host") ? out.Null() : out.String(decision.name);
    out.Key("reason");
    Open(expected, i, "reason") ? out.Null() : out.String(wire::ReasonText(decision.reason));
    if (decision.stream != 0) out.Member("stream_id", std::uint64_t{decision.stream});
    out.EndObject();
  }
  out.EndArray().Key("to_upstream_hex").BeginArray();
  if (!run.to_server.empty()) out.String(Hex(run.to_server));
  out.EndArray().Member("to_client_hex", Hex(run.to_client));
  out.Key("counters").BeginObject();
  out.Member("allowed", run.allowed).Member("denied", run.denied).Member("peek_timeouts", run.timeouts);
  out.Member("total", std::uint64_t{1}).Member("upstream_failures", run.upstream_failures).EndObject().EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
