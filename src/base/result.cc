// SPDX-License-Identifier: Apache-2.0
// How an errno becomes a sentence.
#include "base/result.h"

#include <cstring>

namespace base {
namespace {

ErrorKind KindOf(int err) {
  switch (err) {
    case ENOENT:
    case ESRCH:
      return ErrorKind::kNotFound;
    case EEXIST:
      return ErrorKind::kExists;
    case EPERM:
    case EACCES:
      return ErrorKind::kDenied;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
      return ErrorKind::kUnavailable;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EDQUOT:
    case E2BIG:
      return ErrorKind::kLimit;
    case ETIMEDOUT:
      return ErrorKind::kDeadline;
    default:
      return ErrorKind::kIo;
  }
}

}  // namespace

std::string ErrnoName(int err) {
  const char* name = strerrorname_np(err);
  return name != nullptr ? std::string(name) : std::to_string(err);
}

Error OsError(int err, std::string_view what) {
  std::string message(what);
  const char* text = strerrordesc_np(err);
  message.append(": ").append(text != nullptr ? text : "unknown error").append(" (").append(ErrnoName(err)).append(")");
  return Error{KindOf(err), std::move(message), err};
}

}  // namespace base
