// SPDX-License-Identifier: Apache-2.0
// The caller's terminal while a cell has a pty of its own: raw mode, given back on every way out (termios(3)).
#pragma once

#include <termios.h>

namespace cell {

// Puts `fd` into raw mode if it is a terminal; restores it when destroyed.
class RawMode {
 public:
  explicit RawMode(int fd);
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  bool active() const { return active_; }

 private:
  int fd_;
  bool active_ = false;
  termios saved_{};
};

// Gives the pty `master` the window size of the caller's terminal `fd`; nothing when that is no terminal.
void CopyWindowSize(int fd, int master);

}  // namespace cell
