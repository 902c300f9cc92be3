// SPDX-License-Identifier: Apache-2.0
// Opened without following, checked on the open descriptor, read from it: what was checked is what is used.
#include "cell/control_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "sys/file.h"

namespace cell {
namespace {
constexpr std::size_t kMaxBytes = 1 << 20;
}  // namespace

base::Result<std::string> ReadControlFile(const std::string& path, std::string_view what) {
  const std::string context = fmt::format("{} {}", what, base::Escape(path));
  const base::UniqueFd file =
      TRY_WITH(context, sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const struct stat info = TRY_WITH(context, sys::Fstat(file.get()));
  if (!S_ISREG(info.st_mode)) return base::Fail(base::ErrorKind::kInvalid, context + ": not a regular file");
  const bool foreign = info.st_uid != 0 && info.st_uid != ::geteuid();
  if (foreign || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return base::Fail(base::ErrorKind::kDenied,
                      context + ": others may write it; it has to belong to you or root, mode go-w");
  }
  auto text = TRY_WITH(context, sys::ReadAll(file.get(), kMaxBytes));
  if (!base::IsUtf8(text)) return base::Fail(base::ErrorKind::kInvalid, context + ": not UTF-8");
  return text;
}

}  // namespace cell
