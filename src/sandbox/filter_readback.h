// SPDX-License-Identifier: Apache-2.0
// The system-call filter of another process, as the kernel holds it (ptrace(2), PTRACE_SECCOMP_GET_FILTER).
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace sandbox {

// The filter that `pid` installed last: raw struct sock_filter[]. Stops the process for the time of reading. The kernel
// allows it to CAP_SYS_ADMIN of the initial user namespace only: kDenied says so in one sentence.
base::Result<std::string> ReadNewestFilter(pid_t pid);

}  // namespace sandbox
