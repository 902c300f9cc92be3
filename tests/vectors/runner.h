// SPDX-License-Identifier: Apache-2.0
// Walks a directory of vectors and counts.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

#include "vectors/kinds.h"

namespace vectors {

struct Tally {
  std::size_t passed = 0, failed = 0, skipped = 0;
  std::map<std::string, std::size_t> skips;  // "<kind>: <reason>" to the number of records
};

// Runs every *.jsonl below `directory` and every run directory that no `mutations` file lies beside. Failures go to
// `out` as they happen: file, line, id, expected, found. A line that is no JSON object fails.
Tally RunDirectory(const std::filesystem::path& directory, std::FILE* out);

// Prints the skips by name and, as the last line, "N passed, N failed, N skipped".
void PrintTally(const Tally& tally, std::FILE* out);

}  // namespace vectors
