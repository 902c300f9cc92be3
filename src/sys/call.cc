// SPDX-License-Identifier: Apache-2.0
// The one door to the kernel.
#include "sys/call.h"

#include <errno.h>
#include <unistd.h>

#include "base/encoding.h"
#include "sys/fault.h"

namespace sys {
namespace {

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

}  // namespace

long Call(const char* name, OnInterrupt on_interrupt, long number, long a, long b, long c, long d, long e, long f) {
  for (;;) {
    long result = internal::Fault(name);
    if (result == 0) result = Enter(number, a, b, c, d, e, f);
    if (result != -EINTR || on_interrupt == OnInterrupt::kReturn) return result;
  }
}

base::Error CallError(long negative_errno, const char* name, std::string_view object) {
  std::string what = name;
  if (!object.empty()) what += " \"" + base::Escape(object) + "\"";
  return base::OsError(static_cast<int>(-negative_errno), what);
}

}  // namespace sys
