// SPDX-License-Identifier: Apache-2.0
// The calls by number, of this machine's own architecture alone.
#include "notified_call.h"

#include <linux/audit.h>
#include <sys/syscall.h>

namespace guest {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no audit architecture"
#endif

}  // namespace

NotifiedCall Classify(const seccomp_data& data) {
  if (data.arch != kArchitecture) return NotifiedCall::kDenied;
  switch (data.nr) {
    case SYS_execve:
    case SYS_execveat: return NotifiedCall::kExec;
    case SYS_exit_group: return NotifiedCall::kExit;
    case SYS_clone:
#ifdef SYS_fork
    case SYS_fork:
    case SYS_vfork:
#endif
      return NotifiedCall::kClone;
    case SYS_wait4:
    case SYS_waitid: return NotifiedCall::kWait;
    case SYS_connect:
    case SYS_sendto: return NotifiedCall::kConnect;
    default: return NotifiedCall::kDenied;
  }
}

}  // namespace guest
