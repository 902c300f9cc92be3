// SPDX-License-Identifier: Apache-2.0
// The receiver of telemetry: what is taken, refused, counted, and what it costs of the budget.
#include "gate/telemetry/receiver.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace gate {
namespace {

using std::chrono::milliseconds;
using wire::HostFrameFault;
using wire::ProbeSource;
using Outcome = TelemetryReceiver::Outcome;

constexpr TelemetryBudget kPlenty = {1'000'000, 1u << 30};

std::string Frame(ProbeSource source, std::uint32_t pid, std::uint64_t value = 7, std::string_view comm = "sh") {
  wire::TelemetryFrame frame;
  frame.source = source;
  frame.guest_pid = pid;
  frame.guest_monotonic_ns = value;
  wire::SanitizeComm(comm.data(), comm.size(), &frame);
  std::uint8_t bytes[wire::kMaxEmittedFrame];
  const std::size_t size = wire::EncodeTelemetryFrame(frame, bytes, sizeof bytes);
  return {reinterpret_cast<const char*>(bytes), size};
}
std::string Body(std::string_view body) {
  std::string frame(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>(body.size() >> (8 * i));
  return frame.append(body);
}

class Receiving {
 public:
  explicit Receiving(TelemetryBudget budget = kPlenty, bool ours = true) : receiver(budget, ours) { receiver.Begin(); }

  Outcome Take(std::string_view text, base::BootTime now = milliseconds(1)) {
    std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    for (;;) {
      const Outcome outcome = receiver.Take(bytes, now, batch);
      if (outcome != Outcome::kFull) return outcome;
      Collect(now);
    }
  }
  void Collect(base::BootTime now = milliseconds(1)) {
    wire::TelemetryBatchHeader header;
    header.at_ns = static_cast<std::uint64_t>(now.count());
    header.alive_at_ns = static_cast<std::uint64_t>(receiver.alive_at().count());
    header.counts = receiver.counts();
    const auto packet = batch.Seal(header);
    ASSERT_EQ(wire::DecodeTelemetryBatch(packet.data(), packet.size(), &header), wire::TelemetryBatchFault::kNone);
    std::size_t offset = sizeof header;
    for (std::uint32_t i = 0; i < header.entries; ++i) {
      const wire::TelemetryEntry entry = wire::NextTelemetryEntry(packet.data(), &offset);
      entries.push_back(entry.head);
      frames.emplace_back(reinterpret_cast<const char*>(entry.frame), entry.head.frame_bytes);
    }
    batch.Clear();
    ++packets;
  }
  std::uint64_t refused(HostFrameFault fault) const {
    return receiver.counts().refused[static_cast<std::size_t>(fault)];
  }

  TelemetryReceiver receiver;
  TelemetryBatch batch;
  std::vector<wire::TelemetryEntryHead> entries;
  std::vector<std::string> frames;
  int packets = 0;
};

TEST(TelemetryReceiver, HandsOnWhatAFrameSaysAndTheFrameAsItCame) {
  Receiving r;
  const std::string frame = Frame(ProbeSource::kProcessSpawned, 42, 1'000'000'000);
  EXPECT_EQ(r.Take(frame, milliseconds(9)), Outcome::kTaken);
  r.Collect(milliseconds(9));
  ASSERT_EQ(r.entries.size(), 1u);
  EXPECT_EQ(r.frames[0], frame);
  EXPECT_EQ(r.entries[0].guest_pid, 42u);
  EXPECT_EQ(r.entries[0].guest_monotonic_ns, 1'000'000'000u);
  EXPECT_EQ(r.entries[0].at_ns, 9'000'000u);
  EXPECT_EQ(std::string(r.entries[0].comm, r.entries[0].comm_size), "sh");
  EXPECT_EQ(r.receiver.alive_at(), milliseconds(9));
  EXPECT_EQ(r.receiver.counts().bytes, frame.size());
}

TEST(TelemetryReceiver, FramesCutAnywhereAreTheSameFrames) {
  std::string stream;
  for (std::uint32_t i = 0; i < 300; ++i) stream += Frame(ProbeSource::kProcessExited, i, i, std::string(i % 60, 'c'));
  std::mt19937 random(7);
  Receiving whole, cut;
  whole.Take(stream);
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t size = std::min<std::size_t>(1 + random() % 200, stream.size() - at);
    cut.Take(std::string_view(stream).substr(at, size));
    at += size;
  }
  whole.Collect();
  cut.Collect();
  EXPECT_EQ(whole.frames.size(), 300u);
  EXPECT_EQ(whole.frames, cut.frames);
}

TEST(TelemetryReceiver, AFullPacketGoesOnWhereItStood) {
  Receiving r;
  std::string stream;
  for (std::uint32_t i = 0; i < 2000; ++i) stream += Frame(ProbeSource::kNetConnectAttempted, i);
  EXPECT_EQ(r.Take(stream), Outcome::kTaken);
  r.Collect();
  ASSERT_EQ(r.entries.size(), 2000u);
  EXPECT_GE(r.packets, 4);
  for (std::uint32_t i = 0; i < 2000; ++i) EXPECT_EQ(r.entries[i].guest_pid, i);
}

TEST(TelemetryReceiver, WhatIsRefusedIsCountedByItsClassAndTheStreamGoesOn) {
  Receiving r;
  const std::string spawned = Frame(ProbeSource::kProcessSpawned, 1);
  std::string indefinite = spawned.substr(4), tagged = spawned.substr(4), unknown = spawned.substr(4);
  indefinite[0] = '\xbf';
  tagged.insert(0, "\xc1");
  unknown.replace(unknown.find("spawned"), 7, "spewned");
  r.Take(Body(indefinite + "\xff") + Body(tagged) + Body(unknown) + Body("\xff\xff\xff") + spawned);
  r.Collect();
  EXPECT_EQ(r.refused(HostFrameFault::kIndefiniteLength), 1u);
  EXPECT_EQ(r.refused(HostFrameFault::kTagged), 1u);
  EXPECT_EQ(r.refused(HostFrameFault::kUnknownProbeSource), 1u);
  EXPECT_EQ(r.receiver.counts().read, 5u);
  EXPECT_EQ(r.entries.size(), 1u);
}

TEST(TelemetryReceiver, RefusedFramesDoNotKeepTheChannelAlive) {
  Receiving r;
  r.Take(Frame(ProbeSource::kProcessSpawned, 1), milliseconds(5));
  r.Take(Body("\x85"), milliseconds(6));
  EXPECT_EQ(r.receiver.alive_at(), milliseconds(5));
  r.Take(Frame(ProbeSource::kAgentHeartbeat, 2), milliseconds(7));
  EXPECT_EQ(r.receiver.alive_at(), milliseconds(7));
}

TEST(TelemetryReceiver, ALengthOutOfBoundsLosesTheStreamAndIsCounted) {  // TM-04
  for (const std::string& header : {std::string("\xff\xff\xff\xff", 4), std::string(4, '\0'), std::string("\x01\x10\0\0", 4),
                                    std::string("\0\0\0\x61", 4)}) {
    Receiving r;
    EXPECT_EQ(r.Take(Frame(ProbeSource::kProcessSpawned, 1) + header + Frame(ProbeSource::kProcessSpawned, 2)),
              Outcome::kLost);
    r.Collect();
    EXPECT_EQ(r.entries.size(), 1u) << "nothing behind it is believed";
    EXPECT_EQ(r.receiver.counts().torn, 1u);
    EXPECT_EQ(r.refused(HostFrameFault::kOversized) + r.refused(HostFrameFault::kZeroLength), 1u);
    // The next stream begins aligned.
    r.receiver.Begin();
    EXPECT_EQ(r.Take(Frame(ProbeSource::kProcessSpawned, 3)), Outcome::kTaken);
    r.Collect();
    EXPECT_EQ(r.entries.size(), 2u);
    EXPECT_EQ(r.receiver.counts().connections, 2u);
  }
}

TEST(TelemetryReceiver, AStreamThatEndsInsideAFrameIsTorn) {
  const std::string frame = Frame(ProbeSource::kProcessSpawned, 1);
  for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
    Receiving r;
    r.Take(frame.substr(0, cut));
    r.receiver.End();
    EXPECT_EQ(r.receiver.counts().torn, cut >= 4 && cut < frame.size() ? 1u : 0u) << cut;
  }
}

TEST(TelemetryReceiver, HeartbeatsAndDropsAreNoEventsAndTheDropCountIsTheHighest) {
  Receiving r;
  r.Take(Frame(ProbeSource::kAgentHeartbeat, 2) + Frame(ProbeSource::kAgentDropped, 2, 17) +
         Frame(ProbeSource::kAgentDropped, 2, 5));
  r.Collect();
  EXPECT_TRUE(r.entries.empty());
  EXPECT_EQ(r.receiver.counts().heartbeats, 3u);
  EXPECT_EQ(r.receiver.counts().agent_dropped, 17u);
}

TEST(TelemetryReceiver, OurOwnSourcesAreUnknownToAHostThatDidNotAsk) {
  Receiving r(kPlenty, false);
  r.Take(Frame(ProbeSource::kAgentHeartbeat, 2) + Frame(ProbeSource::kAgentExitStatus, 2));
  EXPECT_EQ(r.refused(HostFrameFault::kUnknownProbeSource), 2u);
  EXPECT_EQ(r.receiver.counts().heartbeats, 0u);
}

TEST(TelemetryReceiver, FramesBeyondTheBudgetAreReadCountedAndDropped) {  // TM-01
  Receiving r({.frames_per_second = 10, .bytes_per_second = 1u << 20});
  std::string stream;
  for (std::uint32_t i = 0; i < 25; ++i) stream += Frame(ProbeSource::kProcessSpawned, i);
  r.Take(stream, milliseconds(1000));
  r.Take(stream, milliseconds(1500));
  r.Take(stream, milliseconds(60'000));
  r.Collect(milliseconds(60'000));
  const wire::TelemetryCounts& counts = r.receiver.counts();
  EXPECT_EQ(counts.accepted, 10u + 5u + 10u) << "at once what a second gives, and never more than that";
  EXPECT_EQ(counts.over_rate, 75u - counts.accepted);
  EXPECT_EQ(counts.read, 75u);
  EXPECT_EQ(r.entries.size(), counts.accepted);
  EXPECT_EQ(r.receiver.alive_at(), milliseconds(60'000)) << "a witness that tells too much is not silent";
}

TEST(TelemetryReceiver, TheBudgetOfBytesHoldsAsWell) {
  const std::string frame = Frame(ProbeSource::kProcessSpawned, 1);
  Receiving r({.frames_per_second = 1000, .bytes_per_second = static_cast<std::uint32_t>(3 * frame.size())});
  r.Take(frame + frame + frame + frame + Frame(ProbeSource::kAgentHeartbeat, 2));
  EXPECT_EQ(r.receiver.counts().accepted, 3u);
  EXPECT_EQ(r.receiver.counts().over_rate, 1u);
  EXPECT_EQ(r.receiver.counts().heartbeats, 1u) << "a heartbeat costs nothing";
}

TEST(TelemetryReceiver, AnyBytesLeaveSumsThatClose) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Receiving r({.frames_per_second = 20, .bytes_per_second = 4000});
    std::string stream;
    for (int i = 0; i < 40; ++i) {
      std::string frame = Frame(static_cast<ProbeSource>(random() % 8), static_cast<std::uint32_t>(random()), random());
      if (random() % 2 == 0) frame[random() % frame.size()] ^= static_cast<char>(1u << random() % 8);
      stream += frame;
    }
    r.Take(stream);
    r.Collect();  // its decoder checks the sum
    EXPECT_EQ(r.entries.size(), r.receiver.counts().accepted);
  }
}

}  // namespace
}  // namespace gate
