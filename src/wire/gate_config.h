// SPDX-License-Identifier: Apache-2.0
// Everything a gate is told: one block of memory of fixed-size rows, made by the supervisor from the plan and sealed.
//
// Layout: GateConfigHeader, then `rules` GateRule, `names` GateName, `resolvers` GateResolver, `responses`
// GateResponseRule, `host_addresses` GateAddress, `secrets` GateSecret, `filter_bytes` bytes of the gate's own
// system-call filter. Native byte order: both ends run on one machine. Texts are lower-case where DNS folds case, NUL
// padded, and end with a NUL. Decoding is total.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/init_record.h"

namespace wire {

inline constexpr std::uint32_t kGateConfigMagic = 0x31474743;  // "CGG1"
inline constexpr std::size_t kMaxGateConfigBytes = 32u << 20;
inline constexpr std::uint32_t kMaxGateRules = 16384, kMaxGateNames = 16384, kMaxGateResolvers = 16,
                               kMaxGateUdpPorts = 16, kMaxGateSecrets = 256;

enum class HostForm : std::uint8_t { kAddress, kCidr, kName, kWildcard };
enum class FlowProtocol : std::uint8_t { kHttps, kHttp, kTcp, kUdp };
enum class Transport : std::uint8_t { kUdp, kTcp, kDot, kDoh };  // of a resolver
enum class DnssecMode : std::uint8_t { kOff, kBestEffort, kRequire };
enum class NameSource : std::uint8_t { kHostnameAllowlist, kEgressRules };
// How the frames of the witness in the cell come: over the one stream on kGateTelemetryFd, or over streams that the
// supervisor accepted, one after the other, and passes on kGateFramesFd.
enum class TelemetryMode : std::uint8_t { kNone, kStream, kPassed };

struct GateAddress {
  std::uint8_t bytes[16];  // IPv4 in the first four
  std::uint8_t v6;
  std::uint8_t prefix;     // length; of a single address 32 or 128
  std::uint8_t pad[6];
};

// One grant: a row of authority.egressRules. dns-acknowledged gives two (tcp and udp), with one index.
struct GateRule {
  std::uint32_t index;     // of authority.egressRules
  std::uint16_t port;
  HostForm form;
  FlowProtocol protocol;
  GateAddress address;     // kAddress, kCidr
  char host[256];          // kName ("a.example"), kWildcard ("*.a.example"); the text as written otherwise
};

// A name or pattern that may be asked.
struct GateName {
  std::uint32_t index;     // in its source
  NameSource source;
  std::uint8_t pad[3];
  char pattern[256];
};

struct GateResolver {
  char id[128];            // resolverId, or the address of a resolver of the host
  std::uint16_t port;
  Transport transport;
  DnssecMode dnssec;
  std::uint8_t via_upstream;  // DoT, DoH, or DNSSEC: cellos-upstream asks
  std::uint8_t pad[3];
  GateAddress address;
  char server_name[256];   // TLS: name to verify; empty: the address
  char path[256];          // DoH: "/dns-query"
};

// dnsAuthority.rebindingPolicy.responseIpAllowlist[index].
struct GateResponseRule {
  char host[256];
  GateAddress address;
};

struct GateSecret {
  char key[256];           // what a workload asks for
};

struct GateLimits {
  std::uint32_t flows;                  // at once
  std::uint32_t half_open;              // accepted, not yet judged or not yet connected
  std::uint32_t tcp_dns_clients;
  std::uint32_t names_per_minute, label_bytes_per_minute;
  std::uint32_t cache_entries, answer_entries;
  std::uint32_t peek_ms;                // first bytes, and the whole hello or head
  std::uint32_t connect_ms, idle_ms, upstream_ms;
  std::uint32_t dns_idle_ms;            // TCP client of the DNS proxy
  std::uint32_t min_ttl_s, max_ttl_s;   // clamp of an answer's life for the connect gate
  std::uint32_t grace_s;                // after the TTL, an address can still be connected to
  std::uint32_t denials_per_second;     // reported one by one; beyond, counted
  std::uint64_t flow_bytes;             // both ways; 0 = no bound
  std::uint64_t flow_bytes_out;         // from the workload; 0 = no bound
  std::uint64_t flow_ms;                // life of a flow; 0 = no bound
};

struct GateRefresh {
  std::uint8_t at_start, continuous, manual, resolve_egress;
  std::uint32_t interval_s;
  std::uint32_t min_ttl_s, max_stale_s;
};

struct GateConfigHeader {
  std::uint32_t magic, size;            // of everything
  std::uint32_t rules, names, resolvers, responses, host_addresses, secrets, filter_bytes;
  std::uint32_t udp_ports;              // entries used of udp_port
  std::uint16_t udp_port[kMaxGateUdpPorts];  // granted UDP ports, in the order of their listeners
  std::uint16_t query_types[16];        // allowed types by number
  std::uint32_t query_type_count;
  std::uint32_t max_novel_ips;          // 0: no rebinding policy
  std::uint8_t reject_on_rebind, has_dns_authority, network;
  TelemetryMode telemetry;
  std::uint8_t telemetry_ours;          // the agent was asked for the agent.* sources
  std::uint8_t pad[3];
  GateLimits limits;
  GateRefresh refresh;
  std::uint8_t secret_token[40];        // text of the token, NUL-terminated; empty: no secret socket
  std::uint32_t cell_uid_seen;          // the workload's uid as the gate's user namespace shows it
  std::uint32_t telemetry_frames_per_second, telemetry_bytes_per_second;  // not 0 with a telemetry mode
  std::uint32_t pad2;
};

// A view; pointers into the decoded bytes.
struct GateConfig {
  const GateConfigHeader* header = nullptr;
  const GateRule* rules = nullptr;
  const GateName* names = nullptr;
  const GateResolver* resolvers = nullptr;
  const GateResponseRule* responses = nullptr;
  const GateAddress* host_addresses = nullptr;
  const GateSecret* secrets = nullptr;
  Bytes filter = {};
};

enum class GateConfigFault : std::uint8_t { kNone, kTooShort, kTooLarge, kMagic, kSize, kCount, kText, kEnum, kAddress };
// `bytes` aligned to 8.
GateConfigFault DecodeGateConfig(Bytes bytes, GateConfig* config);

// Descriptors of cellos-gate at its start, in this order; the first in-cell descriptor and all after it are never
// closed by the gate, so that its filter can name them by number: the only ones that may send to an address of the
// gate's choice.
inline constexpr int kGateConfigFd = 3;    // sealed memory with one GateConfig
inline constexpr int kGateRecordsFd = 4;   // seqpacket: GateRecord up, GateCommand down
inline constexpr int kGateDialFd = 5;      // seqpacket: DialRequest up, DialReply with a descriptor down
inline constexpr int kGateCellFd = 6;      // seqpacket: the cell's first process passes the in-cell descriptors, once
inline constexpr int kGateSecretsFd = 7;   // seqpacket: SecretRequest up, SecretReply down
inline constexpr int kGateUpstreamFd = 8;  // seqpacket to cellos-upstream, or /dev/null
inline constexpr int kGateTelemetryFd = 9;  // TelemetryMode::kStream: the agent's connected stream, else /dev/null
inline constexpr int kGateFramesFd = 10;   // seqpacket: TelemetryBatch up, passed streams down; /dev/null without telemetry
inline constexpr int kGateFirstCellFd = 16;

// Order of the in-cell descriptors in the one message on kGateCellFd; received (or moved) to kGateFirstCellFd + n.
enum class CellFd : int {
  kRelayTcp4, kRelayTcp6,  // listening on kRelayPort
  kDnsTcp4, kDnsTcp6,      // listening on kDnsPort
  kDnsUdp4, kDnsUdp6,
  kSecrets,                // listening Unix socket, or /dev/null
  kFirstUdp,               // then per granted UDP port: IPv4, IPv6
};
inline constexpr std::uint16_t kRelayPort = 40000, kDnsPort = 40053, kFirstUdpPort = 40100;
// Of the cell's `lo`.
inline constexpr std::uint8_t kCellAddress4[4] = {192, 0, 0, 8};
inline constexpr char kCellAddress6[] = "fd00:ce11::1";

}  // namespace wire
