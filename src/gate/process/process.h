// SPDX-License-Identifier: Apache-2.0
// cellos-gate from its first instruction to its last; wire/gate_config.h says what it is started with.
#pragma once

namespace gate {

// The exit status: 0 after kStop, or when the supervisor is gone; 1 when it could not start or go on, which it has told.
int RunProcess();

}  // namespace gate
