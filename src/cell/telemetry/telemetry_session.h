// SPDX-License-Identifier: Apache-2.0
// What the gate hands on of the cell's witness, from its channel to the log: stamped, kept as it came, watched for silence.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/recorder.h"
#include "cell/secret_traces.h"
#include "cell/telemetry/frames_file.h"
#include "cell/telemetry/silence.h"
#include "event/guest_claims.h"
#include "plan/telemetry.h"
#include "sandbox/launch.h"
#include "wire/telemetry_batch.h"

namespace cell {

// Whose an event is follows from the run alone: a packet has no member that could say it. Used by one thread.
class TelemetrySession {
 public:
  struct Options {
    const plan::TelemetryPlan* plan = nullptr;  // not owned, as all pointers here
    Recorder* recorder = nullptr;
    const base::Clock* clock = nullptr;
    int run_directory = -1;                     // open; `frames` is made there
    std::string spec_hash;
  };
  // Makes the channel and the file. The error's step is "telemetry".
  static base::Result<std::unique_ptr<TelemetrySession>> Create(const Options& options);

  // The gate's ends, until CloseGateEnds: the stream of the witness, and the packets' socket.
  int gate_stream() const { return gate_stream_.get(); }
  int gate_frames() const { return gate_frames_.get(); }
  void CloseGateEnds();
  // The witness's end, until CloseAgentEnd.
  int agent_end() const { return agent_end_.get(); }
  void CloseAgentEnd() { agent_end_.Reset(); }

  // The workload is about to run: silence counts from now on. `controls` is the leaf that findings cite; `traces`, which
  // outlives this, finds delivered secrets in names.
  void Arm(const SecretTraces& traces, event::LeafIndex controls);

  int fd() const { return frames_.get(); }
  // Takes a bounded number of packets. nullopt: all is well; else why the gate can't be relied on any more.
  std::optional<std::string> Read();
  bool more() const { return more_; }  // Read left something behind
  // Judges silence, tells of losses; ask after Read.
  void Tick();
  base::BootTime Deadline() const;
  // Why the cell can't go on: the witness is silent and the document says that the cell ends with it.
  const std::optional<std::string>& failure() const { return failure_; }

  // Init found the witness dead or hung, and ends the cell.
  void OnAgentFailed(const sandbox::CellEvent& event);
  // The gate is gone: nothing follows.
  void OnGateFailed(const std::string& why);

  // Before the gate is told to stop: waits until the witness has ended and what it said was read. `killed`: the cell was
  // ended as a whole, its witness too, which may have had more to tell.
  void AwaitEnd(bool killed);
  // Whether the gate's last packet has come.
  bool final_seen() const { return final_; }
  // After the last packet: losses are told and counted, the file of frames is closed. Once.
  void Close();

 private:
  explicit TelemetrySession(const Options& options);
  void AwaitWitness(bool killed);
  std::optional<std::string> TakePacket(std::size_t size);
  const char* WhyDishonest(const wire::TelemetryBatchHeader& header) const;
  void TakeHeader(const wire::TelemetryBatchHeader& header);
  void TakeEntries(std::uint32_t count);
  base::Result<> TakeEntry(const wire::TelemetryEntry& entry, const crypto::Digest& digest);
  base::Result<> Record(const wire::TelemetryEntry& entry, const event::GuestClaimWriter::Frame& frame, std::string_view kept);
  base::Result<> RecordMasked(const wire::TelemetryEntry& entry, event::GuestClaimWriter::Frame frame, std::string_view name);
  void TellUndeclared(wire::ProbeSource source);
  std::uint64_t Lost() const;
  void TellDropped();

  const Options o_;
  base::UniqueFd frames_, gate_frames_, gate_stream_, agent_end_;
  std::optional<FramesFile> file_;
  event::GuestClaimWriter writer_;
  std::vector<std::uint8_t> buffer_;
  wire::TelemetryBatchHeader last_;     // header of the packet before
  base::WallTime wall_{};               // of at_ns_, from which an entry's time of day follows
  std::uint64_t at_ns_ = 0;
  base::BootTime created_at_{0};
  const SecretTraces* traces_ = nullptr;
  std::optional<event::LeafIndex> controls_;
  std::optional<Silence> silence_;
  std::optional<std::string> failure_;
  std::array<std::uint64_t, static_cast<std::size_t>(wire::ProbeSource::kCount)> undeclared_{};
  std::uint64_t told_lost_ = 0;
  base::BootTime lost_told_at_{0};
  bool told_silence_ = false, more_ = false, ended_ = false, awaited_ = false, final_ = false, broken_ = false, dead_ = false,
       closed_ = false;
};

}  // namespace cell
