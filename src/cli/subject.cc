// SPDX-License-Identifier: Apache-2.0
// Finding a run, a bundle or a proof, and the keys for it.
#include "cli/subject.h"

#include <sys/stat.h>

#include "base/encoding.h"
#include "cell/state/run_id.h"
#include "cli/console.h"
#include "evidence/keys.h"

namespace cli {
namespace {

bool Exists(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0;
}

// This machine's own keys, for a run of its own state: the present one, and those that older runs were sealed with. The
// run may have come from elsewhere, so none is no error.
void AddOwnKeys(const cell::StateDir& state, std::vector<evidence::TrustedKey>& keys) {
  auto own = evidence::LoadDeploymentKeys(state.KeysPath());
  if (!own) return;
  for (const auto& key : own->keys) {
    keys.push_back({.spki = key.spki,
                    .name = key.ed25519 ? std::optional(own->name) : std::nullopt,
                    .given_as = "this machine's own key"});
  }
  const auto retired = evidence::LoadRetiredKeys(state.KeysPath());
  if (!retired) return;
  for (const auto& key : *retired) {
    keys.push_back({.spki = key.spki, .name = std::nullopt, .given_as = "this machine's own key, retired"});
  }
}

}  // namespace

std::expected<Subject, EarlyEnd> FindSubject(const Options& options) {
  const auto& argument = options.positional[0];
  Subject subject{.path = argument, .keys = {}};
  for (const auto& text : options.keys) {
    auto key = evidence::LoadTrustedKey(text);
    if (!key) return std::unexpected(EarlyEnd{kUsage, std::move(key).error().With("--key").message});
    subject.keys.push_back(std::move(*key));
  }
  if (!cell::IsRunId(argument) || options.leaf) return subject;
  const auto state = OpenStateFor(options, cell::OpenMode::kExisting);
  if (state && state->OpenRun(argument)) {
    subject.path = state->path() + "/runs/" + argument;
    if (subject.keys.empty()) AddOwnKeys(*state, subject.keys);
    return subject;
  }
  if (Exists(argument)) return subject;
  if (!state) return std::unexpected(EarlyEnd{kUsage, state.error().message});
  return std::unexpected(EarlyEnd{
      kUsage, "there is no run and no file \"" + base::Escape(argument) + "\"; cellos ls shows the runs"});
}

}  // namespace cli
