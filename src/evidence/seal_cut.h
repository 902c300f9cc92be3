// SPDX-License-Identifier: Apache-2.0
// The seal of a run whose supervisor died, by whoever finds it (evidence.md §6).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace evidence {

enum class DeadSeal : std::uint8_t {
  kComplete,       // `closing` was proven: the ordinary seal was written
  kCut,            // sealed as cut at the last valid checkpoint, the tail kept and counted
  kAlreadySealed,
  kNoCheckpoint,   // nothing can be proven: no seal is written
  kNoLog,          // it died before its log began
};

// Reads the log of `run_id` in the open `run_directory` and seals it with the keys that its leaf 0 names. kInvalid when
// the log does not hold (it is not sealed then), kNotFound when a key is gone. The caller holds the run's lock.
base::Result<DeadSeal> SealDeadRun(int run_directory, const std::string& run_id, const std::string& keys_directory);

}  // namespace evidence
