// SPDX-License-Identifier: Apache-2.0
// The bytes of a leaf: one CloudEvent in JCS form with the log's extension attributes (evidence.md §2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "event/draft.h"

namespace event {

// RFC 3339 text in UTC with milliseconds; keeps the text of the running second.
class TimeText {
 public:
  std::string_view Format(base::WallTime time);

 private:
  std::string text_;
  std::chrono::sys_seconds second_{std::chrono::seconds(-1)};
};

struct LeafStamp {
  std::uint64_t sequence;
  base::BootTime boot;
  std::string_view time;
  std::string_view id;
};

// Appends the leaf of `draft`, without LF, to `out`.
void WriteLeaf(std::string& out, const Draft& draft, const LeafStamp& stamp);

}  // namespace event
