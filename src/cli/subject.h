// SPDX-License-Identifier: Apache-2.0
// Which evidence a command is about, and by which keys it is judged.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/request.h"
#include "evidence/verify/trust.h"

namespace cli {

struct Subject {
  std::string path;                        // run directory, bundle or proof
  std::vector<evidence::TrustedKey> keys;  // of --key; for a run of the local state and without --key its own
};

// The argument of verify and show: a run id of the local state, else a path. What is the id of a run and a path here is
// the run; a path can always be written with a slash.
std::expected<Subject, EarlyEnd> FindSubject(const Options& options);

}  // namespace cli
