// SPDX-License-Identifier: Apache-2.0
// Removes what a killed supervisor left, and old sealed runs.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cell/state/state_dir.h"

namespace cell {

// What became of the log of a dead run.
enum class DeadRunLog : std::uint8_t {
  kSealed,         // `closing` was already proven: the ordinary seal was written
  kSealedCut,      // sealed as `cut` at its last valid checkpoint
  kAlreadySealed,
  kNoCheckpoint,   // nothing of it can be proven: no seal is written
  kNoLog,          // it died before its log began; the empty run directory was removed
  kFailed,
};
std::string_view ToString(DeadRunLog log);  // "log sealed", "it had no log yet", …

struct DeadRun {
  std::string run_id;
  int processes_killed = 0;
  int cgroups_removed = 0;
  DeadRunLog log = DeadRunLog::kFailed;
  std::vector<std::string> leftovers;  // what could not be removed or sealed, and why
};

// Looks only at live/: an entry whose lock is free has no supervisor any more. Kills its processes (by pid and start
// time), removes its cgroups, seals its log as `cut`, removes the entry. The entry stays for the next time as long as a
// process or cgroup of it does. With an empty live/ it costs one directory read.
base::Result<std::vector<DeadRun>> CollectGarbage(const StateDir& state);

struct PruneReport {
  std::vector<std::string> removed;
  std::vector<std::string> kept_unsealed;  // old enough, but without a seal
  std::vector<std::string> failed;         // "<run id>: why"
};

enum class PruneMode : std::uint8_t { kDelete, kDryRun };

// Deletes sealed runs whose seal is older than `age`. An unsealed or live run is never touched.
base::Result<PruneReport> Prune(const StateDir& state, std::chrono::seconds age, PruneMode mode);

}  // namespace cell
