// SPDX-License-Identifier: Apache-2.0
// The control judgement: shapes, forms and missing parts, all findings at once.
#include "spec/controls.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "spec/controls_filesystem.h"
#include "spec/environment_names.h"
#include "spec/host.h"
#include "spec/protocol.h"
#include "spec/telemetry_names.h"
#include "spec/url.h"

namespace spec {
namespace {

using Violations = std::vector<Violation>;

std::string Quote(std::string_view text) { return fmt::format("\"{}\"", base::Escape(text, 80)); }

void Missing(std::string_view what, std::string pointer, std::string_view part, Violations& out) {
  out.push_back({fmt::format("controls.{}", what), std::move(pointer),
                 fmt::format("needs {}, which this build does not have; it is never run with less", part)});
}

void JudgeRule(const EgressRule& rule, std::size_t index, Violations& out) {
  const auto at = [&](std::string_view member) {
    return fmt::format("/spec/authority/egressRules/{}/{}", index, member);
  };
  const auto form = ClassifyHost(rule.host);
  if (!form) {
    out.push_back(
        {"controls.egressRules.host", at("host"),
         fmt::format("found {}; allowed is an address without brackets, zone and leading zeros, a CIDR with host "
                     "bits zero, a name of at least two labels, or *. and a name",
                     Quote(rule.host))});
    return;
  }
  if (rule.protocol != "dns-acknowledged") return;
  if (form != HostForm::kAddress || rule.port != 53) {
    out.push_back({"controls.egressRules.protocol", at("protocol"),
                   fmt::format("found dns-acknowledged for {} port {}; allowed is one address and port 53",
                               Quote(rule.host), rule.port)});
  }
}

void JudgeNetwork(const Authority& authority, const SupportedFeatures& features, Violations& out) {
  if (authority.network && !authority.network->declared) {
    out.push_back(
        {"controls.network", "/spec/authority/network",
         "found a shape that is not understood, so it cannot be granted; understood is {\"mode\":\"declared\"}"});
  }
  if (authority.egress_rules && !authority.egress_rules->empty()) {
    for (std::size_t i = 0; i < authority.egress_rules->size(); ++i) JudgeRule((*authority.egress_rules)[i], i, out);
    if (!features.egress) Missing("egressRules", "/spec/authority/egressRules", "the gate", out);
  }
  if (authority.cdn_authority && !authority.cdn_authority->providers.empty() && !features.cdn) {
    Missing("cdnAuthority", "/spec/authority/cdnAuthority/providers", "the gate", out);
  }
}

void JudgeDns(const Authority& authority, const SupportedFeatures& features, Violations& out) {
  if (!authority.dns_authority) return;
  if (!features.dns) Missing("dnsAuthority", "/spec/authority/dnsAuthority", "the DNS proxy", out);
  const auto& resolvers = authority.dns_authority->resolvers;
  for (std::size_t i = 0; i < resolvers.size(); ++i) {
    if (resolvers[i].protocol != ResolverProtocol::kDoq || features.doq) continue;
    Missing("dnsAuthority.doq", fmt::format("/spec/authority/dnsAuthority/resolvers/{}/protocol", i), "DNS over QUIC",
            out);
  }
}

bool AsksForSecrets(const CellSpec& spec) {
  return spec.identity || (spec.authority.secret_refs && !spec.authority.secret_refs->empty());
}

void JudgeSecretNames(const CellSpec& spec, Violations& out) {
  if (!spec.authority.secret_refs) return;
  const auto& refs = *spec.authority.secret_refs;
  std::vector<std::pair<std::string, std::size_t>> folded;
  for (std::size_t i = 0; i < refs.size(); ++i) {
    const std::string pointer = fmt::format("/spec/authority/secretRefs/{}", i);
    if (const auto allowed = WhySecretNameRefused(refs[i]); !allowed.empty()) {
      out.push_back({"controls.secretRefs", pointer, fmt::format("found {}; allowed is {}", Quote(refs[i]), allowed)});
    }
    const auto has_name = [&](const auto& pair) { return pair.first == refs[i]; };
    if (spec.run && spec.run->env && std::any_of(spec.run->env->begin(), spec.run->env->end(), has_name)) {
      out.push_back({"controls.secretRefs", pointer,
                     fmt::format("found {} in run.env too; allowed is one of them", Quote(refs[i]))});
    }
    folded.emplace_back(FoldSecretName(refs[i]), i);
  }
  std::sort(folded.begin(), folded.end());
  for (std::size_t i = 1; i < folded.size(); ++i) {
    if (folded[i].first != folded[i - 1].first) continue;
    out.push_back({"controls.secretRefs", fmt::format("/spec/authority/secretRefs/{}", folded[i].second),
                   fmt::format("found {} and {}, which are one variable, {}; allowed is one of them",
                               Quote(refs[folded[i - 1].second]), Quote(refs[folded[i].second]), folded[i].first)});
  }
}

void JudgeSecrets(const CellSpec& spec, const SupportedFeatures& features, Violations& out) {
  JudgeSecretNames(spec, out);
  if (!spec.run || !AsksForSecrets(spec) || features.runtime_secrets) return;
  if (spec.run->secret_delivery == SecretDelivery::kEnv) return;
  const bool leased = spec.run->secret_delivery == SecretDelivery::kRuntimeLeasedBroker;
  out.push_back(
      {"controls.secretDelivery", "/spec/run/secretDelivery",
       fmt::format("found {} (the default is runtimeLeasedBroker), which needs the gate that this build does not "
                   "have; allowed is env",
                   leased ? "runtimeLeasedBroker" : "runtimeBroker")});
}

void JudgeExports(const Export& exports, const SupportedFeatures& features, Violations& out) {
  if (!exports.targets) return;
  for (std::size_t i = 0; i < exports.targets->size(); ++i) {
    const ExportTarget& target = (*exports.targets)[i];
    const bool http = target.kind == ExportTargetKind::kHttp;
    if (http && !IsStrictUrl(target.base_url)) {
      out.push_back(
          {"controls.export.url", fmt::format("/spec/export/targets/{}/baseUrl", i),
           fmt::format("found {}; allowed is a URL by RFC 3986: ASCII, a host that is a name or an address, and a "
                       "port from 1",
                       Quote(target.base_url))});
    }
    if (http ? features.http_export : features.s3_export) continue;
    Missing("export.targets", fmt::format("/spec/export/targets/{}", i), http ? "HTTP export" : "S3 export", out);
  }
}

void JudgeTelemetry(const Telemetry& telemetry, const SupportedFeatures& features, Violations& out) {
  if (!features.telemetry) return Missing("telemetry", "/spec/telemetry", "the in-cell witness", out);
  for (std::size_t i = 0; i < telemetry.events.size(); ++i) {
    if (FindTelemetrySource(telemetry.events[i])) continue;
    out.push_back({"controls.telemetry", fmt::format("/spec/telemetry/events/{}", i),
                   fmt::format("found {}, which no source tells; known are process.spawned, process.exited, "
                               "capability.denied, fs.inotify_fired and net.connect_attempted",
                               Quote(telemetry.events[i]))});
  }
  if (!IsAgentVersionServed(telemetry.agent_version)) {
    out.push_back({"controls.telemetry", "/spec/telemetry/agentVersion",
                   fmt::format("found {}; this build has {}", Quote(telemetry.agent_version), kAgentVersion)});
  }
  const RateLimits limits = telemetry.rate_limits.value_or(RateLimits{});
  const auto judge = [&out](std::string_view member, const std::optional<std::uint32_t>& limit) {
    if (limit != 0u) return;
    out.push_back({"controls.telemetry", fmt::format("/spec/telemetry/rateLimits/{}", member),
                   "found 0, which would drop everything; allowed is 1 or more"});
  };
  judge("eventsPerSecond", limits.events_per_second);
  judge("bytesPerSecond", limits.bytes_per_second);
}

bool CanBeAsked(std::string_view host, const DnsAuthority& dns) {
  const std::string_view name = host.starts_with("*.") ? host.substr(2) : host;
  return std::any_of(dns.hostname_allowlist.begin(), dns.hostname_allowlist.end(), [&](const std::string& pattern) {
    // A wildcard rule can be used when some name below it may be asked.
    return pattern == host || HostnameMatches(pattern, name) ||
           (host.starts_with("*.") && HostnameMatches(host, pattern)) ||
           (host.starts_with("*.") && pattern.starts_with("*.") && HostnameMatches(host, pattern.substr(2)));
  });
}

// "*.com": every name below a top-level domain.
bool IsWholeDomain(std::string_view host) { return host.starts_with("*.") && !host.substr(2).contains('.'); }

void WarnOfWholeDomains(const Authority& authority, std::vector<std::string>& warnings) {
  const auto warn = [&](std::string pointer, std::string_view host) {
    if (!IsWholeDomain(host)) return;
    warnings.push_back(fmt::format("{}: {} grants every name below a top-level domain", pointer, Quote(host)));
  };
  for (std::size_t i = 0; authority.egress_rules && i < authority.egress_rules->size(); ++i) {
    warn(fmt::format("/spec/authority/egressRules/{}/host", i), (*authority.egress_rules)[i].host);
  }
  if (!authority.dns_authority) return;
  const auto& names = authority.dns_authority->hostname_allowlist;
  for (std::size_t i = 0; i < names.size(); ++i) {
    warn(fmt::format("/spec/authority/dnsAuthority/hostnameAllowlist/{}", i), names[i]);
  }
}

}  // namespace

std::vector<Violation> JudgeControls(const CellDocument& document, const SupportedFeatures& features) {
  Violations violations;
  const CellSpec& spec = document.spec;
  if (spec.authority.filesystem) JudgeFilesystem(*spec.authority.filesystem, violations);
  JudgeNetwork(spec.authority, features, violations);
  JudgeDns(spec.authority, features, violations);
  JudgeSecrets(spec, features, violations);
  if (spec.exports) JudgeExports(*spec.exports, features, violations);
  if (spec.telemetry) JudgeTelemetry(*spec.telemetry, features, violations);
  return violations;
}

std::vector<std::string> AdmissionWarnings(const CellDocument& document) {
  std::vector<std::string> warnings;
  const Authority& authority = document.spec.authority;
  for (std::size_t i = 0; authority.egress_rules && authority.dns_authority && i < authority.egress_rules->size();
       ++i) {
    const std::string& host = (*authority.egress_rules)[i].host;
    const auto form = ClassifyHost(host);
    const bool name = form == HostForm::kName || form == HostForm::kWildcard;
    if (!name || CanBeAsked(host, *authority.dns_authority)) continue;
    warnings.push_back(
        fmt::format("/spec/authority/egressRules/{}/host: {} can never be asked: "
                    "dnsAuthority.hostnameAllowlist does not hold it",
                    i, Quote(host)));
  }
  WarnOfWholeDomains(authority, warnings);
  if (document.spec.environment) {
    warnings.push_back("/spec/environment: a native cell does not start from an image; the host's /usr is used");
  }
  if (document.spec.ingress)
    warnings.push_back("/spec/ingress: nothing is fetched; grant the source with a path instead");
  return warnings;
}

}  // namespace spec
