// SPDX-License-Identifier: Apache-2.0
// The one door to the kernel: every wrapper of this room, and the child between clone and exec, calls through here.
#pragma once

#include <string>
#include <type_traits>

#include "base/result.h"

namespace sys {

// What to do when a signal handler interrupts the call.
enum class OnInterrupt : unsigned char { kRetry, kReturn };

// Calls the kernel and returns its value, or -errno. No heap, no lock, no errno, no library: safe between clone and
// exec. `name` is what a fault injection selects by; static storage.
long Call(const char* name, OnInterrupt on_interrupt, long number, long a, long b, long c, long d, long e, long f);

namespace internal {
template <class T>
long Word(T value) {
  if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else {
    return static_cast<long>(value);
  }
}
}  // namespace internal

// Raw("openat", SYS_openat, …): value or -errno, retried when interrupted.
template <class... Args>
long Raw(const char* name, long number, Args... args) {
  static_assert(sizeof...(Args) <= 6);
  const long words[6] = {internal::Word(args)...};
  return Call(name, OnInterrupt::kRetry, number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

// The same, giving an interruption back as -EINTR.
template <class... Args>
long RawInterruptible(const char* name, long number, Args... args) {
  static_assert(sizeof...(Args) <= 6);
  const long words[6] = {internal::Word(args)...};
  return Call(name, OnInterrupt::kReturn, number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

// A zero-terminated text from either kind of string; borrowed for the length of one call.
struct CText {
  const char* text;
  CText(const char* value) : text(value) {}                        // NOLINT: meant to convert
  CText(const std::string& value) : text(value.c_str()) {}         // NOLINT: meant to convert
};

// The error of call `name` on `object` (may be empty), escaped: "openat \"/x\": No such file or directory (ENOENT)".
base::Error CallError(long negative_errno, const char* name, std::string_view object = {});

}  // namespace sys
