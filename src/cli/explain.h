// SPDX-License-Identifier: Apache-2.0
// For --explain: watches the workload's system calls from outside and says which the cell refused (ptrace(2)).
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/result.h"

namespace cli {

// Slows the workload down, changes nothing of what it may do. The watching thread ends with the last process it watches.
class SyscallWatcher {
 public:
  SyscallWatcher() = default;
  SyscallWatcher(const SyscallWatcher&) = delete;
  SyscallWatcher& operator=(const SyscallWatcher&) = delete;
  ~SyscallWatcher();

  // `workload` waits at its barrier. Returns once it is watched; where only root may watch a process that has not
  // executed yet, at once, and the watching begins as early as it is allowed.
  void Start(pid_t workload);

  // After the run: one line for each call that the cell's filter refused, what it is and why; or why nothing is known.
  std::string Explain();

 private:
  void Watch(pid_t workload);
  bool Seize(pid_t workload);
  void Loop();
  void TakeStop(pid_t process, int status);
  void TakeSyscall(pid_t process);

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable ready_;
  bool told_ = false;
  int seize_error_ = 0;  // 0: watched
  bool late_ = false;    // watched, but not from the first instruction
  std::map<pid_t, std::uint64_t> entered_;
  std::map<std::pair<std::uint64_t, int>, std::uint64_t> refused_;  // call and errno -> times
};

}  // namespace cli
