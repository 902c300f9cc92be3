// SPDX-License-Identifier: Apache-2.0
// cellos-vectors DIR: runs every test vector below a directory; status 0 when none failed, 1 when some did, 2 for usage.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "vectors/runner.h"

int main(int argc, char** argv) {
  std::error_code ignored;
  if (argc != 2 || !std::filesystem::is_directory(argv[1], ignored)) {
    std::fprintf(stderr, "usage: cellos-vectors DIR (a directory of *.jsonl vector files and run directories)\n");
    return 2;
  }
  try {
    const vectors::Tally tally = vectors::RunDirectory(argv[1], stdout);
    vectors::PrintTally(tally, stdout);
    if (tally.passed + tally.failed + tally.skipped == 0) {
      std::fprintf(stderr, "cellos-vectors: no vector below %s\n", argv[1]);
      return 2;
    }
    return tally.failed == 0 ? 0 : 1;
  } catch (const std::exception& error) {  // of std::filesystem: an unreadable directory
    std::fprintf(stderr, "cellos-vectors: %s\n", error.what());
    return 1;
  }
}
