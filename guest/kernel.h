// SPDX-License-Identifier: Apache-2.0
// System calls of the guest programs: value or -errno, no errno, no library.
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

namespace guest {

namespace internal {
template <class T>
long Word(T value) {
  return (long)(value);
}
#if defined(__x86_64__)
inline long Enter(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long Enter(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
}
#else
#error "no system-call entry for this architecture"
#endif
}  // namespace internal

template <class... Args>
long Sys(long number, Args... args) {
  const long words[6] = {internal::Word(args)...};
  return internal::Enter(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

[[noreturn]] inline void Exit(int code) {
  for (;;) Sys(SYS_exit_group, code);
}

}  // namespace guest
