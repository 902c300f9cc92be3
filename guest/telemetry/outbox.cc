// SPDX-License-Identifier: Apache-2.0
// The queue and the encoding of what leaves it.
#include "outbox.h"

namespace guest {

void Outbox::Start(bool tells_drops, uint32_t self) {
  tells_drops_ = tells_drops;
  self_ = self;
}

void Outbox::RelieveBy(void (*relieve)(void*), void* context) {
  relieve_ = relieve;
  context_ = context;
}

void Outbox::Put(const Event& event) {
  if (size_ == kCapacity && relieve_ != nullptr) relieve_(context_);
  if (size_ == kCapacity) {
    ++dropped_;
    return;
  }
  events_[(head_ + size_++) % kCapacity] = event;
}

bool Outbox::Append(const Event& event) {
  wire::TelemetryFrame frame;
  frame.source = event.source;
  frame.guest_pid = event.pid;
  frame.guest_monotonic_ns = event.value;
  wire::SanitizeComm(event.comm.bytes, event.comm.size, &frame);
  const size_t count = wire::EncodeTelemetryFrame(frame, bytes_ + end_, sizeof bytes_ - end_);
  end_ += count;
  return count != 0;
}

void Outbox::Fill() {
  begin_ = end_ = 0;
  if (OwesDrops()) {
    Event drops = {dropped_, self_, wire::ProbeSource::kAgentDropped, {}};
    if (Append(drops)) told_ = dropped_;
  }
  while (size_ > 0 && sizeof bytes_ - end_ >= wire::kMaxEmittedFrame) {
    Append(events_[head_]);
    head_ = (head_ + 1) % kCapacity;
    --size_;
  }
}

wire::Bytes Outbox::Pending() {
  if (begin_ == end_) Fill();
  return {bytes_ + begin_, end_ - begin_};
}

}  // namespace guest
