// SPDX-License-Identifier: Apache-2.0
// prlimit(2) on ourselves.
#include "sys/own_limits.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>

#include "sys/call.h"

namespace sys {

base::Result<std::uint64_t> RaiseSoftLimit(int resource, std::uint64_t wanted) {
  rlimit64 now = {};
  const long read = Raw("prlimit64", SYS_prlimit64, 0, resource, nullptr, &now);
  if (read < 0) return std::unexpected(CallError(read, "prlimit64"));
  const std::uint64_t most = std::min<std::uint64_t>(wanted, now.rlim_max);
  if (now.rlim_cur >= most) return now.rlim_cur;
  const rlimit64 raised = {most, now.rlim_max};
  const long done = Raw("prlimit64", SYS_prlimit64, 0, resource, &raised, nullptr);
  if (done < 0) return std::unexpected(CallError(done, "prlimit64"));
  return most;
}

}  // namespace sys
