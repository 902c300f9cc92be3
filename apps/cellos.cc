// SPDX-License-Identifier: Apache-2.0
// cellos: the command line.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>

#include "cli/commands.h"

namespace {

// Nothing that is opened later may land on a standard descriptor that the caller left closed.
bool FillStandardDescriptors() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 1 || !FillStandardDescriptors()) return 2;
  ::umask(077);
  ::signal(SIGCHLD, SIG_DFL);  // ignored, as some callers hand it down, it loses how children end
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error of the write, which ends the run with its reason
  return cli::Main(std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
}
