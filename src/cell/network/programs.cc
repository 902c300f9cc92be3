// SPDX-License-Identifier: Apache-2.0
// Found through /proc/self/exe, so that neither PATH nor an argument decides which gate is run.
#include "cell/network/programs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "sys/file.h"

namespace cell {

base::Result<base::UniqueFd> OpenProgramBeside(std::string_view name) {
  char self[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
  if (size <= 0 || size == sizeof self) return base::FailOs(size < 0 ? errno : ENAMETOOLONG, "readlink /proc/self/exe");
  const std::string_view path(self, static_cast<std::size_t>(size));
  const std::string program = fmt::format("{}/{}", path.substr(0, path.rfind('/')), name);
  auto file = sys::OpenAt(AT_FDCWD, program, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (!file && file.error().os_errno == ENOENT) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("{} is not there; a cell with a network needs it beside cellos", base::Escape(program)));
  }
  const base::UniqueFd opened = TRY(std::move(file));
  const struct stat info = TRY(sys::Fstat(opened.get()));
  if (!S_ISREG(info.st_mode)) {
    return base::Fail(base::ErrorKind::kUnavailable, fmt::format("{} is no regular file", base::Escape(program)));
  }
  return sys::Dup(opened.get());
}

}  // namespace cell
