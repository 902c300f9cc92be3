// SPDX-License-Identifier: Apache-2.0
// What a stream of the cell's witness says, judged frame by frame: a protocol that knows no socket.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.h"
#include "gate/telemetry/batch.h"
#include "wire/telemetry_batch.h"
#include "wire/telemetry_frame.h"

namespace gate {

// So much a second, and at once after a second of silence. A heartbeat and a count of drops cost nothing of it.
struct TelemetryBudget {
  std::uint32_t frames_per_second = 1, bytes_per_second = 1;
};

// Nothing that a frame says is believed for whose it is; what is refused is counted by its class (telemetry.md §3.2).
class TelemetryReceiver {
 public:
  // `ours`: the agent was asked for the agent.* sources.
  TelemetryReceiver(TelemetryBudget budget, bool ours) : budget_(budget), ours_(ours) {}

  // A stream begins: the reader is aligned and the stream counted.
  void Begin();
  enum class Outcome : std::uint8_t {
    kTaken,  // all bytes are taken
    kFull,   // `batch` has no room for what follows; `bytes` stands where to go on
    kLost,   // alignment is lost: the stream is to be closed, the rest of `bytes` means nothing
  };
  // Takes bytes that came at `now` from the front of `bytes`.
  Outcome Take(std::span<const std::uint8_t>& bytes, base::BootTime now, TelemetryBatch& batch);
  // The stream ended here.
  void End();
  void CountImpostor() { ++counts_.impostors; }

  const wire::TelemetryCounts& counts() const { return counts_; }
  base::BootTime alive_at() const { return alive_at_; }  // of the last good frame; 0: none yet

 private:
  void TakeFrame(const std::uint8_t* body, std::uint32_t size, base::BootTime now, TelemetryBatch& batch);
  void Refuse(wire::HostFrameFault fault) { ++counts_.refused[static_cast<std::size_t>(fault)]; }
  void Refill(base::BootTime now);
  bool Afford(std::uint64_t bytes);

  const TelemetryBudget budget_;
  const bool ours_;
  wire::FrameReader reader_;
  wire::TelemetryCounts counts_ = {};
  base::BootTime alive_at_{0};
  // In billionths, so that a refill after any time is exact.
  std::uint64_t frame_credit_ = 0, byte_credit_ = 0;
  base::BootTime refilled_at_{0};
  bool first_ = true;
};

}  // namespace gate
