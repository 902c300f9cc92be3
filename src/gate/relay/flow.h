// SPDX-License-Identifier: Apache-2.0
// One connection of the workload, from accept to its last byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gate/l7/inspector.h"
#include "gate/relay/relay.h"
#include "gate/relay/stream.h"

namespace gate {

class Flow final : private Loop::Watcher {
 public:
  enum class Phase : std::uint8_t {
    kFree,
    kPeeking,     // the first bytes decide; nothing is dialled
    kConnecting,  // asked for, or being connected
    kOpen,
    kRefused,     // the refusal is written; its reader gets a moment before the reset
  };
  explicit Flow(Relay& relay) : relay_(relay) {}

  void Start(base::UniqueFd client, const base::IpEndpoint& peer, const base::IpEndpoint& to, FlowVerdict verdict);
  // Deadlines, idle time, life.
  void Check(base::BootTime now);
  // Goes on with what was left for the sake of others.
  void Continue();
  // Resets it for a reason of the gate's own.
  void EndBy(wire::GateReason reason, wire::RuleRef rule);

  Phase phase() const { return phase_; }
  bool half_open() const { return phase_ != Phase::kFree && phase_ != Phase::kOpen; }
  // Nothing came of it yet: what makes room first.
  bool silent() const { return phase_ == Phase::kPeeking && to_server_.read() == 0; }
  std::uint64_t generation() const { return generation_; }
  std::size_t position = 0;  // in the relay's list of live flows
  bool queued = false;       // waits for Continue

 private:
  // What a direction is left with.
  enum class Left : std::uint8_t { kWaiting, kMore, kGone };

  void OnReady(int fd, std::uint32_t events) override;
  void OnClient(std::uint32_t events);
  void OnServer(std::uint32_t events);
  void OnDialled(base::Result<base::UniqueFd> dialled);
  void Dial(std::uint32_t rule_index);
  bool TryConnected();
  void Connected();
  void ConnectFailed(int error);

  // Each is false when the flow is over.
  bool Peek();
  bool Use(l7::Output& output);
  bool RefuseWith(std::string reply);
  bool Drain();

  void Pump();
  // One step of one direction.
  Left StepToServer();
  Left StepToClient();
  Left ShowToInspector(bool from_client);
  Left After(Moved moved, bool to_server, bool short_read);
  Left WriteHeld(bool to_server);
  Left PassEnd(bool to_server);
  void NoteEnd(wire::ClosedBy side);
  std::uint64_t Allowance(bool to_server) const;  // bytes that may still pass

  void Break(wire::ClosedBy by);
  void EndIfDone();
  void Finish(wire::ClosedBy by, wire::GateReason reason, wire::RuleRef rule, bool reset);
  void ReportDecision(const l7::Decision& decision);
  void ReportFlow(wire::GateReason reason, int error);
  void ReportClosed(wire::ClosedBy by, wire::GateReason reason, wire::RuleRef rule);
  void Describe(wire::GateRecord* record) const;
  void WatchClient(bool output);
  void WatchServer(bool output);

  Relay& relay_;
  Phase phase_ = Phase::kFree;
  std::uint64_t generation_ = 0;
  std::uint64_t id_ = 0;
  base::UniqueFd client_, server_;
  base::IpEndpoint to_;
  std::uint16_t source_port_ = 0;
  wire::RuleRef rule_;
  std::uint64_t query_ = 0;
  std::string name_, alpn_;
  bool has_sni_ = false, has_host_ = false;
  std::vector<l7::Decision> held_;  // made before the flow was connected and told
  std::unique_ptr<l7::Inspector> inspector_;
  std::uint64_t unseen_ = 0;        // bytes of the workload that pass without being shown
  Stream to_server_, to_client_;
  Dialler::Ticket ticket_ = 0;
  base::BootTime opened_{0}, active_{0}, deadline_{0};
  bool client_readable_ = false, client_writable_ = true, server_readable_ = false, server_writable_ = false;
  bool client_ended_ = false, server_ended_ = false;  // an end is there to be read: a short read is not the last
  bool client_watched_ = false, client_output_ = false, server_output_ = false;
  bool client_told_ = false, server_told_ = false;  // of the other side's end
  bool told_ = false;               // kFlow was reported
  wire::ClosedBy first_end_ = wire::ClosedBy::kWorkload;
  bool one_ended_ = false;
};

}  // namespace gate
