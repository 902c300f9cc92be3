// SPDX-License-Identifier: Apache-2.0
// The TCP relay of a cell: accepts what nftables steers here, judges, dials through the supervisor, moves bytes.
//
// Records of one connection: refused before its bytes are looked at, or because no upstream took it: one kFlow denial.
// Refused for its first bytes: one kL7 denial. Let out: kFlow when it is connected, its kL7 decisions, kFlowClosed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/ports.h"
#include "gate/relay/original_destination.h"
#include "gate/relay/pipes.h"
#include "wire/gate_record.h"

namespace gate {

class Flow;

// Everything outlives the relay.
struct RelayParts {
  Loop& loop;
  const Grants& grants;
  const Credits& credits;
  Reporter& reporter;
  Dialler& dialler;
  const OriginalDestination& destinations;
  std::function<bool()> congested = [] { return false; };  // true: accept later
};

// Non-blocking, not owned; -1: absent.
struct RelayListeners {
  int tcp4 = -1, tcp6 = -1;
};

struct RelayBounds {
  std::uint32_t flows = 4096, half_open = 512;
  std::size_t pipes = 128;
};

class Relay final : private Loop::Watcher {
 public:
  // The bounds are those of the document, or less where descriptors are few.
  static base::Result<std::unique_ptr<Relay>> Create(const RelayParts& parts, const RelayListeners& listeners,
                                                     const RelayBounds& bounds);
  ~Relay();

  // Resets every connection now and refuses all that come.
  void Revoke();
  std::size_t open() const { return live_.size(); }
  void AddTo(wire::GateTotals* totals) const;

 private:
  friend class Flow;
  Relay(const RelayParts& parts, const RelayListeners& listeners, const RelayBounds& bounds);
  void OnReady(int fd, std::uint32_t events) override;
  bool AcceptOne(int listener);
  void Admit(base::UniqueFd client, const base::IpEndpoint& peer, bool v6);
  bool MakeRoom();
  bool EvictSilent();
  void Refuse(base::UniqueFd client, const base::IpEndpoint& peer, const base::IpEndpoint& to,
              const FlowVerdict& verdict);
  Flow* NewFlow();
  // Of flows.
  void Release(Flow* flow);
  void RunAgain(Flow* flow);
  void Tick();
  void ArmTick();
  void Pause();
  void Resume();

  RelayParts parts_;
  const RelayListeners listeners_;
  const RelayBounds bounds_;
  Pipes pipes_;
  // Not cleared: a gate that moves nothing has no page of it.
  const std::unique_ptr<std::uint8_t[]> room_;
  const std::span<std::uint8_t> scratch_;
  std::vector<std::unique_ptr<Flow>> flows_;  // every one there ever was: they are used again
  std::vector<Flow*> free_, live_, again_, running_;
  std::vector<std::pair<Flow*, std::uint64_t>> silent_;  // awaiting first bytes, oldest at silent_begin_; some are past
  std::size_t silent_begin_ = 0;
  std::size_t half_open_ = 0;
  Loop::TimerId tick_ = 0, again_timer_ = 0, resume_ = 0;
  bool revoked_ = false;
  wire::GateTotals totals_{};
};

}  // namespace gate
