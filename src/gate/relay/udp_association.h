// SPDX-License-Identifier: Apache-2.0
// One client and one destination of the datagram relay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gate/relay/udp_relay.h"

namespace gate {

class UdpAssociation final : private Loop::Watcher {
 public:
  UdpAssociation(UdpRelay& relay, UdpRelay::Key key, int listener, const sys::PacketPath& path,
                 const FlowVerdict& verdict);
  ~UdpAssociation();
  void Start();

  void FromClient(std::span<const std::uint8_t> datagram);
  // Idle time, life.
  void Check(base::BootTime now);
  void EndBy(wire::GateReason reason, wire::RuleRef rule);
  base::BootTime active() const { return active_; }

 private:
  void OnReady(int fd, std::uint32_t events) override;
  void OnDialled(base::Result<base::UniqueFd> dialled);
  void SendQueued();
  // False when it is over.
  bool Send(std::span<const std::uint8_t> datagram);
  bool WithinBudget(std::size_t out, std::size_t in);
  void Finish(wire::ClosedBy by, wire::GateReason reason, wire::RuleRef rule);
  void ReportFlow(wire::GateReason reason, int error);
  void Describe(wire::GateRecord* record) const;

  UdpRelay& relay_;
  const UdpRelay::Key key_;
  const int listener_;
  const sys::PacketPath path_;
  wire::RuleRef rule_;
  const std::uint64_t query_;
  std::uint64_t id_ = 0;
  Dialler::Ticket ticket_ = 0;
  base::UniqueFd server_;
  std::vector<std::string> queued_;  // until it is dialled
  std::uint64_t bytes_out_ = 0, bytes_in_ = 0;
  base::BootTime opened_, active_;
};

}  // namespace gate
