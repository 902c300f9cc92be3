// SPDX-License-Identifier: Apache-2.0
// Both ends of a gate's telemetry, for tests: the witness that writes frames, the supervisor that reads packets.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "gate/grants_fixture.h"
#include "sys/inet.h"
#include "sys/poll.h"
#include "wire/telemetry_batch.h"

namespace gate {

inline void AskForTelemetry(ConfigFixture& config, wire::TelemetryMode mode) {
  config.header.network = 0;
  config.header.telemetry = mode;
  config.header.telemetry_ours = 1;
  config.header.telemetry_frames_per_second = 1'000'000;
  config.header.telemetry_bytes_per_second = 1u << 30;
}

// `count` frames of pids from `first` on, each whole; false when the socket took less.
inline bool SendFrames(int socket, std::uint32_t count, std::uint32_t first = 0) {
  for (std::uint32_t i = 0; i < count; ++i) {
    wire::TelemetryFrame frame;
    frame.source = wire::ProbeSource::kProcessSpawned;
    frame.guest_pid = first + i;
    std::uint8_t bytes[wire::kMaxEmittedFrame];
    const std::size_t size = wire::EncodeTelemetryFrame(frame, bytes, sizeof bytes);
    if (::send(socket, bytes, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) return false;
  }
  return true;
}

class TelemetryPackets {
 public:
  explicit TelemetryPackets(int socket) : socket_(socket), buffer_(wire::kMaxTelemetryBatchBytes) {}

  // Reads until `done`, at most 10 s.
  template <typename Done>
  bool Await(Done done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      pollfd wait = {socket_, POLLIN, 0};
      if (std::chrono::steady_clock::now() > until || *sys::Poll({&wait, 1}, std::chrono::milliseconds(1000)) < 0) return false;
      if (wait.revents != 0 && !ReadOne()) return done();
    }
    return true;
  }
  bool ended_seen() const { return (flags_ & wire::kTelemetryEnded) != 0; }
  bool final_seen() const { return (flags_ & wire::kTelemetryFinal) != 0; }

  std::vector<wire::TelemetryEntryHead> entries;
  wire::TelemetryBatchHeader last;

 private:
  bool ReadOne() {
    const long got = sys::Receive(socket_, buffer_);
    if (got <= 0) return false;
    const auto fault = wire::DecodeTelemetryBatch(buffer_.data(), static_cast<std::size_t>(got), &last);
    EXPECT_EQ(fault, wire::TelemetryBatchFault::kNone);
    EXPECT_FALSE(final_seen()) << "nothing comes after the last one";
    flags_ |= last.flags;
    std::size_t offset = sizeof last;
    for (std::uint32_t i = 0; i < last.entries; ++i) {
      entries.push_back(wire::NextTelemetryEntry(buffer_.data(), &offset).head);
    }
    return fault == wire::TelemetryBatchFault::kNone;
  }

  int socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t flags_ = 0;
};

}  // namespace gate
