// SPDX-License-Identifier: Apache-2.0
// cellos stop, keygen, gc, prune and schema.
#include <fmt/format.h>

#include "base/encoding.h"
#include "cell/gc/collector.h"
#include "cell/state/control_socket.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/request.h"
#include "cli/values.h"
#include "evidence/keys.h"
#include "spec/schema.h"

namespace cli {
namespace {

constexpr std::chrono::seconds kDefaultWait{60};

int End(const EarlyEnd& end) {
  PrintError(end.message);
  return end.status;
}

}  // namespace

int Stop(const Options& options) {
  const auto state = OpenStateFor(options, cell::OpenMode::kExisting);
  if (!state) return End(state.error());
  std::chrono::milliseconds wait = kDefaultWait;
  if (options.wait) {
    auto parsed = ParseTime(*options.wait);
    if (!parsed) return FailUsage(std::move(parsed).error().With("--wait"));
    wait = *parsed;
  }
  const auto& run_id = options.positional[0];
  const auto result = cell::RequestStop(*state, run_id, wait);
  if (!result) return Fail(result.error());
  if (*result == cell::StopResult::kEnded) return kOk;
  PrintError("no running cell " + base::Escape(run_id) + "; cellos ls shows the runs");
  return kFailed;
}

int Keygen(const Options& options) {
  const auto state = OpenStateFor(options, cell::OpenMode::kCreate);
  if (!state) return End(state.error());
  const evidence::KeygenOptions wanted{.name = options.name.value_or(""), .p256 = options.p256};
  const auto keys = options.rotate ? evidence::RotateDeploymentKeys(state->KeysPath(), wanted)
                                   : evidence::GenerateDeploymentKeys(state->KeysPath(), wanted);
  if (!keys) return Fail(keys.error());
  std::string text = fmt::format("deployment {}\n", base::Escape(keys->name));
  for (const auto& key : keys->keys) {
    text += fmt::format("{}  key id {}\n", key.ed25519 ? "ed25519   " : "ecdsa-p256", key.spki.key_id);
  }
  text += fmt::format("give {}/deployment.vkey to those who shall verify\n", base::Escape(state->KeysPath(), 500));
  return PrintOut(text) ? kOk : kFailed;
}

int Gc(const Options& options) {
  const auto state = OpenStateFor(options, cell::OpenMode::kExisting);
  if (!state) return End(state.error());
  const auto dead = cell::CollectGarbage(*state);
  if (!dead) return Fail(dead.error());
  std::string text;
  bool all_clean = true;
  for (const auto& run : *dead) {
    text += fmt::format("{}: {} {} killed, {}\n", run.run_id, run.processes_killed,
                        run.processes_killed == 1 ? "process" : "processes", cell::ToString(run.log));
    for (const auto& leftover : run.leftovers) {
      text += fmt::format("  left: {}\n", base::Escape(leftover, 500));
      all_clean = false;
    }
  }
  if (dead->empty()) text = "nothing to clean up\n";
  return PrintOut(text) && all_clean ? kOk : kFailed;
}

int Prune(const Options& options) {
  if (!options.older_than) {
    return FailUsage({base::ErrorKind::kInvalid, "cellos prune needs --older-than TIME, as in --older-than 30d"});
  }
  auto age = ParseWholeSeconds(*options.older_than);
  if (!age) return FailUsage(std::move(age).error().With("--older-than"));
  const auto state = OpenStateFor(options, cell::OpenMode::kExisting);
  if (!state) return End(state.error());
  const auto report =
      cell::Prune(*state, *age, options.dry_run ? cell::PruneMode::kDryRun : cell::PruneMode::kDelete);
  if (!report) return Fail(report.error());
  std::string text;
  for (const auto& run : report->removed) text += fmt::format("{} {}\n", options.dry_run ? "would remove" : "removed", run);
  for (const auto& run : report->kept_unsealed) text += fmt::format("kept {}: it has no seal\n", run);
  for (const auto& failure : report->failed) text += fmt::format("not removed: {}\n", base::Escape(failure, 500));
  text += fmt::format("{} {}, {} kept without seal\n", report->removed.size(), options.dry_run ? "to remove" : "removed",
                      report->kept_unsealed.size());
  return PrintOut(text) && report->failed.empty() ? kOk : kFailed;
}

int Schema(const Options& options) {
  std::string names;
  for (const auto name : spec::DocumentNames()) names.append(names.empty() ? "" : ", ").append(name);
  if (options.positional.empty()) {
    return FailUsage({base::ErrorKind::kInvalid, "cellos schema needs the name of a document: " + names});
  }
  const auto schema = spec::SchemaOf(options.positional[0]);
  if (!schema) {
    return FailUsage({base::ErrorKind::kInvalid,
                      "there is no document \"" + base::Escape(options.positional[0]) + "\"; there are " + names});
  }
  return PrintOut(*schema + "\n") ? kOk : kFailed;
}

}  // namespace cli
