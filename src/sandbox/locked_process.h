// SPDX-License-Identifier: Apache-2.0
// Starts a helper of one cell (cellos-gate, cellos-upstream) with nothing but the descriptors that it is given.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sandbox {

// Ids of a locked process in its own user namespace.
inline constexpr std::uint32_t kLockedUid = 1000, kLockedGid = 1000;
inline constexpr std::uint32_t kSeenUid = 1001;  // how `seen_uid` shows there, when root starts it

struct LockedOptions {
  int program = -1;                        // open for reading or O_PATH: a statically linked program. Not owned
  const char* name = "";                   // argv[0]; the only argument. The environment is empty
  std::span<const int> descriptors;        // placed at 3, 4, …; -1: that number is /dev/null. Not owned
  std::uint32_t host_uid = 0, host_gid = 0;  // mapped to kLockedUid, kLockedGid; an ordinary user's own
  std::optional<std::uint32_t> seen_uid;   // root only: also mapped, to kSeenUid, so that SO_PEERCRED can name it
  bool loopback = false;                   // its network namespace's `lo` is brought up
  int cgroup = -1;                         // v2: open directory of the cgroup to start in, else -1. Not owned
  std::chrono::milliseconds deadline{10000};  // of each wait while it starts
};

// A helper that starts or runs. Destroying it kills and reaps it.
class LockedProcess {
 public:
  LockedProcess() = default;
  LockedProcess(LockedProcess&& other) noexcept;
  LockedProcess& operator=(LockedProcess&& other) noexcept;
  ~LockedProcess();

  pid_t pid() const { return pid_; }          // in our pid namespace; -1: none
  int pidfd() const { return pidfd_.get(); }  // readable once it ended
  // Waits until its program runs; the error names the step of its start that failed. Once; later ones are told nothing.
  base::Result<> AwaitProgram(std::chrono::milliseconds deadline);
  // SIGKILL, wait until it is gone, reap; true when it is gone in time. True at once without a process.
  bool End(std::chrono::milliseconds deadline);

 private:
  friend base::Result<LockedProcess> StartLocked(const LockedOptions& options);
  base::Result<> FollowStart(const LockedOptions& options, bool hidden);

  pid_t pid_ = -1;
  base::UniqueFd pidfd_;
  base::UniqueFd report_;   // of its start; open until AwaitProgram has seen the end of it
  const char* name_ = "";
};

// Clones into new user, mount, pid, net, ipc, uts and cgroup namespaces; there: own session and keyring, ids as mapped,
// an empty read-only root, no supplementary group (root), empty capability sets and bounding set, no_new_privs,
// SIGKILL when the calling *thread* ends, signals unblocked, 0 to 2 on /dev/null; then executes the program by its
// descriptor. Returns once execve succeeded. After it the program has to make itself non-dumpable, since a readable
// program is dumpable again. On failure nothing is left; the error names the step.
base::Result<LockedProcess> LaunchLocked(const LockedOptions& options);
// The same without the wait: what is left of the start goes on beside the caller, AwaitProgram tells how it went.
// `options.name` outlives the process; the descriptors may be closed at once.
base::Result<LockedProcess> StartLocked(const LockedOptions& options);

}  // namespace sandbox
