// SPDX-License-Identifier: Apache-2.0
// Packets of telemetry: what is written is read back, and what no honest gate sends is refused.
#include "wire/telemetry_batch.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace wire {
namespace {

using Fault = TelemetryBatchFault;

std::string Frame(std::size_t body) {
  std::string frame(kFrameHeader + body, 'x');
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>(body >> (8 * i));
  return frame;
}

struct Packet {
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kMaxTelemetryBatchBytes);
  std::size_t size = sizeof(TelemetryBatchHeader);
  TelemetryBatchHeader header;

  Packet() { header.at_ns = 1000; }
  Packet& Add(std::uint64_t at_ns, std::string_view comm, std::size_t body, ProbeSource source) {
    TelemetryEntryHead head;
    head.at_ns = at_ns;
    head.guest_monotonic_ns = at_ns + 7;
    head.guest_pid = 42;
    head.source = source;
    head.comm_size = static_cast<std::uint8_t>(comm.size());
    std::memcpy(head.comm, comm.data(), comm.size());
    const std::string frame = Frame(body);
    head.frame_bytes = static_cast<std::uint32_t>(frame.size());
    EXPECT_TRUE(AppendTelemetryEntry(head, reinterpret_cast<const std::uint8_t*>(frame.data()), bytes.data(),
                                     bytes.size(), &size));
    ++header.entries;
    ++header.counts.accepted;
    ++header.counts.read;
    return *this;
  }
  Packet& Add(std::uint64_t at_ns) { return Add(at_ns, "sh", 93, ProbeSource::kProcessSpawned); }
  Fault Decode(std::size_t cut = 0) {
    header.size = static_cast<std::uint32_t>(size);
    return DecodeAsIs(cut);
  }
  Fault DecodeAsIs(std::size_t cut = 0) {
    std::memcpy(bytes.data(), &header, sizeof header);
    // In memory of exactly that size, so that a sanitizer sees a read behind it.
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size - cut));
    TelemetryBatchHeader read;
    return DecodeTelemetryBatch(exact.data(), exact.size(), &read);
  }
  TelemetryEntryHead* Head(std::size_t offset = sizeof(TelemetryBatchHeader)) {
    return reinterpret_cast<TelemetryEntryHead*>(bytes.data() + offset);
  }
};

TEST(TelemetryBatch, WhatIsWrittenIsReadBack) {
  Packet packet;
  packet.Add(5, "sh", 93, ProbeSource::kProcessSpawned).Add(5, "", 1, ProbeSource::kProcessExited);
  packet.Add(9, std::string(kMaxGuestComm, 'c'), kMaxFrameBody, ProbeSource::kAgentExitStatus);
  ASSERT_EQ(packet.Decode(), Fault::kNone);
  std::size_t offset = sizeof(TelemetryBatchHeader);
  TelemetryEntry entry = NextTelemetryEntry(packet.bytes.data(), &offset);
  EXPECT_EQ(entry.head.guest_pid, 42u);
  EXPECT_EQ(entry.head.guest_monotonic_ns, 12u);
  EXPECT_EQ(std::string(entry.head.comm, entry.head.comm_size), "sh");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(entry.frame), entry.head.frame_bytes), Frame(93));
  entry = NextTelemetryEntry(packet.bytes.data(), &offset);
  EXPECT_EQ(entry.head.frame_bytes, 5u);
  entry = NextTelemetryEntry(packet.bytes.data(), &offset);
  EXPECT_EQ(entry.head.comm_size, kMaxGuestComm);
  EXPECT_EQ(entry.head.frame_bytes, kFrameHeader + kMaxFrameBody);
  EXPECT_EQ(offset, packet.size);
}

TEST(TelemetryBatch, AHeaderAloneIsAPacket) { EXPECT_EQ(Packet().Decode(), Fault::kNone); }

