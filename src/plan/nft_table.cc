// SPDX-License-Identifier: Apache-2.0
// The rows in order. `early` counts fragments, `steer` sends granted ports and DNS to the gate's listeners, `output`
// counts every grant and refuses the rest at once, `input` answers refused datagrams.
#include "plan/nft_table.h"

#include <string.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/address_class.h"
#include "plan/nft_batch.h"
#include "plan/nft_rule.h"

namespace plan {
namespace {

constexpr char kTcpPorts[] = "tcp_ports", kUdpPorts[] = "udp_ports", kGateTcp[] = "gate_tcp", kGateUdp[] = "gate_udp";
constexpr std::uint32_t kLogsPerSecond = 10, kLogBurst = 20;  // of each kind of denial

base::IpAddress CellAddress(bool v6) {
  if (v6) return *base::ParseIpAddress(wire::kCellAddress6);
  base::IpAddress address;
  memcpy(address.bytes.data(), wire::kCellAddress4, sizeof wire::kCellAddress4);
  return address;
}

base::IpPrefix Prefix(const char* text) { return *base::ParseIpPrefix(text); }

// What the cell's own servers listen on.
std::vector<base::IpPrefix> LocalPrefixes() {
  return {Prefix("127.0.0.0/8"), base::Exactly(CellAddress(false)), Prefix("::1/128"), base::Exactly(CellAddress(true))};
}

bool IsUdp(const NetworkRule& rule) { return rule.protocol == wire::FlowProtocol::kUdp; }

class TableBuilder {
 public:
  TableBuilder(const DirectBlocks& blocks, NetworkPlan& network) : blocks_(blocks), network_(network) {}

  void Build() {
    Early();
    Steer();
    Output();
    Input();
  }
  const std::vector<NftRuleBytes>& rules() const { return rules_; }

 private:
  void Add(const char* chain, NftRowKind kind, const NftRule& rule, std::vector<std::uint32_t> indices = {}) {
    network_.rows.push_back({chain, kind, std::move(indices), rule.text()});
    rules_.push_back({chain, rule.expressions()});
  }
  // A denial: some of them are told to NFLOG, all are counted.
  void Deny(NftRowKind kind, const NftRule& match, NftRule (*verdict)(NftRule)) {
    Add("output", NftRowKind::kLog, NftRule(match).AtMost(kLogsPerSecond, kLogBurst).Count().Log());
    Add("output", kind, verdict(NftRule(match).Count()));
  }
  static NftRule Drop(NftRule rule) { return rule.Drop(); }
  static NftRule Reset(NftRule rule) { return rule.Reset(); }
  static NftRule Answer(NftRule rule) { return rule.Mark().Accept(); }

  void Early() {
    for (const bool v6 : {false, true}) Add("early", NftRowKind::kFragment, NftRule().IsFragment(v6).Count().Drop());
  }

  std::uint16_t UdpListener(std::uint16_t port) const {
    const auto found = std::ranges::find(network_.udp_ports, port);
    return static_cast<std::uint16_t>(wire::kFirstUdpPort + (found - network_.udp_ports.begin()));
  }

  void SteerRow(const NftRule& rule, std::vector<std::uint32_t> indices = {}) {
    Add("steer", NftRowKind::kSteer, rule, std::move(indices));
  }

  // Exact literals that a later row would send elsewhere: to the DNS proxy, or to the cell's own servers.
  void SteerExceptions() {
    const auto local = LocalPrefixes();
    for (const NetworkRule& rule : network_.rules) {
      if (!rule.prefix) continue;
      const bool dns = rule.port == 53 && !blocks_.dns;
      const bool own = std::ranges::any_of(local, [&](const auto& range) { return base::Contains(range, *rule.prefix); });
      if (!dns && !own) continue;
      NftRule match = NftRule().Destination(*rule.prefix);
      if (IsUdp(rule)) {
        SteerRow(match.Port(L4::kUdp, rule.port).Count().SteerToPort(UdpListener(rule.port)), {rule.index});
      } else {
        const base::IpEndpoint relay = {CellAddress(rule.prefix->address.v6), wire::kRelayPort};
        SteerRow(match.Port(L4::kTcp, rule.port).Count().SteerTo(relay), {rule.index});
      }
    }
  }

