// SPDX-License-Identifier: Apache-2.0
// Datagrams of granted UDP ports: one association for each client and destination, each over a dialled, connected socket.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/ports.h"
#include "sys/inet.h"
#include "wire/gate_record.h"

namespace gate {

// Everything outlives the relay.
struct UdpRelayParts {
  Loop& loop;
  const Grants& grants;
  const Credits& credits;
  Reporter& reporter;
  Dialler& dialler;
};

class UdpAssociation;

// A datagram without grant is dropped and told (kFlow). An answer comes from the address that was asked.
class UdpRelay final : private Loop::Watcher {
 public:
  // A granted port and its in-cell sockets, non-blocking, with packet information, not owned; -1: absent.
  struct Port {
    std::uint16_t port = 0;
    int v4 = -1, v6 = -1;
  };
  static base::Result<std::unique_ptr<UdpRelay>> Create(const UdpRelayParts& parts, std::vector<Port> ports,
                                                        std::size_t bound);
  ~UdpRelay();

  void Revoke();
  std::size_t open() const { return associations_.size(); }
  void AddTo(wire::GateTotals* totals) const;

 private:
  friend class UdpAssociation;
  struct Key {
    base::IpEndpoint client, to;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  UdpRelay(const UdpRelayParts& parts, std::vector<Port> ports, std::size_t bound);
  void OnReady(int fd, std::uint32_t events) override;
  const Port* PortOf(int fd) const;
  void Take(int fd, const Port& port, const sys::PacketPath& path, std::span<const std::uint8_t> datagram);
  bool MakeRoom();
  void Refuse(const Key& key, const FlowVerdict& verdict);
  void Release(const Key& key);
  void Tick();
  void ArmTick();

  UdpRelayParts parts_;
  const std::vector<Port> ports_;
  const std::size_t bound_;
  // Not cleared: a gate that moves nothing has no page of it.
  const std::unique_ptr<std::uint8_t[]> room_;
  const std::span<std::uint8_t> scratch_;
  std::unordered_map<Key, std::unique_ptr<UdpAssociation>, Hash> associations_;
  Loop::TimerId tick_ = 0;
  bool revoked_ = false;
  wire::GateTotals totals_{};
};

}  // namespace gate
