// SPDX-License-Identifier: Apache-2.0
// cellos-upstream from its first instruction to its last; config.h says what it is started with.
#pragma once

namespace upstream {

// Exit status: 0 when the gate or the supervisor closed its end, 1 after a kFailing record that says why.
int RunProcess();

}  // namespace upstream
