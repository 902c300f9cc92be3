// SPDX-License-Identifier: Apache-2.0
// Reading the table and the log of refused packets.
#include "cell/network/kernel_view.h"

#include <fmt/format.h>

#include "crypto/random.h"
#include "net/flow_log.h"

namespace cell {
namespace {

using plan::NftRowKind;

constexpr std::chrono::seconds kTick{1};
constexpr std::size_t kPacketsAtOnce = 64;

struct RowMeaning {
  bool deny = false;
  const char* code = "";
  const char* reference = "";  // empty: none
  const char* what = "";
};

// isolation.md §7.1. Rows that say nothing of a grant or a refusal have no code.
RowMeaning MeaningOf(NftRowKind kind) {
  switch (kind) {
    case NftRowKind::kDns:
    case NftRowKind::kResolverGrant: return {false, "nft_resolver_allowlist_match", "", ""};
    case NftRowKind::kLiteralGrant:
    case NftRowKind::kPortGrant:
    case NftRowKind::kUdpGrant: return {false, "nft_egress_rule_match", "", ""};
    case NftRowKind::kWorkloadDnsBlock:
      return {true, "nft_workload_dns_block", "dnsAuthority.workloadDnsBlock", "DNS past the proxy"};
    case NftRowKind::kDoqBlock: return {true, "nft_doq_blocked", "dnsAuthority.blockUdpDoq", "udp port 853"};
    case NftRowKind::kHttp3Block: return {true, "nft_http3_blocked", "dnsAuthority.blockUdpHttp3", "udp port 443"};
    case NftRowKind::kMulticast: return {true, "nft_default_drop", "default-drop", "multicast"};
    case NftRowKind::kUdpRefused: return {true, "nft_default_drop", "default-drop", "udp"};
    case NftRowKind::kIcmp: return {true, "nft_default_drop", "default-drop", "icmp"};
    case NftRowKind::kSctp: return {true, "nft_default_drop", "default-drop", "sctp"};
    case NftRowKind::kUdpLite: return {true, "nft_default_drop", "default-drop", "udplite"};
    case NftRowKind::kTcpRefused: return {true, "nft_default_drop", "default-drop", "tcp"};
    case NftRowKind::kFragment: return {true, "nft_default_drop", "default-drop", "fragments"};
    case NftRowKind::kGateListener: return {true, "nft_default_drop", "default-drop", "the gate's own ports"};
    case NftRowKind::kDefaultDrop: return {true, "nft_default_drop", "default-drop", "other protocols"};
    default: return {};
  }
}

std::string Target(const net::PacketTuple& tuple) {
  const std::string protocol = net::ProtocolName(tuple.protocol);
  if (tuple.destination_port == 0) return fmt::format("{}/{}", base::ToString(tuple.destination), protocol);
  return fmt::format("{}/{}", base::ToString(base::IpEndpoint{tuple.destination, tuple.destination_port}), protocol);
}

std::string Hint(const net::PacketTuple& tuple) {
  const bool grantable = tuple.destination_port != 0 && (tuple.protocol == 6 || tuple.protocol == 17);
  return grantable ? fmt::format("`--allow {}` would grant it", Target(tuple)) : std::string();
}

}  // namespace

base::Result<KernelView> KernelView::Open(Parts parts) {
  KernelView view(std::move(parts));
  TRY(net::OpenFlowLog(view.p_.flow_log.get()));
  view.next_sample_ = view.p_.clock->Boot();
  return view;
}

void KernelView::ReadLog() {
  std::uint64_t lost = 0;
  const auto packets = net::ReadFlowLog(p_.flow_log.get(), kPacketsAtOnce, &lost);
  if (lost > 0) p_.recorder->log().CountDropped(event::Observer::kKernelNflog, lost);
  if (!packets) return;
  for (const net::LoggedPacket& packet : *packets) {
    ++told_packets_;
    event::FlowDecision flow{.decision_id = crypto::NewUuid(),
                             .reason_code = "nft_log_drop",
                             .nft_rule_ref = "default-drop",
                             .destination = base::ToString(packet.tuple.destination),
                             .protocol = net::ProtocolName(packet.tuple.protocol),
                             .observed_at = base::FormatMillis(p_.clock->Wall()),
                             .rule_ref = "default"};
    if (packet.tuple.destination_port != 0) flow.port = packet.tuple.destination_port;
    if (packet.tuple.source_port != 0) flow.source_port = packet.tuple.source_port;
    p_.recorder->TryEmit(event::FlowDecisionEvent(p_.recorder->cell(), flow, event::Observer::kKernelNflog));
    p_.on_denial({.what = Target(packet.tuple), .rule_ref = "default", .reason_code = flow.reason_code, .hint = Hint(packet.tuple)});
  }
}

void KernelView::SampleIfDue() {
  const base::BootTime now = p_.clock->Boot();
  if (now < next_sample_) return;
  next_sample_ = now + kTick;
  const auto reading = net::ReadCounters(p_.netfilter.get(), p_.network->table);
  std::uint64_t sum = 0;
  if (reading) {
    for (const net::RuleReading& rule : reading->rules) sum += rule.packets;
    if (sum == last_sum_) return;
  }
  last_sum_ = sum;
  (void)Tell(reading);
}

std::optional<Recorded> KernelView::Tell(const base::Result<net::TableReading>& reading) {
  const probe::NftablesTarget target{p_.netfilter.get(), p_.network->table, p_.spec_hash};
  return p_.recorder->TryEmit(probe::NftablesEvent(p_.recorder->cell(), target, reading, *p_.clock));
}

std::optional<KernelView::Steered> KernelView::Finish(bool each_row, const event::DecisionTrust& trust) {
  ReadLog();
  const auto reading = net::ReadCounters(p_.netfilter.get(), p_.network->table);
  const auto told = Tell(reading);
  if (!reading || !told) return std::nullopt;
  const auto counts = net::CountRows(*p_.network, *reading);
  if (!counts) return std::nullopt;
  if (each_row) TellRows(*counts, trust);
  CountRest(*counts);
  Steered steered{.leaf = told->leaf};
  for (std::size_t i = 0; i < counts->size(); ++i) {
    const plan::NftRow& row = p_.network->rows[i];
    const bool grant = row.kind == NftRowKind::kLiteralGrant || row.kind == NftRowKind::kPortGrant ||
                       row.kind == NftRowKind::kOtherSteered;
    if (grant && row.text.find("l4proto tcp") != row.text.npos) steered.tcp_connections += (*counts)[i].packets;
  }
  return steered;
}

void KernelView::TellRows(const std::vector<net::RowCount>& counts, const event::DecisionTrust& trust) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const plan::NftRow& row = p_.network->rows[i];
    const RowMeaning meaning = MeaningOf(row.kind);
    if (*meaning.code == 0 || (!meaning.deny && counts[i].packets == 0)) continue;
    event::FlowDecision flow{.decision_id = crypto::NewUuid(),
                             .allowed = !meaning.deny,
                             .reason_code = meaning.code,
                             .packets = counts[i].packets,
                             .bytes = counts[i].bytes,
                             .observed_at = base::FormatMillis(p_.clock->Wall()),
                             .trust = trust};
    if (*meaning.reference != 0) flow.nft_rule_ref = meaning.reference;
    if (!meaning.deny && !row.rules.empty()) {
      flow.nft_rule_ref = flow.rule_ref = fmt::format("authority.egressRules[{}]", row.rules.front());
    }
    p_.recorder->TryEmit(event::FlowDecisionEvent(p_.recorder->cell(), flow, event::Observer::kKernelNft));
  }
}

// The log tells some refused packets; the counters have all of them.
void KernelView::CountRest(const std::vector<net::RowCount>& counts) {
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (MeaningOf(p_.network->rows[i].kind).deny) refused += counts[i].packets;
  }
  if (refused <= told_packets_) return;
  p_.on_denial({.what = "further packets",
                .rule_ref = "default",
                .reason_code = "nft_default_drop",
                .hint = {},
                .count = refused - told_packets_});
}

}  // namespace cell
