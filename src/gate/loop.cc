// SPDX-License-Identifier: Apache-2.0
// The gate's reactor.
#include "gate/loop.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gate {
namespace {

constexpr std::size_t kEventsPerRound = 128;
constexpr std::size_t kStaleTimersKept = 64;

std::uint64_t Tag(int fd, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(fd);
}

}  // namespace

Loop::Loop(const base::Clock& clock, sys::Epoll epoll)
    : clock_(clock), epoll_(std::move(epoll)), now_(clock.Boot()) {}

base::Result<std::unique_ptr<Loop>> Loop::Create(const base::Clock& clock) {
  sys::Epoll epoll = TRY(sys::Epoll::Create());
  return std::unique_ptr<Loop>(new Loop(clock, std::move(epoll)));
}

base::Result<> Loop::Watch(int fd, std::uint32_t events, Watcher* watcher) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= entries_.size()) entries_.resize(index + 1);
  Entry& entry = entries_[index];
  if (entry.watcher == nullptr) {
    const std::uint32_t generation = next_generation_++;
    TRY(epoll_.Add(fd, events, Tag(fd, generation)));
    entry = {watcher, generation};
    return {};
  }
  TRY(epoll_.Modify(fd, events, Tag(fd, entry.generation)));
  entry.watcher = watcher;
  return {};
}

void Loop::Unwatch(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= entries_.size() || entries_[index].watcher == nullptr) return;
  (void)epoll_.Remove(fd);
  entries_[index] = {};
}

void Loop::Forget(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (fd >= 0 && index < entries_.size()) entries_[index] = {};
}

Loop::TimerId Loop::At(base::BootTime when, std::function<void()> fire) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  slot.fire = std::move(fire);
  slot.armed = true;
  ++armed_;
  const TimerId timer = static_cast<std::uint64_t>(slot.generation) << 32 | index;
  due_.push_back({when, next_sequence_++, timer});
  std::push_heap(due_.begin(), due_.end(), std::greater<>());
  return timer;
}

Loop::Slot* Loop::Find(TimerId timer) {
  const auto index = static_cast<std::uint32_t>(timer);
  if (timer == 0 || index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  return slot.armed && slot.generation == static_cast<std::uint32_t>(timer >> 32) ? &slot : nullptr;
}

void Loop::Free(TimerId timer) {
  Slot* slot = Find(timer);
  if (slot == nullptr) return;
  slot->fire = nullptr;
  slot->armed = false;
  if (++slot->generation == 0) slot->generation = 1;
  --armed_;
  free_slots_.push_back(static_cast<std::uint32_t>(timer));
}

void Loop::Cancel(TimerId timer) {
  Free(timer);
  if (due_.size() > 2 * armed_ + kStaleTimersKept) DropStale();
}

void Loop::DropStale() {
  std::erase_if(due_, [this](const Due& due) { return Find(due.timer) == nullptr; });
  std::make_heap(due_.begin(), due_.end(), std::greater<>());
}

// Timers set from within a timer wait for the next round, so that a round ends.
void Loop::FireDue() {
  const std::uint64_t end = next_sequence_;
  while (!due_.empty() && due_.front().when <= now_ && due_.front().sequence < end) {
    const TimerId timer = due_.front().timer;
    std::pop_heap(due_.begin(), due_.end(), std::greater<>());
    due_.pop_back();
    Slot* slot = Find(timer);
    if (slot == nullptr) continue;
    const std::function<void()> fire = std::move(slot->fire);
    Free(timer);
    fire();
  }
}

int Loop::WaitMilliseconds(std::chrono::milliseconds longest) {
  while (!due_.empty() && Find(due_.front().timer) == nullptr) {
    std::pop_heap(due_.begin(), due_.end(), std::greater<>());
    due_.pop_back();
  }
  if (due_.empty()) return static_cast<int>(longest.count());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due_.front().when - clock_.Boot());
  const auto wait = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
  return static_cast<int>(longest.count() < 0 ? wait : std::min<std::int64_t>(wait, longest.count()));
}

base::Result<> Loop::Round(std::chrono::milliseconds longest) {
  std::array<epoll_event, kEventsPerRound> events;
  const std::size_t count = TRY(epoll_.Wait(events, std::chrono::milliseconds(WaitMilliseconds(longest))));
  now_ = clock_.Boot();
  for (std::size_t i = 0; i < count; ++i) {
    const auto fd = static_cast<std::uint32_t>(events[i].data.u64);
    const auto generation = static_cast<std::uint32_t>(events[i].data.u64 >> 32);
    if (fd >= entries_.size() || entries_[fd].watcher == nullptr || entries_[fd].generation != generation) continue;
    entries_[fd].watcher->OnReady(static_cast<int>(fd), events[i].events);
  }
  FireDue();
  EndRound();
  return {};
}

void Loop::EndRound() {
  for (std::size_t i = 0; i < flush_.size(); ++i) flush_[i]();
}

base::Result<> Loop::Run() {
  EndRound();
  while (!stopped_) TRY(Round(std::chrono::milliseconds(-1)));
  return {};
}

}  // namespace gate
