// SPDX-License-Identifier: Apache-2.0
// The sockets around the receiver: the witness's stream in, packets to the supervisor out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gate/loop.h"
#include "gate/telemetry/batch.h"
#include "gate/telemetry/receiver.h"

namespace gate {

// What was read leaves in the round in which it came. While the supervisor takes nothing, nothing is read: the witness's
// own queue and counter hold what comes meanwhile. One stream lives at a time; each further one is refused and counted.
class TelemetryChannel final : private Loop::Watcher {
 public:
  struct Options {
    int frames = -1;        // seqpacket to the supervisor, on which it may pass streams. Not owned
    base::UniqueFd stream;  // the first stream, non-blocking; empty: the first is passed, as all others are
    TelemetryBudget budget;
    bool ours = false;      // see TelemetryReceiver
  };
  // Everything outlives it.
  static base::Result<std::unique_ptr<TelemetryChannel>> Create(Loop& loop, const base::Clock& clock, Options options);
  ~TelemetryChannel();

  // Reads what is readable, hands it on, and says that nothing follows; done() then.
  void Stop();
  // Also once the supervisor's end is closed.
  bool done() const { return told_final_ || broken_; }

 private:
  TelemetryChannel(Loop& loop, const base::Clock& clock, const Options& options);
  void OnReady(int fd, std::uint32_t events) override;
  base::Result<> Begin(base::UniqueFd stream);
  void End(std::uint32_t flags);
  void TakePassed();
  void Pump();
  bool Digest();
  bool Read();
  bool Send();
  void TellFinal();
  void Rewatch();

  Loop& loop_;
  const base::Clock& clock_;
  const int frames_;
  TelemetryReceiver receiver_;
  TelemetryBatch batch_;
  base::UniqueFd stream_;               // the one that lives
  std::vector<std::uint8_t> buffer_;
  std::span<const std::uint8_t> rest_;  // of buffer_: read, not taken yet
  base::BootTime read_at_{0};           // when it was read
  std::size_t may_read_ = 0;            // bytes, in this round; when stopping, in all
  std::uint32_t flags_ = 0;             // of the next packet
  bool unsent_ = false;                 // there is something to tell
  bool full_ = false;                   // the supervisor's socket
  bool stream_watched_ = false, output_watched_ = false;
  bool stopping_ = false, told_final_ = false, broken_ = false;
};

}  // namespace gate
