// SPDX-License-Identifier: Apache-2.0
// A made-up kernel behind proc_port.h: numbers handed out as Linux does, tasks that start, execute and end.
#pragma once

#include <map>
#include <set>
#include <string>

#include "proc_port.h"

namespace guest {

struct FakeTask {
  std::uint32_t group = 0, parent = 3, process_group = 0, threads = 1;
  std::uint64_t start = 0, image = 0x1000;
  std::uint32_t flags = kForkedNotExecuted;
  std::string comm = "sh";
  char state = 'S';
  std::uint32_t exit_code = 0;
};

class FakeKernel {
 public:
  FakeKernel();  // PID 1, 2 (the agent), 3 (the inner init) and 4 (the leader); becomes the kernel of proc_port.h

  std::uint32_t Fork(const std::string& comm = "sh");
  std::uint32_t Thread(std::uint32_t group);
  std::uint32_t RefusedFork();  // a number is used up, nothing starts
  void Exec(std::uint32_t pid, const std::string& comm);
  void Die(std::uint32_t pid, std::uint32_t wait_status);   // becomes a zombie
  void Reap(std::uint32_t pid);

  std::map<std::uint32_t, FakeTask> tasks;
  std::set<std::uint32_t> groups;                // process groups whose leader is gone
  std::map<int, std::uint32_t> pidfds;           // open ones
  std::map<std::uint32_t, std::uint32_t> ended;  // wait status of what was reaped, if this kernel tells it
  std::uint32_t cursor = 4, pid_max = 32768;
  std::uint64_t forks = 1000, ticks = 100'000;
  bool tells_exit_info = true;
  bool watches = true;                           // the user may watch one more descriptor

 private:
  std::uint32_t Number();
};

}  // namespace guest
