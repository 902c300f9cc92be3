// SPDX-License-Identifier: Apache-2.0
// Waiting.
#include "sys/poll.h"

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>

namespace sys {
namespace {

base::Result<> Done(long result, const char* name) {
  if (result < 0) return std::unexpected(CallError(result, name));
  return {};
}

base::Result<base::UniqueFd> Owned(long result, const char* name) {
  if (result < 0) return std::unexpected(CallError(result, name));
  return base::UniqueFd(static_cast<int>(result));
}

timespec ToTimespec(std::chrono::nanoseconds time) {
  return {static_cast<time_t>(time.count() / 1'000'000'000), static_cast<long>(time.count() % 1'000'000'000)};
}

constexpr std::size_t kKernelSignalSetBytes = 8;

}  // namespace

base::Result<int> Poll(std::span<pollfd> fds, std::chrono::milliseconds timeout) {
  const bool forever = timeout.count() < 0;
  // The kernel writes what is left of the time back into `left`, so a retry waits for the rest only.
  timespec left = ToTimespec(timeout);
  const long ready = Raw("ppoll", SYS_ppoll, fds.data(), fds.size(), forever ? nullptr : &left, nullptr, 0);
  if (ready < 0) return std::unexpected(CallError(ready, "ppoll"));
  return static_cast<int>(ready);
}

base::Result<Epoll> Epoll::Create() {
  return Epoll(TRY(Owned(Raw("epoll_create1", SYS_epoll_create1, EPOLL_CLOEXEC), "epoll_create1")));
}

base::Result<> Epoll::Add(int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event = {events, {.u64 = tag}};
  return Done(Raw("epoll_ctl", SYS_epoll_ctl, fd_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl add");
}

base::Result<> Epoll::Modify(int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event = {events, {.u64 = tag}};
  return Done(Raw("epoll_ctl", SYS_epoll_ctl, fd_.get(), EPOLL_CTL_MOD, fd, &event), "epoll_ctl modify");
}

base::Result<> Epoll::Remove(int fd) {
  return Done(Raw("epoll_ctl", SYS_epoll_ctl, fd_.get(), EPOLL_CTL_DEL, fd, nullptr), "epoll_ctl remove");
}

base::Result<std::size_t> Epoll::Wait(std::span<epoll_event> events, std::chrono::milliseconds timeout) {
  const long ready = RawInterruptible("epoll_pwait", SYS_epoll_pwait, fd_.get(), events.data(), events.size(),
                                      timeout.count() < 0 ? -1 : timeout.count(), nullptr, kKernelSignalSetBytes);
  if (ready == -EINTR) return 0;
  if (ready < 0) return std::unexpected(CallError(ready, "epoll_pwait"));
  return static_cast<std::size_t>(ready);
}

base::Result<base::UniqueFd> EventFd() {
  return Owned(Raw("eventfd2", SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd2");
}

base::Result<> SignalEvent(int eventfd) {
  const std::uint64_t one = 1;
  return Done(Raw("write", SYS_write, eventfd, &one, sizeof one), "write to an eventfd");
}

base::Result<base::UniqueFd> TimerFd() {
  return Owned(Raw("timerfd_create", SYS_timerfd_create, CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK),
               "timerfd_create");
}

base::Result<> SetTimer(int timerfd, std::optional<base::BootTime> deadline) {
  itimerspec when = {};
  if (deadline) when.it_value = ToTimespec(std::max(*deadline, base::BootTime(1)));
  return Done(Raw("timerfd_settime", SYS_timerfd_settime, timerfd, TFD_TIMER_ABSTIME, &when, nullptr),
              "timerfd_settime");
}

base::Result<std::uint64_t> ReadCounter(int fd) {
  std::uint64_t count = 0;
  const long result = Raw("read", SYS_read, fd, &count, sizeof count);
  if (result == -EAGAIN) return 0;
  if (result < 0) return std::unexpected(CallError(result, "read of a counter"));
  return count;
}

base::Result<base::UniqueFd> SignalFd(std::span<const int> signals) {
  std::uint64_t set = 0;
  for (const int signal : signals) set |= 1ull << (signal - 1);
  TRY(Done(Raw("rt_sigprocmask", SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, kKernelSignalSetBytes),
           "rt_sigprocmask"));
  return Owned(Raw("signalfd4", SYS_signalfd4, -1, &set, kKernelSignalSetBytes, SFD_CLOEXEC | SFD_NONBLOCK),
               "signalfd4");
}

base::Result<std::optional<Signal>> ReadSignal(int signalfd) {
  signalfd_siginfo info;
  const long count = Raw("read", SYS_read, signalfd, &info, sizeof info);
  if (count == -EAGAIN) return std::nullopt;
  if (count < 0) return std::unexpected(CallError(count, "read of a signalfd"));
  return Signal{static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid)};
}

base::Result<base::UniqueFd> Inotify() {
  return Owned(Raw("inotify_init1", SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK), "inotify_init1");
}

base::Result<int> InotifyWatch(int inotify, CText path, std::uint32_t mask) {
  const long watch = Raw("inotify_add_watch", SYS_inotify_add_watch, inotify, path.text, mask);
  if (watch < 0) return std::unexpected(CallError(watch, "inotify_add_watch", path.text));
  return static_cast<int>(watch);
}

}  // namespace sys
