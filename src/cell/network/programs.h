// SPDX-License-Identifier: Apache-2.0
// The programs that stand beside this one: cellos-gate and cellos-upstream.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cell {

inline constexpr char kGateProgram[] = "cellos-gate";
inline constexpr char kUpstreamProgram[] = "cellos-upstream";

// Opens `name` in the directory of the running program, for reading; it is executed and digested by this descriptor.
// kUnavailable when it is not there, says what to install.
base::Result<base::UniqueFd> OpenProgramBeside(std::string_view name);

}  // namespace cell
