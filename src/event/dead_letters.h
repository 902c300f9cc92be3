// SPDX-License-Identifier: Apache-2.0
// A directory for events that a transport did not take (ports.md §2.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace event {

// One file per event, `<epoch ms>-<event id>.jsonl`, made exclusively (a counter follows where the name is taken), with
// {"error":"…","event":{…}} and LF; file and directory are synced. The event is what the transport would have got:
// redacted and signed.
class DeadLetters {
 public:
  // kInvalid when `directory` is missing, no directory or can't be written: a dead-letter box that was asked for and does
  // not work is an error at the start, not a warning.
  static base::Result<DeadLetters> Open(const std::string& directory, const base::Clock& clock);

  base::Result<> Keep(std::string_view error, std::string_view id, std::string_view event);

 private:
  DeadLetters(base::UniqueFd directory, const base::Clock& clock) : directory_(std::move(directory)), clock_(&clock) {}
  base::UniqueFd directory_;
  const base::Clock* clock_;
};

}  // namespace event
