// SPDX-License-Identifier: Apache-2.0
// The reactor of cellos-upstream: one thread, libevent, shared with libunbound, which runs in the same loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"

struct event;
struct event_base;

namespace upstream {

// Told when a descriptor is ready or a timer ran out. May end any watch or timer from within, its own too.
class Handler {
 public:
  virtual void OnReady(short what) = 0;  // Watch::kRead, Watch::kWrite
  virtual void OnTimer() = 0;

 protected:
  ~Handler() = default;
};

class Loop {
 public:
  static base::Result<std::unique_ptr<Loop>> Create();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  event_base* base() const { return base_; }  // for libunbound
  // Runs `action` once at the end of this round, outside every handler: where objects end themselves and answers are told.
  void Defer(std::function<void()> action) { deferred_.push_back(std::move(action)); }
  // Runs rounds until Stop.
  base::Result<> Run();
  // One round, which waits at most `longest`.
  base::Result<> Round(std::chrono::milliseconds longest);
  void Stop() { stopped_ = true; }

 private:
  explicit Loop(event_base* base) : base_(base) {}
  base::Result<> OneRound();
  event_base* base_;
  bool stopped_ = false;
  std::vector<std::function<void()>> deferred_;
};

// Watches a descriptor, level-triggered, until it is destroyed; end it before the descriptor is closed.
class Watch {
 public:
  static constexpr short kRead = 2, kWrite = 4;
  Watch() = default;
  ~Watch() { Stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  // Replaces what was watched; `what` 0 only stops.
  base::Result<> Start(Loop& loop, int fd, short what, Handler* handler);
  void Stop();

 private:
  event* event_ = nullptr;
  int fd_ = -1;
  short what_ = 0;
};

// One shot.
class Timer {
 public:
  Timer() = default;
  ~Timer() { Stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  base::Result<> Start(Loop& loop, std::chrono::nanoseconds delay, Handler* handler);  // replaces an earlier one
  void Stop();

 private:
  event* event_ = nullptr;
};

// Deadlines here run on the monotonic clock; a negative rest counts as none.
using Moment = std::chrono::steady_clock::time_point;
inline Moment Now() { return std::chrono::steady_clock::now(); }

}  // namespace upstream
