// SPDX-License-Identifier: Apache-2.0
// The adapter of libevent.
#include "upstream/loop.h"

#include <event2/event.h>

#include <algorithm>

namespace upstream {

base::Result<std::unique_ptr<Loop>> Loop::Create() {
  event_config* config = event_config_new();
  if (config == nullptr) return base::Fail(base::ErrorKind::kLimit, "making an event loop: out of memory");
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
  event_base* made = event_base_new_with_config(config);
  event_config_free(config);
  if (made == nullptr) return base::Fail(base::ErrorKind::kUnavailable, "making an event loop: epoll is not available");
  return std::unique_ptr<Loop>(new Loop(made));
}

Loop::~Loop() { event_base_free(base_); }

base::Result<> Loop::OneRound() {
  if (event_base_loop(base_, EVLOOP_ONCE) < 0) return base::Fail(base::ErrorKind::kIo, "waiting for events failed");
  // What an action defers runs in the same round, so that an answer never waits for the next event.
  while (!deferred_.empty()) {
    std::vector<std::function<void()>> actions;
    actions.swap(deferred_);
    for (auto& action : actions) action();
  }
  return {};
}

base::Result<> Loop::Round(std::chrono::milliseconds longest) {
  struct Nothing final : Handler {
    void OnReady(short) override {}
    void OnTimer() override {}
  } nothing;
  Timer bound;
  TRY(bound.Start(*this, deferred_.empty() ? longest : std::chrono::milliseconds(0), &nothing));
  return OneRound();
}

base::Result<> Loop::Run() {
  while (!stopped_) TRY(Round(std::chrono::seconds(3600)));
  return {};
}

base::Result<> Watch::Start(Loop& loop, int fd, short what, Handler* handler) {
  static_assert(kRead == EV_READ && kWrite == EV_WRITE);
  if (event_ != nullptr && fd_ == fd && what_ == what) return {};
  Stop();
  if (what == 0) return {};
  event_ = event_new(loop.base(), fd, static_cast<short>(what | EV_PERSIST),
                     [](int, short ready, void* self) { static_cast<Handler*>(self)->OnReady(ready); }, handler);
  if (event_ == nullptr || event_add(event_, nullptr) != 0) {
    Stop();
    return base::Fail(base::ErrorKind::kLimit, "watching a descriptor failed");
  }
  fd_ = fd;
  what_ = what;
  return {};
}

void Watch::Stop() {
  if (event_ != nullptr) event_free(std::exchange(event_, nullptr));
  fd_ = -1;
}

base::Result<> Timer::Start(Loop& loop, std::chrono::nanoseconds delay, Handler* handler) {
  Stop();
  event_ = event_new(loop.base(), -1, 0, [](int, short, void* self) { static_cast<Handler*>(self)->OnTimer(); }, handler);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(std::max(delay, std::chrono::nanoseconds(0)));
  timeval after{};
  after.tv_sec = micros.count() / 1'000'000;
  after.tv_usec = micros.count() % 1'000'000;
  if (event_ == nullptr || event_add(event_, &after) != 0) {
    Stop();
    return base::Fail(base::ErrorKind::kLimit, "setting a timer failed");
  }
  return {};
}

void Timer::Stop() {
  if (event_ != nullptr) event_free(std::exchange(event_, nullptr));
}

}  // namespace upstream
