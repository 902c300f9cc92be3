// SPDX-License-Identifier: Apache-2.0
// The numbers that the cursor of a pid namespace went by between two readings.
#pragma once

#include <stdint.h>

namespace guest {

// What idr_alloc_cyclic hands out after `last`, up to and with `now`: rising to `end` - 1, then from kReserved on.
class PassedNumbers {
 public:
  static constexpr uint32_t kReserved = 300;  // RESERVED_PIDS: numbers below are handed out once

  PassedNumbers(uint32_t last, uint32_t now, uint32_t end) : at_(last), now_(now), end_(end) {}

  // The next number; 0 when all were given.
  uint32_t Next() {
    if (at_ == now_) return 0;
    ++at_;
    if (at_ > now_ && at_ >= end_) at_ = kReserved < now_ ? kReserved : now_;
    return at_;
  }

 private:
  uint32_t at_, now_, end_;
};

// Numbers that nobody has when they are looked at: a start in progress, or one whose whole life was missed. They are
// looked at again once that is decided.
class Limbo {
 public:
  static constexpr uint32_t kCapacity = 4096;
  struct Entry {
    uint32_t number;
    uint32_t since_ms;
  };

  bool Full() const { return size_ == kCapacity; }
  uint32_t Size() const { return size_; }
  const Entry& Oldest() const { return entries_[head_]; }
  void Push(uint32_t number, uint64_t now_ns) {
    entries_[(head_ + size_++) % kCapacity] = {number, Milliseconds(now_ns)};
  }
  void Pop() {
    head_ = (head_ + 1) % kCapacity;
    --size_;
  }
  // Its place stays, its number is 0.
  void Forget(uint32_t number) {
    for (uint32_t i = 0; i < size_; ++i) {
      Entry& entry = entries_[(head_ + i) % kCapacity];
      if (entry.number == number) entry.number = 0;
    }
  }
  static uint32_t Milliseconds(uint64_t ns) { return static_cast<uint32_t>(ns / 1'000'000); }

 private:
  uint32_t head_ = 0, size_ = 0;
  Entry entries_[kCapacity] = {};
};

}  // namespace guest
