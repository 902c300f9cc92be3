// SPDX-License-Identifier: Apache-2.0
// `cellos show`: a run told to a person, from its evidence, with what is proven kept apart from what is not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "evidence/verify/report.h"

namespace evidence {

struct ShowOptions {
  // Of more events only the first and the last half of these are listed.
  std::uint64_t max_events = 200;
};

// Writes the report's facts, what was asked of the network gathered by target, the findings that the log has with the
// leaves they cite, and then one line per event of the run at `path` (directory or bundle), in pieces. Every text that
// came from the run is escaped. Lines that `report` does not prove are marked; under an invalid report all are.
base::Result<> ShowRun(const std::string& path, const Report& report, const ShowOptions& options,
                       const std::function<void(std::string_view)>& write);

}  // namespace evidence
