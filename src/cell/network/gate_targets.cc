// SPDX-License-Identifier: Apache-2.0
// What the resolver refresh found: receipts, drift, rebinding, failed validation (dns.md §6).
#include <algorithm>

#include "base/encoding.h"
#include "cell/network/gate_events.h"
#include "cell/network/gate_words.h"
#include "event/dns_events.h"
#include "event/trust_events.h"

namespace cell {
namespace {

using event::Observer;
using wire::GateRecord;

constexpr std::size_t kMaxTargets = 4096, kMaxHosts = 16384;
constexpr std::uint8_t kServerFailure = 2;

std::vector<std::string> Missing(const std::vector<std::string>& from, const std::vector<std::string>& in) {
  std::vector<std::string> missing;
  std::ranges::set_difference(from, in, std::back_inserter(missing));
  return missing;
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void GateEvents::TakeTarget(const GateRecord& record) {
  if (targets_.size() < kMaxTargets) targets_.push_back(AddressText(record));
}

void GateEvents::TakeTargetsEnd(const GateRecord& record) {
  std::vector<std::string> targets = std::exchange(targets_, {});
  // No answer: nothing is known of the name, and what was known stays.
  if (record.rcode == 0xff || record.rcode == kServerFailure) return;
  std::ranges::sort(targets);
  targets.erase(std::ranges::unique(targets).begin(), targets.end());
  if (static_cast<wire::TargetPurpose>(record.code) == wire::TargetPurpose::kResolveEgress) {
    TellResolution(record, targets);
  } else {
    TellDrift(record, std::move(targets));
  }
}

void GateEvents::TellResolution(const GateRecord& record, const std::vector<std::string>& targets) {
  const Moment when = When(Observer::kGateDns, record);
  const event::CellRef& cell = p_.recorder->cell();
  event::DnsResolution resolution{.receipt_id = "rcp-" + cell.run_id.value_or("") + "-" + record.name,
                                  .fqdn = record.name,
                                  .resolved_at = std::string(when.text),
                                  .ttl_seconds = static_cast<std::int64_t>(record.ttl_s),
                                  .policy_digest = p_.policy_digest,
                                  .trust = {p_.settings->trust_keyset_id, p_.settings->resolver_kid}};
  for (const std::string& address : targets) {
    event::DnsResolution::Target target{address, address.find(':') == address.npos ? "inet" : "inet6", std::nullopt};
    if (record.port != 0) target.port = record.port;
    resolution.targets.push_back(std::move(target));
  }
  event::Draft draft = event::DnsResolutionEvent(cell, resolution);
  draft.observer = Observer::kGateDns;
  Emit(std::move(draft), when);
}

void GateEvents::TellDrift(const GateRecord& record, std::vector<std::string> targets) {
  const std::string host = record.name;
  if (hosts_.size() >= kMaxHosts && !hosts_.contains(host)) return;
  const Moment when = When(Observer::kGateDns, record);
  HostState& state = hosts_[host];
  const std::string digest = event::DigestOfTargets(targets);
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(when.boot - state.at).count();
  const bool first = state.at == base::BootTime{0};
  event::DnsDrift drift{
      .resolver_id = ResolverId(record.resolver),
      .hostname = host,
      .previous = state.targets,
      .current = targets,
      .added = Missing(targets, state.targets),
      .removed = Missing(state.targets, targets),
      .previous_digest = state.digest,
      .current_digest = digest,
      .ttl_seconds = targets.empty() ? 0 : std::max(record.ttl_s, p_.network->refresh.min_ttl_s),
      .stale_seconds = first || age < static_cast<std::int64_t>(state.ttl_s) ? 0 : age - state.ttl_s,
      .observed_at = std::string(when.text),
      .trust = DnsTrust()};
  const auto& resolvers = p_.network->resolvers;
  if (record.resolver < resolvers.size() && resolvers[record.resolver].dnssec != wire::DnssecMode::kOff) {
    const auto fault = dnssec_faults_.find(host);
    drift.dnssec_status = fault == dnssec_faults_.end() ? "validated" : fault->second;
  }
  dnssec_faults_.erase(host);
  if (digest != state.digest) Emit(event::DnsDriftEvent(p_.recorder->cell(), drift), when);
  state = {.targets = std::move(targets), .digest = digest, .at = when.boot, .ttl_s = drift.ttl_seconds};
}

void GateEvents::TakeDnssec(const GateRecord& record) {
  const Moment when = When(Observer::kGateDns, record);
  const bool dataplane = record.kind2 != wire::GateRecordKind::kTargetsEnd;  // else of a refresh
  const auto fault = static_cast<wire::DnssecFault>(record.code);
  event::DnssecFailed failed{.resolver_id = ResolverId(record.resolver),
                             .hostname = record.name,
                             .reason = std::string(DnssecReasonText(fault, dataplane)),
                             .source = dataplane ? "dataplane" : "resolver_refresh",
                             .observed_at = std::string(when.text),
                             .trust = DnsTrust()};
  const auto& resolvers = p_.network->resolvers;
  if (record.resolver < resolvers.size()) {
    const plan::NetworkResolver& resolver = resolvers[record.resolver];
    failed.fail_closed = resolver.dnssec == wire::DnssecMode::kRequire;
    if (!resolver.trust_anchors_path.empty()) failed.trust_anchor_source = BaseName(resolver.trust_anchors_path);
  }
  if (!dataplane && dnssec_faults_.size() < kMaxHosts) {
    dnssec_faults_[record.name] =
        fault == wire::DnssecFault::kUnsignedInRequireMode ? "unsigned" : "validation_failed";
  }
  Emit(event::DnssecFailedEvent(p_.recorder->cell(), failed), when);
}

void GateEvents::TakeRebind(const GateRecord& record) {
  const Moment when = When(Observer::kGateDns, record);
  const event::DnsRebind rebind{.hostname = record.name,
                                .novel_ip = AddressText(record),
                                .previous_count = record.count,
                                .cumulative_count = record.count2,
                                .resolver_id = ResolverId(record.resolver),
                                .observed_at = std::string(when.text),
                                .trust = DnsTrust()};
  Emit(record.code == 0
           ? event::DnsRebindThresholdEvent(p_.recorder->cell(), rebind, p_.network->max_novel_ips)
           : event::DnsRebindRejectedEvent(p_.recorder->cell(), rebind, p_.response_allowlist),
       when);
}

}  // namespace cell
