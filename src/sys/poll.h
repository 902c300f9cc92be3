// SPDX-License-Identifier: Apache-2.0
// Waiting: poll, epoll, eventfd, timerfd on the boot clock, signalfd, inotify.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

namespace sys {

// ppoll(2); the number of ready descriptors, 0 at the timeout. Negative timeout: none. Interruptions go on waiting for
// what is left of the time.
base::Result<int> Poll(std::span<pollfd> fds, std::chrono::milliseconds timeout);

// epoll(7), level-triggered; `tag` comes back with each event.
class Epoll {
 public:
  static base::Result<Epoll> Create();
  base::Result<> Add(int fd, std::uint32_t events, std::uint64_t tag);
  base::Result<> Modify(int fd, std::uint32_t events, std::uint64_t tag);
  base::Result<> Remove(int fd);
  // Fills `events` from the front; the count, 0 at the timeout (negative: none) or when a signal interrupted.
  base::Result<std::size_t> Wait(std::span<epoll_event> events, std::chrono::milliseconds timeout);
  int get() const { return fd_.get(); }

 private:
  explicit Epoll(base::UniqueFd fd) : fd_(std::move(fd)) {}
  base::UniqueFd fd_;
};

// eventfd(2), non-blocking.
base::Result<base::UniqueFd> EventFd();
base::Result<> SignalEvent(int eventfd);

// timerfd on CLOCK_BOOTTIME, non-blocking.
base::Result<base::UniqueFd> TimerFd();
// Arms at an absolute boot time; nullopt disarms. A time that has passed fires at once.
base::Result<> SetTimer(int timerfd, std::optional<base::BootTime> deadline);
// Expirations since the last read; 0 when none.
base::Result<std::uint64_t> ReadCounter(int fd);

// signalfd(2) for `signals`, non-blocking, which are blocked in the calling thread.
base::Result<base::UniqueFd> SignalFd(std::span<const int> signals);
struct Signal {
  int number;
  pid_t sender;
};
base::Result<std::optional<Signal>> ReadSignal(int signalfd);

// inotify_init1(2), non-blocking, and a watch of `path`.
base::Result<base::UniqueFd> Inotify();
base::Result<int> InotifyWatch(int inotify, CText path, std::uint32_t mask);

}  // namespace sys
