// SPDX-License-Identifier: Apache-2.0
// Why reopen: O_NONBLOCK belongs to the open file description, which the caller shares with us and with its other children.
#include "cell/streams/pump.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace cell {

CallerEnd::CallerEnd(int fd, Use use) {
  if (fd < 0) return;
  struct stat info{};
  if (::fstat(fd, &info) != 0) return;
  if (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int access = use == Use::kRead ? O_RDONLY : O_WRONLY;
    fd_ = base::UniqueFd(::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    ours_alone_ = static_cast<bool>(fd_);
  }
  if (!fd_) fd_ = base::UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Pump::Pump(int from, int to, std::size_t max_write)
    : from_(from), to_(to), max_write_(max_write), source_ended_(from < 0), target_gone_(to < 0) {}

void Pump::Watch(std::vector<pollfd>& polls) {
  read_slot_ = write_slot_ = kNoSlot;
  if (!source_ended_ && used_ < kBufferBytes) {
    read_slot_ = polls.size();
    polls.push_back({from_, POLLIN, 0});
  }
  if (used_ > 0 && !target_gone_) {
    write_slot_ = polls.size();
    polls.push_back({to_, POLLOUT, 0});
  }
}

void Pump::Act(const std::vector<pollfd>& polls) {
  if (write_slot_ != kNoSlot && polls[write_slot_].revents != 0) Write();
  if (read_slot_ != kNoSlot && polls[read_slot_].revents != 0) Read();
}

void Pump::Read() {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::array<char, kBufferBytes>>();
  if (used_ == 0) start_ = 0;
  const std::size_t end = (start_ + used_) % kBufferBytes;
  const std::size_t room = end >= start_ && used_ < kBufferBytes ? kBufferBytes - end : start_ - end;
  const ssize_t n = ::read(from_, buffer_->data() + end, room);
  if (n > 0) {
    used_ += static_cast<std::size_t>(n);
    bytes_ += static_cast<std::uint64_t>(n);
    if (target_gone_) used_ = 0;
    return;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  source_ended_ = true;  // end of file, or EIO from a pty whose last holder is gone
}

void Pump::Write() {
  const std::size_t piece = std::min({used_, kBufferBytes - start_, max_write_});
  const ssize_t n = ::write(to_, buffer_->data() + start_, piece);
  if (n >= 0) {
    start_ = (start_ + static_cast<std::size_t>(n)) % kBufferBytes;
    used_ -= static_cast<std::size_t>(n);
    return;
  }
  if (errno == EAGAIN || errno == EINTR) return;
  target_error_ = errno;
  target_gone_ = true;
  used_ = 0;
}

}  // namespace cell
