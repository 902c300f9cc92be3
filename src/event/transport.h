// SPDX-License-Identifier: Apache-2.0
// Port: the last step of an event on its way out.
#pragma once

#include <string_view>

#include "base/result.h"

namespace event {

// One event as it shall arrive: compact JSON without LF.
struct Outgoing {
  std::string_view text;
  std::string_view id;    // of the event inside, for file and message names
  std::string_view type;  // of the event inside, signed or not
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string_view name() const = 0;  // "jsonl"
  // Returns within the transport's own deadline.
  virtual base::Result<> Send(const Outgoing& event) = 0;
  virtual base::Result<> Flush() = 0;
};

}  // namespace event
