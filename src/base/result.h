// SPDX-License-Identifier: Apache-2.0
// Errors as values: Error, Result<T>, TRY and the constructors that everything else uses.
#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace base {

// What kind of trouble it is; decides exit codes and what a caller may do, never parsed from the message.
enum class ErrorKind : std::uint8_t {
  kInvalid,      // bad input: document, option, file content
  kNotFound,     // what was named does not exist
  kExists,       // what should be made is already there
  kDenied,       // permission
  kUnavailable,  // the machine can't do what was asked (controller, kernel feature)
  kLimit,        // a size, count or resource limit
  kDeadline,     // a deadline passed
  kIo,           // reading or writing failed
  kInternal,     // a promise of our own code was broken
};

// One failure. `message` is a full sentence for a human: what was attempted, on what, and what to do.
// `os_errno` is the errno behind it or 0. `step` names the phase where callers set one (static storage), else empty.
struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  int os_errno = 0;
  std::string_view step = {};

  // The same error with `context` and ": " before the message.
  Error With(std::string_view context) && {
    message.insert(0, ": ").insert(0, context);
    return std::move(*this);
  }
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

// The error of a system call that has just failed with `err`: "<what>: <strerror> (<NAME>)". kind follows the errno.
Error OsError(int err, std::string_view what);
inline std::unexpected<Error> FailOs(int err, std::string_view what) { return std::unexpected(OsError(err, what)); }

// Name of an errno ("ENOSPC"), or its number in decimal.
std::string ErrnoName(int err);

}  // namespace base

// TRY(expression of Result<T>) is the T, or returns the error from the enclosing function.
#define TRY(...)                                                                      \
  ({                                                                                  \
    auto&& try_result_ = (__VA_ARGS__);                                               \
    if (!try_result_) [[unlikely]] return std::unexpected(std::move(try_result_).error()); \
    std::move(try_result_).value();                                                   \
  })

// The same with a context put before the message.
#define TRY_WITH(context, ...)                                                                         \
  ({                                                                                                   \
    auto&& try_result_ = (__VA_ARGS__);                                                                \
    if (!try_result_) [[unlikely]] return std::unexpected(std::move(try_result_).error().With(context)); \
    std::move(try_result_).value();                                                                    \
  })
