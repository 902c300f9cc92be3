// SPDX-License-Identifier: Apache-2.0
// Fault injection for tests: fails or kills at the n-th system call. Exists in cellos_sys_faulty only; a program that
// calls these without linking it does not link at all.
#pragma once

#include <atomic>
#include <cstdint>

namespace sys::fault {

inline constexpr int kKill = -1;  // instead of an errno: SIGKILL to the calling process

// What is armed and what happened, in memory that a program shares with its children. A program under test shares it
// with its watcher too: CELLOS_FAULT_PAGE names a file of at least this size.
struct Page {
  std::atomic<std::uint64_t> seen{0}, at{0};
  std::atomic<int> error{0};
  std::atomic<bool> fired{false};
  char call[32] = {};  // written only while nothing is armed
  std::uint64_t from = 1;
  bool once = false;
  std::atomic<std::uint64_t> seen_named{0};
  char hit[32] = {};   // the call that failed last
  void (*act)() = nullptr;
};
inline constexpr int kHang = -2;  // instead of an errno: the call never returns

// From now on counts calls of this process and its children together (a shared page) and, at call number `at`
// (1 = the next one), fails it with `error` without entering the kernel, once. at = 0 only counts.
// The environment does the same for a program as a whole: CELLOS_FAULT=n:ENOSPC, n:28 or n:KILL; or by the name of the
// call: fdatasync:EIO each time, fdatasync@2:EIO the second time, write@2+:ENOSPC from the second time on.
void Arm(std::uint64_t at, int error);
// Fails every call named `call` with `error` until Disarm.
void ArmCall(const char* call, int error);
// Runs `act` before each call named `call`, in whichever process makes it, until Disarm; the call itself is made. What `act`
// does does not come through here again.
void ArmAction(const char* call, void (*act)());
void Disarm();
// Calls seen since the last Arm, by this process and its children.
std::uint64_t Count();
// True once the armed fault has happened.
bool Fired();

}  // namespace sys::fault

namespace sys::internal {

#ifdef CELLOS_FAULT_INJECTION
// 0, or the negative errno to return in the place of the call.
long Fault(const char* call);
#else
inline long Fault(const char*) { return 0; }
#endif

}  // namespace sys::internal
