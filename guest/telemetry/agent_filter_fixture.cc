// SPDX-License-Identifier: Apache-2.0
// The leader's filter in the agent's small world.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent_world_fixture.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace guest {
namespace {

using wire::ProbeSource;

std::vector<sock_filter> NotifyingFilter(const WorldOptions& options) {
  std::vector<sock_filter> code;
  const auto add = [&](std::uint16_t op, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
    code.push_back({op, yes, no, k});
  };
  const auto load = [&](std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); };
  const auto notify_if = [&](long nr) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(nr), 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  };
  const auto declares = [&](ProbeSource source) { return (options.sources & wire::SourceBit(source)) != 0; };
  load(offsetof(seccomp_data, nr));
  add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
  add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  if (declares(ProbeSource::kProcessSpawned) || declares(ProbeSource::kProcessExited)) {
    for (const long nr : {SYS_execve, SYS_execveat, SYS_exit_group}) notify_if(nr);
    if (options.full) {
      for (const long nr : {SYS_clone, SYS_fork, SYS_vfork, SYS_wait4, SYS_waitid}) notify_if(nr);
    } else {
      add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
      load(offsetof(seccomp_data, args[0]));
      add(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
      add(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
      add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
  }
  if (declares(ProbeSource::kCapabilityDenied)) {
    for (const long nr : {SYS_mount, SYS_chroot}) notify_if(nr);
  }
  if (declares(ProbeSource::kNetConnectAttempted)) {
    notify_if(SYS_connect);
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 0, 5);
    load(offsetof(seccomp_data, args[4]));
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    load(offsetof(seccomp_data, args[4]) + 4);
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  }
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  return code;
}

}  // namespace

int InstallListener(const WorldOptions& options, bool* killable_wait) {
  *killable_wait = true;
  auto code = NotifyingFilter(options);
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  const auto install = [&](unsigned long flags) {
    return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
  };
  int listener = install(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  if (listener < 0 && errno == EINVAL) {
    *killable_wait = false;
    listener = install(SECCOMP_FILTER_FLAG_NEW_LISTENER);
  }
  return listener;
}

}  // namespace guest
