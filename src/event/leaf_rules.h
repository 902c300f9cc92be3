// SPDX-License-Identifier: Apache-2.0
// What an observer may say: the lane rules of evidence.md §2, held before a leaf is written.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "event/draft.h"

namespace event {

// kInvalid when `draft`, as leaf number `index`, would make the log invalid: data that is no object of one line, a claim
// with a verdict or without its frame, a finding that cites nothing or something later, `opened` anywhere but at 0.
// In debug builds also data that is not in JCS form.
base::Result<> CheckDraft(const Draft& draft, std::uint64_t index);

// True for an event that tells of a denial, whose checkpoint may not wait: refusals at admission, denied secrets, and
// decisions whose `decision` or `action` is deny.
bool IsDenial(const Draft& draft);

}  // namespace event
