// SPDX-License-Identifier: Apache-2.0
// A small world around the real agent: an outer pid namespace whose PID 1 starts it as PID 2, an inner one whose leader
// has a notifying filter and then does what a test asks. No sandbox.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "wire/agent_config.h"
#include "wire/telemetry_frame.h"

namespace guest {

inline constexpr std::uint32_t kProcessSources =
    wire::SourceBit(wire::ProbeSource::kProcessSpawned) | wire::SourceBit(wire::ProbeSource::kProcessExited);

// What a test's leader, and the process beside it, can reach of their world.
struct WorldView {
  int agent_pidfd;
  int proc;                           // the outer procfs
  const volatile wire::AgentPage* page;
  bool killable_wait;                 // what waits for the agent is interrupted by SIGKILL alone
  volatile int* flag;                 // shared by both, 0 at the start

  void Raise() const { *flag = 1; }
  void AwaitFlag() const;
};

struct WorldOptions {
  std::uint32_t sources = kProcessSources;
  bool full = false, ours = true;
  std::string watch_path = {};
  std::uint32_t heartbeat_ms = 2000;
  std::uint32_t pid_max = 0;          // of the outer namespace, where the kernel has one per namespace
  std::uint32_t descriptors = 0;      // that the agent may have; 0: as many as the test
  bool read_channel = true;           // false: not before the leader has ended
  bool small_channel = false;         // takes frames in parts
  // Runs in the outer pid namespace once the workload does; its value is outcome.outside.
  std::function<int(const WorldView&)> outside = {};
};

struct WorldOutcome {
  std::vector<wire::TelemetryFrame> frames;
  bool aligned = true;                // every byte of the channel was a good frame
  int leader_status = -1;             // as waitpid gives it
  int agent_status = -1;
  std::uint8_t answer = 0xff;         // what the leader was answered; 0xff: nothing
  wire::AgentPage page = {};
  int outside = 0;

  std::vector<wire::TelemetryFrame> Of(wire::ProbeSource source) const;
  std::size_t Count(wire::ProbeSource source, const std::string& comm) const;
  std::size_t Count(wire::ProbeSource source) const;
  // Each process has as many spawns as `extra` + 1 and one exit behind them.
  std::string Unpaired() const;
};

// Runs `leader` in the world and waits for all of it to end. The leader's value is its exit code.
WorldOutcome RunWorld(const WorldOptions& options, const std::function<int(const WorldView&)>& leader);

// Installs the filter that notifies what `options` declares; its listener, or -1 and errno. For the leader.
int InstallListener(const WorldOptions& options, bool* killable_wait);

// Why there can be no such world here; empty when there can.
std::string WhyNoWorld();

}  // namespace guest
