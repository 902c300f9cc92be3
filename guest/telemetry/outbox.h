// SPDX-License-Identifier: Apache-2.0
// What the agent has to tell: a bounded queue of events, and the bytes of their frames until the channel took them.
//
// Knows no descriptor. Frames are cut where the channel stopped taking bytes and go on from there, so the stream never
// loses its alignment.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/telemetry_frame.h"

namespace guest {

// The name of a process, as the kernel gives it: any bytes, at most 16.
struct Comm {
  uint8_t size = 0;
  char bytes[16] = {};
};

struct Event {
  uint64_t value = 0;  // guest_monotonic_ns of the frame
  uint32_t pid = 0;
  wire::ProbeSource source = {};
  Comm comm = {};
};

class Outbox {
 public:
  static constexpr uint32_t kCapacity = 1024;  // events

  // `tells_drops`: the host asked for agent.dropped, which is then told before the next frame that goes out.
  void Start(bool tells_drops, uint32_t self);

  // `relieve(context)` is called by Put when the queue is full, to hand on what is Pending before anything is dropped: a
  // crowd of processes that came and went between two ticks is told in one go.
  void RelieveBy(void (*relieve)(void* context), void* context);

  // Appends; when full all the same, the event is dropped and counted.
  void Put(const Event& event);
  // Counts an event that never came to be.
  void CountDropped() { ++dropped_; }

  // Bytes for the channel; none when everything was taken. Valid until the next call of anything.
  wire::Bytes Pending();
  // The channel took `count` of them.
  void Taken(size_t count) { begin_ += count; }

  bool Empty() const { return begin_ == end_ && size_ == 0 && !OwesDrops(); }
  uint32_t Waiting() const { return size_; }
  uint64_t dropped() const { return dropped_; }

 private:
  bool OwesDrops() const { return tells_drops_ && told_ != dropped_; }
  bool Append(const Event& event);
  void Fill();

  uint64_t dropped_ = 0, told_ = 0;
  uint32_t head_ = 0, size_ = 0, self_ = 0;
  bool tells_drops_ = false;
  void (*relieve_)(void*) = nullptr;
  void* context_ = nullptr;
  size_t begin_ = 0, end_ = 0;
  Event events_[kCapacity];
  uint8_t bytes_[8192];
};

}  // namespace guest
