// SPDX-License-Identifier: Apache-2.0
#include "outbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace guest {
namespace {

using wire::ProbeSource;

Event Numbered(std::uint32_t number) { return {number, number, ProbeSource::kProcessSpawned, {2, {'s', 'h'}}}; }

// Takes `most` bytes at a time until there are none.
std::vector<wire::TelemetryFrame> TakeAll(Outbox& outbox, std::size_t most) {
  wire::FrameReader reader;
  std::vector<wire::TelemetryFrame> frames;
  for (wire::Bytes bytes = outbox.Pending(); bytes.size != 0; bytes = outbox.Pending()) {
    const std::uint8_t* at = bytes.data;
    std::size_t size = std::min(most, bytes.size);
    outbox.Taken(size);
    for (;;) {
      const auto step = reader.Next(&at, &size);
      if (step.kind != wire::FrameReader::Kind::kFrame) {
        EXPECT_EQ(step.kind, wire::FrameReader::Kind::kNeedMore);
        break;
      }
      wire::TelemetryFrame frame;
      EXPECT_EQ(wire::DecodeHostFrame(step.body, step.length, true, &frame), wire::HostFrameFault::kNone);
      frames.push_back(frame);
    }
  }
  EXPECT_EQ(reader.AtEnd(), wire::HostFrameFault::kNone);
  return frames;
}

TEST(Outbox, FramesLeaveInOrderHoweverFewBytesAreTakenAtATime) {
  for (const std::size_t most : {1, 2, 3, 7, 100, 8191, 1 << 20}) {
    auto outbox = std::make_unique<Outbox>();
    outbox->Start(true, 2);
    for (std::uint32_t i = 0; i < 200; ++i) outbox->Put(Numbered(i));
    const auto frames = TakeAll(*outbox, most);
    ASSERT_EQ(frames.size(), 200u) << most;
    for (std::uint32_t i = 0; i < 200; ++i) EXPECT_EQ(frames[i].guest_pid, i);
    EXPECT_TRUE(outbox->Empty());
  }
}

TEST(Outbox, AFullQueueIsHandedOnBeforeAnythingIsDropped) {
  struct Channel {
    Outbox outbox;
    std::size_t frames = 0;
    bool takes = true;
  };
  auto channel = std::make_unique<Channel>();
  channel->outbox.Start(true, 2);
  channel->outbox.RelieveBy(
      [](void* context) {
        auto& to = *static_cast<Channel*>(context);
        if (to.takes) to.frames += TakeAll(to.outbox, 1000).size();
      },
      channel.get());
  for (std::uint32_t i = 0; i < 5 * Outbox::kCapacity; ++i) channel->outbox.Put(Numbered(i));
  EXPECT_EQ(channel->outbox.dropped(), 0u);
  EXPECT_EQ(channel->frames, 4 * Outbox::kCapacity);
  channel->takes = false;
  channel->outbox.Put(Numbered(0));
  EXPECT_EQ(channel->outbox.dropped(), 1u) << "a channel that takes nothing changes nothing";
}

TEST(Outbox, TheNewestIsDroppedWhenFullAndTheCountIsTold) {
  auto outbox = std::make_unique<Outbox>();
  outbox->Start(true, 2);
  for (std::uint32_t i = 0; i < Outbox::kCapacity + 5; ++i) outbox->Put(Numbered(i));
  EXPECT_EQ(outbox->dropped(), 5u);
  auto frames = TakeAll(*outbox, 1000);
  ASSERT_EQ(frames.size(), Outbox::kCapacity + 1);
  EXPECT_EQ(frames[0].source, ProbeSource::kAgentDropped);
  EXPECT_EQ(frames[0].guest_pid, 2u);
  EXPECT_EQ(frames[0].guest_monotonic_ns, 5u);
  EXPECT_EQ(frames.back().guest_pid, Outbox::kCapacity - 1);
  outbox->CountDropped();
  EXPECT_FALSE(outbox->Empty()) << "a count that was not told is something to tell";
  frames = TakeAll(*outbox, 1000);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].guest_monotonic_ns, 6u) << "the count is of all since the start";
}

TEST(Outbox, AHostThatDidNotAskIsNotToldOfDrops) {
  auto outbox = std::make_unique<Outbox>();
  outbox->Start(false, 2);
  for (std::uint32_t i = 0; i < Outbox::kCapacity + 5; ++i) outbox->Put(Numbered(i));
  EXPECT_EQ(TakeAll(*outbox, 1000).size(), Outbox::kCapacity);
  EXPECT_TRUE(outbox->Empty());
}

TEST(Outbox, ANameThatIsNoTextIsSentAsText) {
  auto outbox = std::make_unique<Outbox>();
  outbox->Start(true, 2);
  Event event = Numbered(1);
  event.comm = {3, {'\xff', '\0', '\n'}};
  outbox->Put(event);
  const auto frames = TakeAll(*outbox, 1000);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(std::string(frames[0].comm, frames[0].comm_size), std::string("?\0\n", 3));
}

TEST(Outbox, WhatComesWhileBytesWaitDoesNotDisturbThem) {
  auto outbox = std::make_unique<Outbox>();
  outbox->Start(true, 2);
  outbox->Put(Numbered(1));
  const wire::Bytes first = outbox->Pending();
  const std::vector<std::uint8_t> before(first.data, first.data + first.size);
  outbox->Taken(5);
  outbox->Put(Numbered(2));
  const wire::Bytes rest = outbox->Pending();
  EXPECT_EQ(std::vector<std::uint8_t>(rest.data, rest.data + rest.size),
            std::vector<std::uint8_t>(before.begin() + 5, before.end()));
}

}  // namespace
}  // namespace guest
