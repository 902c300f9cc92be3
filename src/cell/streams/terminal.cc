// SPDX-License-Identifier: Apache-2.0
// Raw mode and window size.
#include "cell/streams/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace cell {

RawMode::RawMode(int fd) : fd_(fd) {
  if (fd < 0 || ::tcgetattr(fd, &saved_) != 0) return;
  termios raw = saved_;
  ::cfmakeraw(&raw);
  active_ = ::tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

RawMode::~RawMode() {
  if (active_) ::tcsetattr(fd_, TCSADRAIN, &saved_);
}

void CopyWindowSize(int fd, int master) {
  winsize size{};
  if (fd >= 0 && ::ioctl(fd, TIOCGWINSZ, &size) == 0) ::ioctl(master, TIOCSWINSZ, &size);
}

}  // namespace cell
