// SPDX-License-Identifier: Apache-2.0
// Where events go besides the log.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "event/draft.h"

namespace event {

// One event as the log wrote it: the leaf bytes (without LF) and its position.
struct Delivered {
  std::uint64_t index;
  std::string_view leaf;
};

// Port. A sink may fail without harming the log; it must not block beyond its own deadline.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::string_view name() const = 0;  // e.g. "jsonl"
  virtual base::Result<> Emit(const Delivered& event) = 0;
  virtual base::Result<> Flush() = 0;
};

}  // namespace event
