// SPDX-License-Identifier: Apache-2.0
// The parts of a running gate, put together after its lock-down: what it listens on, tells and is commanded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "gate/dial_client.h"
#include "gate/dns/proxy.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/process/startup.h"
#include "gate/relay/relay.h"
#include "gate/relay/udp_relay.h"
#include "gate/reporter.h"
#include "gate/secrets/secret_socket.h"
#include "gate/telemetry/channel.h"

namespace gate {

class Gate {
 public:
  // `descriptors`: how many this process can hold.
  static base::Result<std::unique_ptr<Gate>> Create(const base::Clock& clock, Grants grants, const CellSockets& sockets,
                                                    std::uint64_t descriptors);
  // Says kReady with `lock`, then serves until kStop or until the supervisor is gone.
  base::Result<> Run(std::uint32_t lock);

  // What a configuration makes the gate hold at most.
  static std::uint64_t DescriptorsFor(const wire::GateLimits& limits);

 private:
  Gate(const base::Clock& clock, std::unique_ptr<Loop> loop, Grants grants);
  base::Result<> StartNetwork(const CellSockets& sockets, std::uint64_t descriptors);
  base::Result<> StartTelemetry();
  void OnCommands();
  void Obey(const wire::GateCommand& command);
  void Revoke();
  void Stop();
  void Beat();
  std::uint32_t OpenFlows() const;

  const base::Clock& clock_;
  const std::unique_ptr<Loop> loop_;
  const Grants grants_;
  Credits credits_;
  RecordReporter reporter_;
  DialClient dialler_;
  KernelOriginalDestination destinations_;
  std::unique_ptr<dns::Proxy> proxy_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<UdpRelay> udp_;
  std::unique_ptr<SecretSocket> secrets_;
  std::unique_ptr<TelemetryChannel> telemetry_;
  std::uint64_t last_beat_ = 0;  // id of its record
  bool stopping_ = false, released_ = false;
};

}  // namespace gate
