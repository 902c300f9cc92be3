// SPDX-License-Identifier: Apache-2.0
// Frames in, entries and counts out.
#include "gate/telemetry/receiver.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gate {
namespace {

using wire::HostFrameFault;
using wire::ProbeSource;

constexpr std::uint64_t kUnit = 1'000'000'000;

std::uint64_t Added(std::uint64_t credit, std::uint32_t rate, std::uint64_t elapsed_ns) {
  return std::min(credit + rate * elapsed_ns, rate * kUnit);
}

}  // namespace

void TelemetryReceiver::Begin() {
  reader_ = wire::FrameReader();
  ++counts_.connections;
}

void TelemetryReceiver::End() {
  const HostFrameFault fault = reader_.AtEnd();
  if (!wire::IsStreamFault(fault)) return;
  ++counts_.read;
  Refuse(fault);
  ++counts_.torn;
}

TelemetryReceiver::Outcome TelemetryReceiver::Take(std::span<const std::uint8_t>& bytes, base::BootTime now,
                                                   TelemetryBatch& batch) {
  Refill(now);
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  Outcome outcome = Outcome::kTaken;
  while (true) {
    if (!batch.HasRoom()) {
      outcome = Outcome::kFull;
      break;
    }
    const wire::FrameReader::Step step = reader_.Next(&at, &left);
    if (step.kind == wire::FrameReader::Kind::kNeedMore) break;
    ++counts_.read;
    if (step.kind == wire::FrameReader::Kind::kLost) {
      Refuse(step.fault);
      ++counts_.torn;
      outcome = Outcome::kLost;
      break;
    }
    TakeFrame(step.body, step.length, now, batch);
  }
  bytes = {at, left};
  return outcome;
}

void TelemetryReceiver::TakeFrame(const std::uint8_t* body, std::uint32_t size, base::BootTime now,
                                  TelemetryBatch& batch) {
  const std::uint32_t frame_bytes = size + static_cast<std::uint32_t>(wire::kFrameHeader);
  counts_.bytes += frame_bytes;
  wire::TelemetryFrame frame;
  const HostFrameFault fault = wire::DecodeHostFrame(body, size, ours_, &frame);
  if (fault != HostFrameFault::kNone) return Refuse(fault);
  alive_at_ = now;
  if (frame.source == ProbeSource::kAgentHeartbeat || frame.source == ProbeSource::kAgentDropped) {
    ++counts_.heartbeats;
    if (frame.source == ProbeSource::kAgentDropped) {
      counts_.agent_dropped = std::max(counts_.agent_dropped, frame.guest_monotonic_ns);
    }
    return;
  }
  if (!Afford(frame_bytes)) {
    ++counts_.over_rate;
    return;
  }
  ++counts_.accepted;
  wire::TelemetryEntryHead head;
  head.at_ns = static_cast<std::uint64_t>(now.count());
  head.guest_monotonic_ns = frame.guest_monotonic_ns;
  head.guest_pid = frame.guest_pid;
  head.frame_bytes = frame_bytes;
  head.source = frame.source;
  head.comm_size = frame.comm_size;
  std::memcpy(head.comm, frame.comm, sizeof head.comm);
  batch.Add(head, body - wire::kFrameHeader);
}

void TelemetryReceiver::Refill(base::BootTime now) {
  const auto elapsed = static_cast<std::uint64_t>(std::max<std::int64_t>((now - refilled_at_).count(), 0));
  refilled_at_ = now;
  const std::uint64_t counted = std::exchange(first_, false) ? kUnit : std::min(elapsed, kUnit);
  frame_credit_ = Added(frame_credit_, budget_.frames_per_second, counted);
  byte_credit_ = Added(byte_credit_, budget_.bytes_per_second, counted);
}

bool TelemetryReceiver::Afford(std::uint64_t bytes) {
  if (frame_credit_ < kUnit || byte_credit_ < bytes * kUnit) return false;
  frame_credit_ -= kUnit;
  byte_credit_ -= bytes * kUnit;
  return true;
}

}  // namespace gate