  void SteerDns() {
    const auto both = [&](const NftRule& match) {
      for (const L4 protocol : {L4::kUdp, L4::kTcp}) {
        SteerRow(NftRule(match).Port(protocol, 53).Count().SteerToPort(wire::kDnsPort));
      }
    };
    if (!blocks_.dns) return both({});
    for (const base::IpPrefix& prefix : LocalPrefixes()) both(NftRule().Destination(prefix));
    for (const base::IpEndpoint& resolver : blocks_.resolvers) {
      if (resolver.port == 53) both(NftRule().Destination(base::Exactly(resolver.address)));
    }
    // Left as they are, for `output` to refuse.
    for (const L4 protocol : {L4::kUdp, L4::kTcp}) SteerRow(NftRule().Port(protocol, 53).Count().Accept());
  }

  void SteerBlocked(std::uint16_t port) {
    for (const base::IpEndpoint& resolver : blocks_.resolvers) {
      if (resolver.port != port || std::ranges::find(network_.udp_ports, port) == network_.udp_ports.end()) continue;
      const NftRule match = NftRule().Destination(base::Exactly(resolver.address)).Port(L4::kUdp, port);
      SteerRow(NftRule(match).Count().SteerToPort(UdpListener(port)));
    }
    SteerRow(NftRule().Port(L4::kUdp, port).Count().Accept());
  }

  void Steer() {
    SteerExceptions();
    SteerDns();
    for (const base::IpPrefix& prefix : LocalPrefixes()) SteerRow(NftRule().Destination(prefix).Count().Accept());
    if (blocks_.doq) SteerBlocked(853);
    if (blocks_.http3) SteerBlocked(443);
    for (const bool v6 : {false, true}) {
      if (network_.tcp_ports.empty()) break;
      const base::IpEndpoint relay = {CellAddress(v6), wire::kRelayPort};
      SteerRow(NftRule().Family(v6).PortIn(L4::kTcp, kTcpPorts).Count().SteerTo(relay));
    }
    if (!network_.udp_ports.empty()) {
      SteerRow(NftRule().Protocol(L4::kUdp).Count().SteerByMap(kUdpPorts));
    }
  }

  void LiteralGrants() {
    std::map<std::tuple<bool, base::IpAddress, unsigned, std::uint16_t>, std::vector<std::uint32_t>> grants;
    for (const NetworkRule& rule : network_.rules) {
      if (!rule.prefix) continue;
      grants[{IsUdp(rule), rule.prefix->address, rule.prefix->length, rule.port}].push_back(rule.index);
    }
    // Narrow ones first, so that a packet is counted by the grant that is meant for it.
    std::vector<std::pair<std::tuple<bool, base::IpPrefix, std::uint16_t>, std::vector<std::uint32_t>>> sorted;
    for (auto& [key, indices] : grants) {
      const auto& [udp, address, length, port] = key;
      sorted.push_back({{udp, base::IpPrefix{address, length}, port}, std::move(indices)});
    }
    std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) {
      return std::get<1>(a.first).length > std::get<1>(b.first).length;
    });
    if (sorted.size() > kMaxCountedGrants) sorted.resize(kMaxCountedGrants);
    for (auto& [key, indices] : sorted) {
      const auto& [udp, prefix, port] = key;
      NftRule rule = NftRule().IsSteered().Protocol(udp ? L4::kUdp : L4::kTcp).AskedFor(prefix).AskedPort(port);
      Add("output", NftRowKind::kLiteralGrant, rule.Count().Accept(), std::move(indices));
    }
  }

  void PortGrants() {
    std::map<std::pair<bool, std::uint16_t>, std::vector<std::uint32_t>> grants;
    for (const NetworkRule& rule : network_.rules) {
      if (!rule.prefix) grants[{IsUdp(rule), rule.port}].push_back(rule.index);
    }
    std::size_t rows = 0;
    for (auto& [key, indices] : grants) {
      const auto [udp, port] = key;
      if (++rows > kMaxCountedGrants) break;
      Add("output", udp ? NftRowKind::kUdpGrant : NftRowKind::kPortGrant,
          NftRule().IsSteered().Protocol(udp ? L4::kUdp : L4::kTcp).AskedPort(port).Count().Accept(),
          std::move(indices));
    }
  }

  void Granted() {
    for (const L4 protocol : {L4::kUdp, L4::kTcp}) {
      Add("output", NftRowKind::kDns, NftRule().Port(protocol, wire::kDnsPort).IsSteered().Count().Accept());
    }
    LiteralGrants();
    PortGrants();
    for (const L4 protocol : {L4::kTcp, L4::kUdp}) {
      Add("output", NftRowKind::kOtherSteered, NftRule().IsSteered().Protocol(protocol).Count().Accept());
    }
  }

