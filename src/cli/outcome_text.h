// SPDX-License-Identifier: Apache-2.0
// How a run ended, as JSON (extensions.md §4) and in words.
#pragma once

#include <string>

#include "cell/run_outcome.h"

namespace cli {

// One object and a line feed.
std::string OutcomeJson(const cell::RunOutcome& outcome);

// What is told even with --quiet, when the workload never ran or its evidence failed: why, and each violation on a line
// of its own. Empty otherwise.
std::string WhyNotRun(const cell::RunOutcome& outcome);

// The summary, several lines; everything that came from outside is escaped.
std::string OutcomeSummary(const cell::RunOutcome& outcome);

}  // namespace cli
