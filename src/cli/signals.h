// SPDX-License-Identifier: Apache-2.0
// The caller's signals as bytes in a pipe, so that the running cell's reactor sees them in order.
#pragma once

#include "base/result.h"

namespace cli {

// From now on INT, TERM, HUP, QUIT and WINCH are written, one byte each, to the pipe whose reading end this returns; PIPE
// is ignored. A signal that was ignored when the program started (nohup) stays ignored. Once per process.
base::Result<int> RouteSignals();

}  // namespace cli
