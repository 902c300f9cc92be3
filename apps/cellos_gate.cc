// SPDX-License-Identifier: Apache-2.0
// cellos-gate: one cell's boundary to the network and to its secrets. Started by cellos; has no command line.
#include "gate/process/process.h"

int main() { return gate::RunProcess(); }
