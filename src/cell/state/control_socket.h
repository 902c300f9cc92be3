// SPDX-License-Identifier: Apache-2.0
// How `cellos stop` reaches a supervisor: a Unix socket in the live entry (unix(7)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/state/live_entry.h"

namespace cell {

struct StopRequest {
  pid_t pid;           // of the asker
  std::uint32_t uid;   // the supervisor's own or 0
};

// The supervisor's end. A connection is the request; no byte of the peer is read. Peers of any other uid are closed.
class ControlSocket {
 public:
  // Makes `control` in the entry; the entry's directory is 0700.
  static base::Result<ControlSocket> Listen(const LiveEntry& entry);

  int fd() const { return listener_.get(); }  // poll for reading, then Accept until nullopt
  base::Result<std::optional<StopRequest>> Accept();

 private:
  base::UniqueFd listener_;
};

enum class StopResult : std::uint8_t {
  kEnded,     // the supervisor is gone and its entry removed
  kNotLive,   // no supervisor holds this run id
};

// Asks the supervisor of `run_id` to end its cell and waits until it let go of the entry; kDeadline when it did not.
base::Result<StopResult> RequestStop(const StateDir& state, std::string_view run_id, std::chrono::milliseconds deadline);

}  // namespace cell
