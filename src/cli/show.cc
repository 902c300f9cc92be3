// SPDX-License-Identifier: Apache-2.0
// cellos show.
#include "cli/commands.h"
#include "cli/console.h"

namespace cli {

int Show(const Options&) {
  PrintError("show is not part of this build yet");
  return kFailed;
}

}  // namespace cli
