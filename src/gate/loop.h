// SPDX-License-Identifier: Apache-2.0
// The gate's reactor: one thread, level-triggered epoll, timers on the boot clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/poll.h"

namespace gate {

class Loop {
 public:
  static base::Result<std::unique_ptr<Loop>> Create(const base::Clock& clock);

  // Told when a watched descriptor is ready. May change or end any watch, its own too, from within.
  class Watcher {
   public:
    virtual void OnReady(int fd, std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP

   protected:
    ~Watcher() = default;
  };
  base::Result<> Watch(int fd, std::uint32_t events, Watcher* watcher);  // not owned; replaces an earlier watch
  void Unwatch(int fd);  // before the descriptor is closed; events of it already fetched are dropped
  // The same without a system call, for a descriptor that nobody else holds and that is closed right now.
  void Forget(int fd);

  using TimerId = std::uint64_t;  // 0 is none
  TimerId At(base::BootTime when, std::function<void()> fire);
  void Cancel(TimerId timer);

  base::BootTime Now() const { return now_; }  // taken once a round
  // Called at the end of each round, after all watchers, and before Run's first: batched output leaves here.
  void OnRoundEnd(std::function<void()> flush) { flush_.push_back(std::move(flush)); }

  // Runs until Stop.
  base::Result<> Run();
  // One round: waits at most `longest`. For tests.
  base::Result<> Round(std::chrono::milliseconds longest);
  void Stop() { stopped_ = true; }

 private:
  Loop(const base::Clock& clock, sys::Epoll epoll);
  struct Entry {
    Watcher* watcher = nullptr;
    std::uint32_t generation = 0;  // of the watch: an event of an earlier one is stale
  };
  // A timer is a slot; its id holds the slot's generation, so that an id of a past timer names nothing.
  struct Slot {
    std::function<void()> fire;
    std::uint32_t generation = 1;
    bool armed = false;
  };
  struct Due {
    base::BootTime when;
    std::uint64_t sequence;  // timers of one moment fire in the order they were set
    TimerId timer;
    bool operator>(const Due& other) const {
      return when != other.when ? when > other.when : sequence > other.sequence;
    }
  };
  Slot* Find(TimerId timer);
  void Free(TimerId timer);
  void DropStale();
  void FireDue();
  void EndRound();
  int WaitMilliseconds(std::chrono::milliseconds longest);

  const base::Clock& clock_;
  sys::Epoll epoll_;
  base::BootTime now_;
  bool stopped_ = false;
  std::uint32_t next_generation_ = 1;
  std::vector<Entry> entries_;  // by descriptor
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<Due> due_;        // a heap, the earliest first; cancelled ones stay until they come up or are too many
  std::size_t armed_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::vector<std::function<void()>> flush_;
};

}  // namespace gate
