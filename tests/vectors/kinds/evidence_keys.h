// SPDX-License-Identifier: Apache-2.0
// Shared by the kinds of whole runs and proofs: the trusted keys of a record, and its verdict.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "evidence/verify/trust.h"
#include "vectors/kind.h"

namespace vectors {

struct TrustedKeys {
  std::vector<evidence::TrustedKey> keys;
  bool usable = true;  // false: one of the names in `trust` stands for a key that can't be read
};
// The keys named by `trust`, from a keys.json.
TrustedKeys TrustedKeysOf(const json::Value& record, const std::filesystem::path& keys_file);

// Compares with `verdict` (null: none) and `exit`; `either: true` passes.
Outcome CompareVerdict(const json::Value& record, std::string_view verdict, int exit, std::string_view fault);

}  // namespace vectors
