// SPDX-License-Identifier: Apache-2.0
// The operations that make a mutated run directory out of a recorded one.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "json/value.h"

namespace vectors {

// A run directory in memory: relative path to content, and its name.
struct RunImage {
  std::string name;
  std::map<std::string, std::string> files;
};

RunImage LoadRun(const std::filesystem::path& directory);
void WriteRun(const RunImage& run, const std::filesystem::path& parent);

// Applies one operation of a mutation record; `runs` holds the recorded runs. The error text, or nullopt.
std::optional<std::string> ApplyOperation(const json::Value& operation, const std::filesystem::path& runs,
                                          RunImage& run);

}  // namespace vectors
