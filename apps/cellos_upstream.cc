// SPDX-License-Identifier: Apache-2.0
// cellos-upstream: encrypted and validated DNS for one cell's gate. Started by cellos; has no command line.
#include "upstream/process.h"

int main() { return upstream::RunProcess(); }
