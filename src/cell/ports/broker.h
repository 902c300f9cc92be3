// SPDX-License-Identifier: Apache-2.0
// The secret brokers of this build, by name: env and file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cell/ports/secret_broker.h"
#include "cell/settings.h"

namespace cell {

// "env:VAR" or "file:PATH" of `--secret NAME=…`; kInvalid says what is allowed.
base::Result<SecretSource> ParseSecretSource(std::string_view text);

struct BrokerSettings {
  // Sources of single keys; they go before the broker's own mapping.
  std::map<std::string, SecretSource> sources;
  // The caller's environment; the process's own when empty. For tests.
  std::function<const char*(const char* name)> environment;
};

// Makes broker `name` (env | file). Any other name is kInvalid: there is no memory broker and no default that guesses.
//   env:  CELLOS_SECRET_<KEY>, exact value.
//   file: path in CELLOS_SECRET_FILE_<KEY>; no symbolic link on the way, a regular file of at most 1 MiB, UTF-8, one
//         final LF removed.
// <KEY> is the key in upper case with '-' as '_'. An empty value is an error.
base::Result<std::unique_ptr<SecretBroker>> MakeBroker(std::string_view name, BrokerSettings settings);

// Name of the broker that `key` is resolved by: its own source's, else `broker`.
std::string_view BrokerOf(std::string_view key, std::string_view broker, const BrokerSettings& settings);

// The variable that `key` maps to: "CELLOS_SECRET_" or "CELLOS_SECRET_FILE_" and the folded key.
std::string SecretVariable(std::string_view prefix, std::string_view key);

// Refuses names that could not be told apart: two that fold to one variable, or one given twice.
base::Result<> CheckSecretNames(std::span<const std::string> names);

}  // namespace cell
