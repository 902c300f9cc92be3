// SPDX-License-Identifier: Apache-2.0
// The handler does one write.
#include "cli/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"

namespace cli {
namespace {

int signal_pipe = -1;

void Handle(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  // A full pipe holds more signals than anybody acts on.
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe, &byte, 1);
  errno = saved;
}

}  // namespace

base::Result<int> RouteSignals() {
  auto pipe = TRY(sys::Pipe(O_NONBLOCK));
  signal_pipe = pipe.write.Release();
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) {
    struct sigaction before = {}, action = {};
    action.sa_handler = Handle;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);
  }
  return pipe.read.Release();
}

}  // namespace cli
