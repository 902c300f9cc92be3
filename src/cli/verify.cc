// SPDX-License-Identifier: Apache-2.0
// cellos verify: which evidence, which keys; the judging is the evidence room's.
#include <sys/stat.h>

#include "base/encoding.h"
#include "cell/state/run_id.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/request.h"
#include "evidence/keys.h"
#include "evidence/verify/verify.h"

namespace cli {
namespace {

struct Subject {
  std::string path;
  std::vector<evidence::TrustedKey> keys;
};

bool Exists(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0;
}

// This machine's own key, for a run of its own state; the run may be older than the key, so none is no error.
void AddOwnKeys(const cell::StateDir& state, std::vector<evidence::TrustedKey>& keys) {
  auto own = evidence::LoadDeploymentKeys(state.KeysPath());
  if (!own) return;
  for (const auto& key : own->keys) {
    keys.push_back({.spki = key.spki,
                    .name = key.ed25519 ? std::optional(own->name) : std::nullopt,
                    .given_as = "this machine's own key"});
  }
}

// A run id of the local state, else a path. What looks like an id and exists as a path here is the run all the same; a
// path can always be written with a slash.
std::expected<Subject, EarlyEnd> Find(const Options& options) {
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

}  // namespace

int Verify(const Options& options) {
  const auto subject = Find(options);
  if (!subject) {
    PrintError(subject.error().message);
    return subject.error().status;
  }
  const auto report = options.leaf ? evidence::VerifyProof(subject->path, *options.leaf, subject->keys)
                                   : evidence::VerifyRun(subject->path, subject->keys);
  if (report.verdict == evidence::Verdict::kUsage && !options.json) {
    PrintError(base::Escape(report.fault, 1000));
    return kUsage;
  }
  auto text = options.json ? report.ToJson() : report.ToText();
  if (!text.ends_with('\n')) text += '\n';
  return PrintOut(text) ? evidence::ExitStatus(report.verdict) : kFailed;
}

}  // namespace cli
