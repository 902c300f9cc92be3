// SPDX-License-Identifier: Apache-2.0
// Looks into the first bytes of a granted connection, and on plain HTTP into every request: which rule grants it, if
// any.
//
// No I/O, no clock. The relay feeds what the workload sends and does what the Output says:
//
//   * nothing has been dialled when it begins; the relay dials at the first `to_server` bytes (never before: bytes of a
//     refused connection have no upstream) and keeps them until it is connected;
//   * TLS: judged once, after the whole ClientHello; then Next::kSplice, both ways, and the Inspector may be destroyed;
//   * HTTP/1: every request is judged, so all client bytes are shown except `unseen` ones; server bytes are relayed
//     without showing them, but ServerSpoke is called;
//   * h2c (WantsServerBytes): every stream is judged; bytes of both directions are shown, and only what Output holds is
//     sent, since frames to the client are inserted between those of the server;
//   * Next::kEnd: `to_client` is written, then the connection is reset both ways. Nothing more may be fed.
//
// What is refused beyond names: a TLS hello that no client of honest making sends (kL7MalformedHello), encrypted hellos
// under a name rule, `CONNECT`, `Upgrade` (no tunnel begins inside HTTP), every form of request whose length two
// readers could read differently, and h2c frames out of order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace gate::l7 {

// What a refusal looks like to the workload.
enum class Replies : std::uint8_t {
  kExplained,  // TLS: fatal alert access_denied; HTTP: 403 with reason and rule in a header and the body
  kPublished,  // the published program's bytes: TLS nothing, HTTP an empty 403
};

struct Decision {
  wire::GateReason reason = wire::GateReason::kL7UnknownProtocol;
  wire::RuleRef rule = {};
  std::string name;          // canonical, or "(unknown)"
  std::string alpn;          // first protocol of a hello, printable, at most 31 bytes
  std::uint32_t stream = 0;  // h2c
  bool has_sni = false, has_host = false;
  bool allowed() const { return wire::IsAllow(reason); }
  // Everything that a kL7 record says of it; the relay adds flow and address.
  void Fill(wire::GateRecord* record) const;
};

enum class Next : std::uint8_t {
  kMore,    // feed on
  kSplice,  // judged for good: to_server first, then everything both ways unseen
  kEnd,     // write to_client, then reset
};

// The Inspector appends; the relay takes out what it has used, and sets `unseen` back to 0.
struct Output {
  std::string to_server, to_client;
  std::vector<Decision> decisions;  // in order; each is one l7_egress_decision
  Next next = Next::kMore;
  // kMore: after to_server, this many client bytes may be moved to the server unseen (a request's body); they are then
  // not fed.
  std::uint64_t unseen = 0;
};

class Protocol;

class Inspector {
 public:
  // `rules` outlives it; `candidates` are positions in it (FlowVerdict): name rules are matched by name, rules by
  // address or CIDR take any name and none, each only in its own protocol (https, http).
  Inspector(std::span<const wire::GateRule> rules, std::vector<std::uint32_t> candidates,
            Replies replies = Replies::kExplained);
  ~Inspector();
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  void FromClient(std::span<const std::uint8_t> bytes, Output* out);
  // The workload ended its sending side. Undecided: kEnd, and a denial unless whole frames of h2c asked for nothing;
  // else the relay passes the end on (and ends a connection that has no upstream).
  void ClientEnded(Output* out);
  // Deadline of limits.peek_ms, from accept on, for what has not dialled yet. Denial: kL7PeekTimeout when not a byte
  // came, or the hello or head is not whole; h2c of which every stream so far was refused ends without another. After
  // the first bytes for the server it does nothing.
  void TimedOut(Output* out);
  bool Undecided() const;
  // The upstream could not be connected: what the client is told; kEnd.
  void UpstreamFailed(Output* out);

  bool WantsServerBytes() const;
  void FromServer(std::span<const std::uint8_t> bytes, Output* out);
  void ServerSpoke();

 private:
  void Begin(Output* out);
  std::span<const wire::GateRule> rules_;
  std::vector<std::uint32_t> candidates_;
  Replies replies_;
  bool ended_ = false;  // decided without a protocol
  std::string first_;   // bytes that do not yet tell the protocol
  std::unique_ptr<Protocol> protocol_;
};

}  // namespace gate::l7