TEST(TelemetryBatch, WhatDoesNotFitIsNotWritten) {
  std::vector<std::uint8_t> out(sizeof(TelemetryEntryHead) + 8);
  TelemetryEntryHead head;
  head.frame_bytes = 9;
  const std::string frame = Frame(5);
  std::size_t offset = 0;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(frame.data());
  EXPECT_FALSE(AppendTelemetryEntry(head, bytes, out.data(), out.size(), &offset));
  EXPECT_EQ(offset, 0u);
  offset = out.size() + 1;
  head.frame_bytes = 8;
  EXPECT_FALSE(AppendTelemetryEntry(head, bytes, out.data(), out.size(), &offset));
  offset = 0;
  EXPECT_TRUE(AppendTelemetryEntry(head, bytes, out.data(), out.size(), &offset));
}

TEST(TelemetryBatch, EveryCutIsRefused) {
  Packet packet;
  packet.Add(5).Add(6);
  ASSERT_EQ(packet.Decode(), Fault::kNone);
  for (std::size_t cut = 1; cut <= packet.size; ++cut) EXPECT_NE(packet.Decode(cut), Fault::kNone) << cut;
}

TEST(TelemetryBatch, ThePacketsOwnWordsAreJudged) {
  const auto refused = [](auto change) {
    Packet packet;
    packet.Add(5).Add(6);
    packet.header.size = static_cast<std::uint32_t>(packet.size);
    change(packet);
    return packet.DecodeAsIs();
  };
  EXPECT_EQ(refused([](Packet& p) { p.header.magic ^= 1; }), Fault::kMagic);
  EXPECT_EQ(refused([](Packet& p) { p.header.size += 8; }), Fault::kSize);
  EXPECT_EQ(refused([](Packet& p) { p.header.flags = 8; }), Fault::kFlags);
  EXPECT_EQ(refused([](Packet& p) { p.header.entries = 3; }), Fault::kCount);
  EXPECT_EQ(refused([](Packet& p) { p.header.entries = 1; }), Fault::kSize);
  EXPECT_EQ(refused([](Packet& p) { p.header.entries = kMaxTelemetryBatchEntries + 1; }), Fault::kCount);
  EXPECT_EQ(refused([](Packet& p) { ++p.header.counts.read; }), Fault::kSums);
  EXPECT_EQ(refused([](Packet& p) { ++p.header.counts.refused[3]; }), Fault::kSums);
  EXPECT_EQ(refused([](Packet& p) { p.header.alive_at_ns = 1001; }), Fault::kTime);
}

TEST(TelemetryBatch, EachEntryIsJudged) {
  const auto refused = [](auto change) {
    Packet packet;
    packet.Add(5).Add(6);
    change(packet);
    return packet.Decode();
  };
  EXPECT_EQ(refused([](Packet& p) { p.Head()->at_ns = 7; }), Fault::kTime) << "later than the entry after it";
  EXPECT_EQ(refused([](Packet& p) { p.header.at_ns = 5; }), Fault::kTime) << "an entry from the future";
  EXPECT_EQ(refused([](Packet& p) { p.Head()->source = ProbeSource::kCount; }), Fault::kEntry);
  EXPECT_EQ(refused([](Packet& p) { p.Head()->source = ProbeSource::kAgentHeartbeat; }), Fault::kEntry);
  EXPECT_EQ(refused([](Packet& p) { p.Head()->source = ProbeSource::kAgentDropped; }), Fault::kEntry);
  EXPECT_EQ(refused([](Packet& p) { p.Head()->comm_size = kMaxGuestComm + 1; }), Fault::kEntry);
  EXPECT_EQ(refused([](Packet& p) { p.Head()->frame_bytes = kFrameHeader; }), Fault::kEntry);
  EXPECT_EQ(refused([](Packet& p) { p.Head()->frame_bytes = kFrameHeader + kMaxFrameBody + 1; }), Fault::kEntry);
  EXPECT_EQ(refused([](Packet& p) { p.Head()->frame_bytes = 4000; }), Fault::kFrame) << "longer than the packet";
  EXPECT_EQ(refused([](Packet& p) { ++p.Head()->frame_bytes; }), Fault::kFrame) << "not what the frame says";
  EXPECT_EQ(refused([](Packet& p) { p.Head()->comm[1] = '\xff'; }), Fault::kText);
  EXPECT_EQ(refused([](Packet& p) { std::memcpy(p.Head()->comm, "\xc3\xa9", 2); }), Fault::kNone);
}

}  // namespace
}  // namespace wire
