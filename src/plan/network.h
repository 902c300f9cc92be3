// SPDX-License-Identifier: Apache-2.0
// The network of a cell: what the gate is told, what the dialler may connect to, what the kernel is sent. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/host_facts.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "spec/cell_document.h"
#include "wire/gate_config.h"

namespace plan {

// One grant; dns-acknowledged gives two with one index.
struct NetworkRule {
  std::uint32_t index = 0;                 // of authority.egressRules
  wire::HostForm form = wire::HostForm::kName;
  wire::FlowProtocol protocol = wire::FlowProtocol::kTcp;
  std::uint16_t port = 0;
  std::string host;                        // lower-case; an address or CIDR as text
  std::optional<base::IpPrefix> prefix;    // kAddress, kCidr
};

struct NetworkName {
  std::uint32_t index = 0;
  wire::NameSource source = wire::NameSource::kHostnameAllowlist;
  std::string pattern;                     // lower-case
};

struct NetworkResolver {
  std::string id;                          // resolverId; of a host's resolver its address
  wire::Transport transport = wire::Transport::kUdp;
  base::IpEndpoint endpoint;
  std::string server_name, path;           // DoT, DoH
  wire::DnssecMode dnssec = wire::DnssecMode::kOff;
  std::string trust_anchors_path;          // empty: built-in root
  bool from_host = false;                  // of /etc/resolv.conf
  bool via_upstream() const {
    return transport == wire::Transport::kDot || transport == wire::Transport::kDoh || dnssec != wire::DnssecMode::kOff;
  }
};

struct ResponseRule {
  std::string host;
  base::IpPrefix prefix;
};

// What a row of the nft table stands for, so that counters can be told by rule.
enum class NftRowKind : std::uint8_t {
  kReply, kEstablished, kDns, kLiteralGrant, kPortGrant, kUdpGrant, kOtherSteered, kGateListener, kLocal, kMulticast, kUdpRefused,
  kIcmp, kSctp, kUdpLite, kTcpRefused, kFragment, kWorkloadDnsBlock, kDoqBlock, kHttp3Block, kResolverGrant,
  kInputReject, kDefaultDrop,
  kSteer,                                  // chain "steer": counts first packets, which are connections
  kLog                                     // tells NFLOG of some of what the row after it counts
};
// Rows of "output" behind kEstablished see the first packet of a connection only, and datagrams without an answer yet.
struct NftRow {
  std::string chain;                       // "early", "steer", "output", "input": the order of the table
  NftRowKind kind;
  std::vector<std::uint32_t> rules;        // indices of authority.egressRules; empty: none
  std::string text;                        // as `nft list` would show it, without the counter's values
};

struct NetworkPlan {
  bool gate = false;                       // false: only the cell's own loopback, nothing below is used but secrets
  bool network = false;                    // egress rules or dnsAuthority: the cell has addresses, rules, listeners
  bool secret_socket = false;              // some secret is delivered over kSecretSocket
  bool telemetry = false;                  // the gate receives what the witness in the cell tells
  std::vector<NetworkRule> rules;
  std::vector<NetworkName> names;
  std::vector<std::uint16_t> query_types;
  std::vector<NetworkResolver> resolvers;
  std::vector<ResponseRule> responses;
  std::uint32_t max_novel_ips = 0;         // 0: no rebinding policy
  bool reject_on_rebind = false;
  wire::GateRefresh refresh = {};
  wire::GateLimits limits = {};
  std::vector<std::uint16_t> tcp_ports;    // steered, ascending, each once
  std::vector<std::uint16_t> udp_ports;    // granted, ascending, each once
  std::vector<base::IpAddress> host_addresses;
  std::string table;                       // "cellos_<safe id>", family inet
  std::string link_batch;                  // rtnetlink messages: lo up, addresses, routes
  std::string nft_batch;                   // one nf_tables transaction
  std::vector<NftRow> rows;                // in the order of the table
  std::string gate_filter;                 // raw struct sock_filter[] of the gate
  bool upstream = false;                   // cellos-upstream is needed
  std::string upstream_filter;
};

// What the cell's own processes make below the read-only root.
inline constexpr char kDenialsFile[] = "/run/cellos/denials";
inline constexpr char kSecretSocket[] = "/run/cellos/secrets/broker.sock";

struct NetworkSettings {                   // documents.md §6.6
  bool resolve_egress = false, refresh = false, refresh_continuous = false;
  std::uint32_t tick_interval_s = 0;       // 0: by the document
  std::string trust_anchors_path;          // CELLOS_DNSSEC_TRUST_ANCHORS_PATH
  std::uint64_t flow_bytes_out = 0;        // CELLOS_FLOW_MAX_BYTES_OUT; 0: no bound
};

// The document's network; `gate` false when it asks for none, no secret is delivered over the socket and no witness
// reports. kInvalid with the
// member's pointer where something can't be granted as written (more than kMaxGateUdpPorts UDP ports, no resolver at all).
base::Result<NetworkPlan> MakeNetworkPlan(const spec::CellDocument& document, const NetworkSettings& settings,
                                          const base::HostFacts& facts);

// The gate's configuration in the bytes of wire/gate_config.h.
struct GateConfigExtras {
  std::vector<std::string> secret_keys;
  std::string secret_token;
  std::uint32_t cell_uid_seen = 0;
  wire::TelemetryMode telemetry = wire::TelemetryMode::kNone;
  std::uint32_t frames_per_second = 0, bytes_per_second = 0;  // of telemetry
};
std::string EncodeGateConfig(const NetworkPlan& network, const GateConfigExtras& extras);

// Whether the tables grant this connection: what the dialler asks before each connect. null: granted; else why not.
const char* WhyNotDialled(const NetworkPlan& network, wire::FlowProtocol protocol, bool for_resolver,
                          std::uint32_t index, const base::IpEndpoint& to);

}  // namespace plan
