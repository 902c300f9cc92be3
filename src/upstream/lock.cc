// SPDX-License-Identifier: Apache-2.0
// Limits, filter, read-back.
#include "upstream/lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "sys/file.h"
#include "sys/process.h"
#include "upstream/own_filter.h"
#include "wire/gate_record.h"

namespace upstream {
namespace {

struct Limit {
  int resource;
  rlim_t most;
};
constexpr Limit kLimits[] = {
    {RLIMIT_NOFILE, 1024},            // 512 exchanges, libunbound's sockets, connections
    {RLIMIT_AS, rlim_t{512} << 20},   // caches are some MiB
    {RLIMIT_NPROC, 0},
    {RLIMIT_FSIZE, 0},
    {RLIMIT_CORE, 0},
    {RLIMIT_MEMLOCK, 0},
};

bool LimitsHold() {
  for (const Limit& limit : kLimits) {
    rlimit now{};
    if (::getrlimit(limit.resource, &now) != 0 || now.rlim_cur > limit.most || now.rlim_max > limit.most) return false;
  }
  return true;
}

bool RootIsEmpty() {
  base::Result<base::UniqueFd> root = sys::OpenAt(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
  if (!root) return false;
  int entries = 0;
  const base::Result<> read = sys::ForEachEntry(root->get(), [&entries](const sys::DirectoryEntry&) {
    ++entries;
    return false;
  });
  return read && entries == 0;
}

bool HasNoCapability() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  for (const auto& half : data) {
    if ((half.effective | half.permitted | half.inheritable) != 0) return false;
  }
  return true;
}

base::Result<> Install(const void* program_bytes, std::size_t count) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(count);
  program.filter = static_cast<sock_filter*>(const_cast<void*>(program_bytes));
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return {};
  return base::FailOs(errno, "installing a filter of cellos-upstream: seccomp");
}

}  // namespace

base::Result<std::uint32_t> Lock(wire::Bytes filter, Part part) {
  TRY(sys::ForbidTracing());
  for (const Limit& limit : kLimits) {
    rlimit now{};
    ::getrlimit(limit.resource, &now);
    const rlim_t most = std::min(limit.most, now.rlim_max);
    const rlimit wanted{.rlim_cur = most, .rlim_max = most};
    if (::setrlimit(limit.resource, &wanted) != 0) return base::FailOs(errno, "setting a limit of cellos-upstream: setrlimit");
  }
  std::uint32_t facts = 0;
  if (RootIsEmpty()) facts |= wire::kLockEmptyRoot;
  TRY(sys::Prctl(PR_SET_NO_NEW_PRIVS, 1));
  // The own one first: it allows seccomp(2), which can only take more away; the plan's ends that.
  const std::vector<sock_filter> own = OwnFilter(part);
  TRY(Install(own.data(), own.size()));
  TRY(Install(filter.data, filter.size / sizeof(sock_filter)));
  if (HasNoCapability()) facts |= wire::kLockNoCapabilities;
  if (const auto set = sys::Prctl(PR_GET_NO_NEW_PRIVS); set && *set == 1) facts |= wire::kLockNoNewPrivs;
  if (const auto mode = sys::Prctl(PR_GET_SECCOMP); mode && *mode == SECCOMP_MODE_FILTER) facts |= wire::kLockFilter;
  if (LimitsHold()) facts |= wire::kLockRlimits;
  return facts;
}

}  // namespace upstream
