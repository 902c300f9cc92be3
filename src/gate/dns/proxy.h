// SPDX-License-Identifier: Apache-2.0
// The DNS proxy of a cell: answers every question of the workload by the document's rules and tells of each decision.
//
// Order for one question: parse, type, name, cache, budget, upstream, validation, judgement of the answer, rebinding
// policy, reply, credits, record. UDP and TCP differ in framing alone.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/ports.h"
#include "wire/gate_record.h"

namespace gate::dns {

// What the proxy lives on; everything outlives it, and the loop runs no more once it is gone.
struct ProxyParts {
  Loop& loop;
  const Grants& grants;
  Reporter& reporter;
  Dialler& dialler;
  CreditSink& credits;
};

// In-cell descriptors, non-blocking, not owned; -1: absent. UDP sockets have IP_PKTINFO or IPV6_RECVPKTINFO set.
// `upstream` is the seqpacket socket to cellos-upstream.
struct ProxySockets {
  int udp4 = -1, udp6 = -1;
  int tcp4 = -1, tcp6 = -1;
  int upstream = -1;
};

class Proxy {
 public:
  // Watches the descriptors and dials the first sockets of the first resolver; refresh at start begins at once.
  static base::Result<std::unique_ptr<Proxy>> Create(const ProxyParts& parts, const ProxySockets& sockets);
  ~Proxy();

  // GateCommand kRefresh: looks `name` (position in grants.names()) up now, whatever the refresh policy says.
  void Refresh(std::uint32_t name);
  // GateCommand kRevoke: from now on every question is refused.
  void Revoke();
  // The DNS members of the totals.
  void AddTo(wire::GateTotals* totals) const;

 private:
  class Core;
  explicit Proxy(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace gate::dns
