// SPDX-License-Identifier: Apache-2.0
// SIGALRM of the process's own interval timer: it needs no memory of the kernel that others could have used up.
#include "alarm.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#include "guest/kernel.h"

namespace guest {
namespace {

void Interrupt(int) {}

bool SetTimer(long every_us) {
  const itimerval timer = {{0, every_us}, {0, every_us}};
  return Sys(SYS_setitimer, ITIMER_REAL, &timer, nullptr) == 0;
}

}  // namespace

long PrepareAlarm() {
  struct sigaction action = {};  // without SA_RESTART: what was broken off is not begun again
  action.sa_handler = Interrupt;
  if (sigaction(SIGALRM, &action, nullptr) != 0) return -errno;
  const uint64_t others = ~(uint64_t{1} << (SIGALRM - 1));
  return Sys(SYS_rt_sigprocmask, SIG_SETMASK, &others, nullptr, sizeof others);
}

bool StartAlarm(long every_us) { return SetTimer(every_us); }

void StopAlarm() { SetTimer(0); }

}  // namespace guest
