// SPDX-License-Identifier: Apache-2.0
// Clean-up after the dead. Each step is tried whatever became of the one before; what stays is named and tried again.
#include "cell/gc/collector.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <charconv>

#include "base/clock.h"
#include "base/encoding.h"
#include "cell/gc/remove_tree.h"
#include "cell/state/live_entry.h"
#include "cell/state/run_id.h"
#include "cgroup/leaf.h"
#include "evidence/seal_cut.h"
#include "sys/file.h"
#include "sys/process.h"

namespace cell {
namespace {

constexpr std::chrono::milliseconds kKillDeadline{5000};
constexpr std::chrono::milliseconds kCgroupDeadline{5000};
constexpr std::chrono::milliseconds kTreeDeadline{60'000};
// An entry under its private name is locked within microseconds; one that is this old, or whose maker is gone, was never
// finished.
constexpr std::chrono::seconds kNewbornAge{60};

// The open directory of an entry that nobody holds, locked by us; nullopt when it is held or gone.
std::optional<base::UniqueFd> LockDead(int live, const std::string& name) {
  auto directory = sys::OpenAt(live, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return std::nullopt;
  const auto locked = sys::TryFlock(directory->get(), sys::Lock::kExclusive);
  if (!locked || !*locked) return std::nullopt;
  // Its owner may have removed it between our open and our lock.
  const auto here = sys::StatAt(live, name, AT_SYMLINK_NOFOLLOW);
  const auto opened = sys::Fstat(directory->get());
  if (!here || !opened || here->st_ino != opened->st_ino) return std::nullopt;
  return std::move(*directory);
}

std::string BootId() {
  auto text = sys::ReadFile(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return std::move(*text);
}

// True when a process was there and is gone now.
base::Result<bool> KillProcess(const ProcessIdentity& process) {
  auto pidfd = sys::PidfdOpen(process.pid);
  if (!pidfd && pidfd.error().kind == base::ErrorKind::kNotFound) return false;
  if (!pidfd) return std::unexpected(std::move(pidfd).error());
  // The descriptor names one process; only now is it sure that this is the one that was noted.
  const auto now = IdentityOf(process.pid);
  if (!now || now->start_time != process.start_time) return false;
  // Dead already, only not collected by whoever is its parent now.
  if (TRY(sys::WaitEnd(pidfd->get(), std::chrono::milliseconds(0)))) return false;
  TRY(sys::PidfdSendSignal(pidfd->get(), SIGKILL));
  if (TRY(sys::WaitEnd(pidfd->get(), kKillDeadline))) return true;
  return base::Fail(base::ErrorKind::kDeadline, fmt::format("process {} was killed, but is not gone", process.pid));
}

// `again`: the failure may pass (a full disk, a key that is away), so the next collector shall try.
DeadRunLog SealOf(const StateDir& state, DeadRun& run, bool& again) {
  auto directory = state.OpenRun(run.run_id);
  if (!directory) return DeadRunLog::kNoLog;
  const auto sealed = evidence::SealDeadRun(directory->fd.get(), run.run_id, state.KeysPath());
  if (!sealed) {
    run.leftovers.push_back("log not sealed: " + sealed.error().message);
    again = sealed.error().kind != base::ErrorKind::kInvalid;
    return DeadRunLog::kFailed;
  }
  switch (*sealed) {
    case evidence::DeadSeal::kComplete: return DeadRunLog::kSealed;
    case evidence::DeadSeal::kCut: return DeadRunLog::kSealedCut;
    case evidence::DeadSeal::kAlreadySealed: return DeadRunLog::kAlreadySealed;
    case evidence::DeadSeal::kNoCheckpoint: return DeadRunLog::kNoCheckpoint;
    case evidence::DeadSeal::kNoLog: break;
  }
  if (auto removed = RemoveTree(state.runs(), run.run_id, kTreeDeadline); !removed) {
    run.leftovers.push_back(removed.error().message);
  }
  return DeadRunLog::kNoLog;
}

DeadRun Collect(const StateDir& state, const std::string& run_id, int entry) {
  DeadRun run{.run_id = run_id};
  const auto anchor = ReadAnchor(entry);
  if (!anchor) run.leftovers.push_back("anchor not read: " + anchor.error().message);
  bool busy = !anchor;
  if (anchor && anchor->boot_id == BootId()) {
    for (const auto& process : anchor->processes) {
      const auto killed = KillProcess(process);
      run.processes_killed += killed && *killed ? 1 : 0;
      if (!killed) run.leftovers.push_back(killed.error().message);
      busy = busy || !killed;
    }
    if (auto removed = cgroup::RemoveLeftover(anchor->cgroup_paths, kCgroupDeadline); !removed) {
      run.leftovers.push_back(removed.error().message);
      busy = true;
    }
  }
  // Whoever still runs might still be told of: the log is sealed when the cell is known to be dead.
  if (!busy) run.log = SealOf(state, run, busy);
  if (busy) return run;
  if (auto removed = RemoveTree(state.live(), run_id, kTreeDeadline); !removed) {
    run.leftovers.push_back(removed.error().message);
  }
  return run;
}

// ".new-<pid>-<tid>" whose process is gone; false where that can't be told.
bool MakerIsGone(std::string_view name) {
  constexpr std::string_view kPrefix = ".new-";
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  pid_t pid = 0;
  if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) return false;
  const auto process = sys::PidfdOpen(pid);
  return !process && process.error().kind == base::ErrorKind::kNotFound;
}

void RemoveUnfinished(const StateDir& state, const std::string& name) {
  const auto status = sys::StatAt(state.live(), name, AT_SYMLINK_NOFOLLOW);
  if (!status) return;
  const auto age = base::SystemClock().Wall().time_since_epoch() - std::chrono::seconds(status->st_mtim.tv_sec);
  if ((age < kNewbornAge && !MakerIsGone(name)) || !LockDead(state.live(), name)) return;
  (void)RemoveTree(state.live(), name, kTreeDeadline);
}

base::Result<> PruneOne(const StateDir& state, const std::string& run_id, std::chrono::seconds age, PruneMode mode,
                        PruneReport& report) {
  if (state.IsLive(run_id)) return {};
  const auto run = TRY(state.OpenRun(run_id));
  const auto now = base::SystemClock().Wall().time_since_epoch();
  const auto old_enough = [&](const struct stat& status) {
    return now - std::chrono::seconds(status.st_mtim.tv_sec) >= age;
  };
  const auto seal = sys::StatAt(run.fd.get(), "seal.json", AT_SYMLINK_NOFOLLOW);
  if (!seal && seal.error().kind != base::ErrorKind::kNotFound) return std::unexpected(seal.error());
  if (!seal || !S_ISREG(seal->st_mode) || seal->st_size == 0) {
    if (old_enough(TRY(sys::Fstat(run.fd.get())))) report.kept_unsealed.push_back(run_id);
    return {};
  }
  if (!old_enough(*seal)) return {};
  if (mode == PruneMode::kDelete) TRY(RemoveTree(state.runs(), run_id, kTreeDeadline));
  report.removed.push_back(run_id);
  return {};
}

}  // namespace

std::string_view ToString(DeadRunLog log) {
  switch (log) {
    case DeadRunLog::kSealed: return "log sealed";
    case DeadRunLog::kSealedCut: return "log sealed as cut";
    case DeadRunLog::kAlreadySealed: return "log was sealed already";
    case DeadRunLog::kNoCheckpoint: return "log not sealed: it has no checkpoint that could prove anything";
    case DeadRunLog::kNoLog: return "it had no log yet";
    case DeadRunLog::kFailed: return "log not sealed";
  }
  return "";
}

base::Result<std::vector<DeadRun>> CollectGarbage(const StateDir& state) {
  std::vector<std::string> names;
  TRY(sys::ForEachEntry(state.live(), [&](const sys::DirectoryEntry& entry) {
    names.push_back(entry.name);
    return true;
  }));
  std::vector<DeadRun> dead;
  for (const auto& name : names) {
    if (!IsRunId(name)) {
      RemoveUnfinished(state, name);
      continue;
    }
    if (const auto entry = LockDead(state.live(), name)) dead.push_back(Collect(state, name, entry->get()));
  }
  return dead;
}

base::Result<PruneReport> Prune(const StateDir& state, std::chrono::seconds age, PruneMode mode) {
  PruneReport report;
  for (const auto& run_id : TRY(state.ListRuns())) {
    if (auto pruned = PruneOne(state, run_id, age, mode, report); !pruned) {
      report.failed.push_back(run_id + ": " + pruned.error().message);
    }
  }
  return report;
}

}  // namespace cell
