// SPDX-License-Identifier: Apache-2.0
// cellos verify and cellos show.
#include "cli/commands.h"
#include "cli/console.h"

namespace cli {

int Verify(const Options&) {
  PrintError("verify is not part of this build yet");
  return kFailed;
}

int Show(const Options&) {
  PrintError("show is not part of this build yet");
  return kFailed;
}

}  // namespace cli