  void Output() {
    Add("output", NftRowKind::kReply, NftRule().IsReply().Count().Accept());
    // A connection that takes the place of one that was reset is established for the kernel at its first packet: by the
    // flags each is counted once.
    Add("output", NftRowKind::kEstablished, NftRule().IsNoSyn().IsEstablished().Count().Accept());
    Add("output", NftRowKind::kEstablished, NftRule().Protocol(L4::kUdp).IsEstablished().Count().Accept());
    for (const char* prefix : {"224.0.0.0/4", "255.255.255.255/32", "ff00::/8"}) {
      Deny(NftRowKind::kMulticast, NftRule().Destination(Prefix(prefix)), Drop);
    }
    Granted();
    Deny(NftRowKind::kGateListener, NftRule().PortIn(L4::kTcp, kGateTcp), Reset);
    Deny(NftRowKind::kGateListener, NftRule().PortIn(L4::kUdp, kGateUdp), Answer);
    for (const base::IpPrefix& prefix : LocalPrefixes()) {
      Add("output", NftRowKind::kLocal, NftRule().Destination(prefix).Count().Accept());
    }
    if (blocks_.dns) {
      Deny(NftRowKind::kWorkloadDnsBlock, NftRule().Port(L4::kUdp, 53), Drop);
      Deny(NftRowKind::kWorkloadDnsBlock, NftRule().Port(L4::kTcp, 53), Reset);
    }
    if (blocks_.doq) Deny(NftRowKind::kDoqBlock, NftRule().Port(L4::kUdp, 853), Drop);
    if (blocks_.http3) Deny(NftRowKind::kHttp3Block, NftRule().Port(L4::kUdp, 443), Drop);
    Deny(NftRowKind::kUdpRefused, NftRule().Protocol(L4::kUdp), Answer);
    Deny(NftRowKind::kIcmp, NftRule().Protocol(L4::kIcmp), Drop);
    Deny(NftRowKind::kIcmp, NftRule().Protocol(L4::kIcmpV6), Drop);
    Deny(NftRowKind::kSctp, NftRule().Protocol(L4::kSctp), Drop);
    Deny(NftRowKind::kUdpLite, NftRule().Protocol(L4::kUdpLite), Drop);
    Deny(NftRowKind::kTcpRefused, NftRule().Protocol(L4::kTcp), Reset);
    Deny(NftRowKind::kDefaultDrop, NftRule(), Drop);
  }

  void Input() { Add("input", NftRowKind::kInputReject, NftRule().IsMarked().Count().Unreachable()); }

  const DirectBlocks& blocks_;
  NetworkPlan& network_;
  std::vector<NftRuleBytes> rules_;
};

}  // namespace

void PlanTable(const DirectBlocks& blocks, NetworkPlan& network) {
  TableBuilder builder(blocks, network);
  builder.Build();
  std::vector<std::uint16_t> gate_udp = {wire::kDnsPort};
  std::vector<std::pair<std::uint16_t, std::uint16_t>> listeners;
  for (std::size_t i = 0; i < network.udp_ports.size(); ++i) {
    const auto listener = static_cast<std::uint16_t>(wire::kFirstUdpPort + i);
    gate_udp.push_back(listener);
    listeners.emplace_back(network.udp_ports[i], listener);
  }
  NftBatch batch(network.table);
  if (!network.tcp_ports.empty()) batch.PortSet(kTcpPorts, network.tcp_ports);
  if (!listeners.empty()) batch.PortMap(kUdpPorts, listeners);
  batch.PortSet(kGateTcp, {wire::kRelayPort, wire::kDnsPort});
  batch.PortSet(kGateUdp, gate_udp);
  batch.Chain({"early", "filter", NftHook::kOutput, -450, NftPolicy::kAccept});
  batch.Chain({"steer", "nat", NftHook::kOutput, -100, NftPolicy::kAccept});
  batch.Chain({"output", "filter", NftHook::kOutput, 0, NftPolicy::kDrop});
  batch.Chain({"input", "filter", NftHook::kInput, 0, NftPolicy::kAccept});
  network.nft_batch = std::move(batch).Finish(builder.rules());
}

}  // namespace plan
