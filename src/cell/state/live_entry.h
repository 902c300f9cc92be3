// SPDX-License-Identifier: Apache-2.0
// The anchor of a running cell: a locked directory in live/ that tells a later collector what to clean up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/state/state_dir.h"

namespace cell {

// A process that can't be mistaken for a later one with the same pid.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // field 22 of /proc/<pid>/stat: clock ticks after boot
};

// kNotFound when there is no such process.
base::Result<ProcessIdentity> IdentityOf(pid_t pid);

// What an entry says: every line that was completely written.
struct Anchor {
  std::string boot_id;
  ProcessIdentity supervisor;
  std::vector<ProcessIdentity> processes;   // outermost PID 1, and helpers
  std::vector<std::string> cgroup_paths;
  std::optional<unsigned> uid_slot;
  std::string run_directory;
};

// live/<run id>/: an exclusive flock on the directory for the life of the supervisor, an append-only file `anchor`, and
// the control socket. Move-only; the destructor removes the entry unless LeaveForCollector was called. Used by one thread.
class LiveEntry {
 public:
  // kExists when a living or dead supervisor has an entry of this id. The entry appears in live/ locked.
  static base::Result<LiveEntry> Create(const StateDir& state, std::string_view run_id);
  LiveEntry(LiveEntry&&) noexcept;
  LiveEntry& operator=(LiveEntry&&) noexcept;
  ~LiveEntry();

  const std::string& run_id() const { return run_id_; }
  int directory() const { return directory_.get(); }

  // Each notes a thing in one write. Call before making what outlives a killed supervisor (a cgroup, a directory), and
  // right after it for what is known only then (a process; it dies with its supervisor anyway).
  base::Result<> NoteRunDirectory(std::string_view path);
  base::Result<> NoteCgroup(const std::vector<std::string>& paths);
  base::Result<> NoteProcess(pid_t pid);
  base::Result<> NoteUidSlot(unsigned slot);

  // A clean-up step failed: the entry stays, unlocked, and the next collector tries again.
  void LeaveForCollector() { keep_ = true; }
  bool left_for_collector() const { return directory_ && keep_; }
  // Removes the entry now; the destructor does nothing afterwards.
  base::Result<> Remove();

 private:
  LiveEntry() = default;
  base::Result<> Append(std::string line);
  std::string run_id_;
  base::UniqueFd parent_, directory_, anchor_;
  bool keep_ = false;
};

// The lines of an anchor; what is no line of ours is left out, and so is a last one without line feed.
Anchor ParseAnchor(std::string_view text);

// Reads `anchor` of an entry's open directory. A missing file is an empty anchor.
base::Result<Anchor> ReadAnchor(int entry_directory);

}  // namespace cell
