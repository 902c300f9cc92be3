// SPDX-License-Identifier: Apache-2.0
// Blanking of event members for outside sinks.
#include "event/redaction.h"

#include <algorithm>
#include <array>

#include "json/canonical.h"
#include "json/reader.h"
#include "json/writer.h"

namespace event {
namespace {

constexpr std::array<std::string_view, 7> kDefaults = {"argv",   "message",    "path",      "program",
                                                       "reason", "sourcePath", "spawnError"};

// Codes that a `reason` may hold: none of them can carry a secret, and consumers classify by them.
constexpr std::string_view kTypedReasons[] = {
    "oom", "ttl_exceeded", "vmm_crashed", "boot_failed", "signal_killed", "init_crashed", "kernel_cannot_mount_root",
    "completed", "timeout", "filter_killed", "revoked", "gate_failed", "agent_silenced", "evidence_failed",
    "interrupted", "start_failed", "command_not_found", "command_not_executable", "refused", "cut", "teardown",
    "refresh", "initial", "subject_not_authorized", "pool_not_allowed", "policy_pack_not_allowed",
    "rate_limit_exceeded", "invalid_document", "derivation", "authz", "policy", "condition", "controls", "backend",
    "validation_failed", "unsigned_zone", "unsigned_in_require_mode", "unsupported_query_type_in_require_mode",
    "denied_not_in_allowlist", "denied_query_type",
};

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

class Blanker {
 public:
  Blanker(const std::vector<std::string>& names, bool typed_reasons_survive)
      : names_(names), typed_reasons_survive_(typed_reasons_survive) {}

  // Depth is bounded by the reader's limit.
  void Append(std::string& out, const json::Value& value) const {
    if (value.is_object()) return AppendObject(out, value);
    if (!value.is_array()) return json::AppendSorted(out, value);
    out.push_back('[');
    for (const json::Value& item : value.array()) {
      if (out.back() != '[') out.push_back(',');
      Append(out, item);
    }
    out.push_back(']');
  }

 private:
  void AppendObject(std::string& out, const json::Value& value) const {
    std::vector<const json::Member*> members;
    for (const json::Member& member : value.object()) members.push_back(&member);
    std::ranges::sort(members, {}, [](const json::Member* member) { return member->name; });
    out.push_back('{');
    for (const json::Member* member : members) {
      if (out.back() != '{') out.push_back(',');
      json::AppendString(out, member->name);
      out.push_back(':');
      if (!Matches(*member)) {
        Append(out, member->value);
      } else if (member->value.is_object()) {
        out.append("{}");
      } else {
        out.append(member->value.is_array() ? R"(["[redacted]"])" : R"("[redacted]")");
      }
    }
    out.push_back('}');
  }

  bool Matches(const json::Member& member) const {
    if (!std::ranges::binary_search(names_, member.name)) return false;
    const bool typed = typed_reasons_survive_ && member.name == "reason" && member.value.is_string() &&
                       std::ranges::find(kTypedReasons, member.value.string()) != std::end(kTypedReasons);
    return !typed;
  }

  const std::vector<std::string>& names_;
  bool typed_reasons_survive_;
};

}  // namespace

Redaction Redaction::FromSetting(const std::optional<std::string>& setting) {
  Redaction redaction;
  if (!setting) return redaction;
  std::string_view rest = *setting;
  if (EqualIgnoringCase(Trimmed(rest), "defaults")) {
    redaction.names_.assign(kDefaults.begin(), kDefaults.end());
    redaction.typed_reasons_survive_ = true;
    return redaction;
  }
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    if (const auto name = Trimmed(rest.substr(0, comma)); !name.empty()) redaction.names_.emplace_back(name);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  std::ranges::sort(redaction.names_);
  return redaction;
}

void Redaction::Apply(Event& event) const {
  if (names_.empty()) return;
  const auto tree = json::Parse(event.data, {.max_bytes = kMaxEventBytes, .max_depth = kMaxEventDepth});
  if (!tree) {  // what can't be read can't be cleaned
    event.data = R"("[redacted]")";
    return;
  }
  std::string data;
  Blanker(names_, typed_reasons_survive_).Append(data, tree->root());
  event.data = std::move(data);
}

bool IsSensitiveName(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "authorization", "proxy-authorization", "cookie", "set-cookie", "x-amz-security-token", "x-vault-token",
      "x-api-key", "x-auth-token", "x-csrf-token", "authorization_header", "bearer_token", "access_token",
      "refresh_token", "id_token", "api_key", "session_token", "secret", "secret_value",
  };
  return std::ranges::any_of(kNames, [name](std::string_view known) { return EqualIgnoringCase(name, known); });
}

}  // namespace event
