// SPDX-License-Identifier: Apache-2.0
// The open files that proc_port.cc asks.
#pragma once

namespace guest::proc {

struct Files {
  int loadavg = 0, stat = 0, pid_max = 0;
  int directory = 0;  // of the procfs itself, for getdents
  int epoll = 0;      // of the watched processes
  int most = 0;       // descriptors that the agent may have; the last few are kept for reading
};
void Use(const Files& opened);

}  // namespace guest::proc
