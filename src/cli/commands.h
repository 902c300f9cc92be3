// SPDX-License-Identifier: Apache-2.0
// One function per command; each returns the exit status.
#pragma once

#include "cli/options.h"

namespace cli {

// The whole program: `arguments` without its name.
int Main(std::span<const char* const> arguments);

int Run(const Options& options);
int Plan(const Options& options);
int Verify(const Options& options);
int Show(const Options& options);
int Watch(const Options& options);
int Ls(const Options& options);
int Stop(const Options& options);
int Keygen(const Options& options);
int Doctor(const Options& options);
int Gc(const Options& options);
int Prune(const Options& options);
int Schema(const Options& options);

}  // namespace cli
