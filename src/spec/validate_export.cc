// SPDX-License-Identifier: Apache-2.0
// Rules of exports and telemetry.
#include "spec/host.h"
#include "spec/primitives.h"
#include "spec/url.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

constexpr std::string_view kIdForm = "1 to 128 of letters, digits, '.', '_' and '-', a letter or digit first, no '..'";

// The host of a rule in the form that ParseExportUrl gives: addresses in their one text, brackets off.
bool IsHostOfRule(const std::string& rule_host, const std::string& url_host) {
  std::string_view host = rule_host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const auto address = ParseAddress(host)) return ToString(*address) == url_host;
  return EqualIgnoringCase(host, url_host);
}

Verdict ValidateUrl(const ExportTarget& target, std::string pointer, const Authority& authority) {
  const auto url = ParseExportUrl(target.base_url);
  if (!url) {
    const bool scheme = url.error() == UrlFault::kScheme;
    return Refuse(scheme ? "export_url_scheme" : "bad_export_url", std::move(pointer), target.base_url,
                  "an absolute http or https URL with a host, without user, query, fragment and white space");
  }
  if (!authority.egress_rules || authority.egress_rules->empty()) return std::nullopt;
  const bool granted =
      std::any_of(authority.egress_rules->begin(), authority.egress_rules->end(),
                  [&](const EgressRule& rule) { return rule.port == url->port && IsHostOfRule(rule.host, url->host); });
  if (granted) return std::nullopt;
  return Refuse("export_host_not_in_egress", std::move(pointer), fmt::format("{}:{}", url->host, url->port),
                "a host and port that authority.egressRules lists");
}

Verdict ValidateTarget(const std::vector<ExportTarget>& targets, std::size_t index, const Authority& authority) {
  const ExportTarget& target = targets[index];
  const auto at = [&](std::string_view member) { return fmt::format("/spec/export/targets/{}/{}", index, member); };
  if (!IsPortableId(target.name)) return Refuse("bad_identifier", at("name"), target.name, kIdForm);
  for (std::size_t i = 0; i < index; ++i) {
    if (targets[i].name == target.name) {
      return Refuse("duplicate_export_target", at("name"), target.name, "each name once");
    }
  }
  if (target.secret_ref && !IsListed(authority.secret_refs, *target.secret_ref)) {
    return Refuse("export_secret_not_granted", at("secretRef"), *target.secret_ref,
                  "a name that authority.secretRefs lists");
  }
  if (target.kind == ExportTargetKind::kHttp) return ValidateUrl(target, at("baseUrl"), authority);
  if (target.bucket.size() >= 3 && target.bucket.size() <= 63) return std::nullopt;
  return Refuse("bad_bucket", at("bucket"), target.bucket, "3 to 63 bytes");
}

Verdict ValidateArtifact(const Export& exports, std::size_t index) {
  const auto& artifacts = *exports.artifacts;
  const ExportArtifact& artifact = artifacts[index];
  const auto at = [&](std::string_view member) { return fmt::format("/spec/export/artifacts/{}/{}", index, member); };
  const std::size_t targets = exports.targets ? exports.targets->size() : 0;
  if (!IsPortableId(artifact.name)) return Refuse("bad_identifier", at("name"), artifact.name, kIdForm);
  if (artifact.target) {
    if (!IsPortableId(*artifact.target)) return Refuse("bad_identifier", at("target"), *artifact.target, kIdForm);
    bool known = false;
    for (std::size_t i = 0; i < targets; ++i) known = known || (*exports.targets)[i].name == *artifact.target;
    if (!known) {
      return Refuse("export_unknown_target", at("target"), *artifact.target, "the name of one of export.targets");
    }
  } else if (targets > 1) {
    return Refuse("export_target_required", at("target"),
                  fmt::format("found none; required, since export.targets has {}", targets));
  }
  for (std::size_t i = 0; i < index; ++i) {
    if (artifacts[i].name == artifact.name) {
      return Refuse("duplicate_artifact", at("name"), artifact.name, "each name once");
    }
  }
  if (IsAbsolutePath(artifact.path)) return std::nullopt;
  return Refuse("bad_artifact_path", at("path"), artifact.path, "an absolute path without '..' and controls");
}

}  // namespace

Verdict ValidateExports(const Export& exports, const Authority& authority) {
  for (std::size_t i = 0; exports.targets && i < exports.targets->size(); ++i) {
    if (auto fault = ValidateTarget(*exports.targets, i, authority)) return fault;
  }
  for (std::size_t i = 0; exports.artifacts && i < exports.artifacts->size(); ++i) {
    if (auto fault = ValidateArtifact(exports, i)) return fault;
  }
  return std::nullopt;
}

Verdict ValidateTelemetry(const Telemetry& telemetry, bool has_egress) {
  if (telemetry.events.empty()) {
    return Refuse("telemetry_no_events", "/spec/telemetry/events", "found none; allowed is at least one");
  }
  if (!ParseSemver(telemetry.agent_version)) {
    return Refuse("bad_agent_version", "/spec/telemetry/agentVersion", telemetry.agent_version,
                  "MAJOR.MINOR.PATCH without leading zeros, optionally -PRERELEASE");
  }
  for (std::size_t i = 0; i < telemetry.events.size(); ++i) {
    const std::string_view event = Trim(telemetry.events[i]);
    if (event.empty()) {
      return Refuse("telemetry_empty_event", fmt::format("/spec/telemetry/events/{}", i), telemetry.events[i],
                    "a name that is not blank");
    }
    if (!has_egress && event.size() >= 4 && EqualIgnoringCase(event.substr(0, 4), "net.")) {
      return Refuse("telemetry_without_egress", fmt::format("/spec/telemetry/events/{}", i), telemetry.events[i],
                    "net. events only where authority.egressRules has a rule");
    }
  }
  return std::nullopt;
}

}  // namespace spec
