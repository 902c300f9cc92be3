// SPDX-License-Identifier: Apache-2.0
// From options, settings and document to the request that a run or plan is made of.
#pragma once

#include <optional>

#include "cell/run.h"
#include "cell/state/state_dir.h"
#include "cli/options.h"
#include "cli/settings.h"

namespace cli {

// The exit status and message of what ends a command before it began.
struct EarlyEnd {
  int status;
  std::string message;  // empty: nothing more to say
};

struct PreparedRequest {
  cell::RunRequest request;  // `state` is left to the caller
  AllSettings settings;
};
std::expected<PreparedRequest, EarlyEnd> PrepareRequest(const Options& options);

// The state directory of `settings`; made when `mode` says so.
base::Result<cell::StateDir> OpenState(const AllSettings& settings, cell::OpenMode mode);
// The same for commands that only have options.
std::expected<cell::StateDir, EarlyEnd> OpenStateFor(const Options& options, cell::OpenMode mode);

}  // namespace cli
