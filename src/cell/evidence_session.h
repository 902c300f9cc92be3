// SPDX-License-Identifier: Apache-2.0
// The evidence of one run from its directory to its seal.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cell/network/network_session.h"
#include "cell/recorder.h"
#include "cell/run_outcome.h"
#include "cell/secrets.h"
#include "cell/settings.h"
#include "cell/state/state_dir.h"
#include "evidence/keys.h"
#include "evidence/opened.h"
#include "plan/plan.h"

namespace cell {

struct EvidenceInputs {
  const StateDir* state = nullptr;       // not owned
  const base::Clock* clock = nullptr;    // not owned
  const Settings* settings = nullptr;    // not owned
  const NetworkPrograms* programs = nullptr;  // not owned; those that are open act in this run
  bool telemetry = false;                // a witness in the cell acts in this run
  event::CellRef cell;
  std::optional<std::string> document;   // exact bytes; absent: over the size limit
  std::optional<std::string> plan_json;  // absent: refused
  std::optional<std::string> spec_digest, policy_pack_digest;
  std::chrono::seconds ttl{0};
  evidence::Machine machine;
};

// What is known at the end, for `closing` and the seal.
struct EvidenceEnd {
  Reason reason = Reason::kStartFailed;
  std::optional<int> exit_code, signal;
  std::string backend = "native";
  std::optional<event::LeafIndex> controls;       // leaf of effective_controls
  std::vector<SecretRecord> secrets;
  std::vector<ExportLine> exports;
  std::vector<std::string> required_sources;
};

struct Sealed {
  std::uint64_t size = 0;
  std::string root;  // base64
  bool complete = false;
};

// Used by one thread. Destroyed without Seal, the run stays unsealed for the collector.
class EvidenceSession {
 public:
  // Makes the run directory, its document and plan, the keys where there are none, and the log with leaf 0.
  static base::Result<EvidenceSession> Open(EvidenceInputs inputs);

  Recorder& recorder() { return *recorder_; }
  const RunDirectory& directory() const { return directory_; }
  bool made_deployment_key() const { return made_key_; }
  const std::string& deployment_name() const { return keys_.name; }
  // "sha256:…" of the plan as leaf 0 states it; empty without a plan.
  std::string plan_digest() const { return facts_.plan_digest.value_or(""); }
  // Why a sink of the settings can't be used; the log is open all the same, so that this can be told.
  const std::optional<base::Error>& sink_error() const { return sink_error_; }
  const std::vector<std::string>& notes() const { return notes_; }

  // Closes coverage, writes `closing`, the last checkpoint and the seal.
  base::Result<Sealed> Seal(const EvidenceEnd& end);
  // What the sinks lost so far, in words.
  std::vector<std::string> TakeSinkErrors() { return recorder_->log().TakeSinkErrors(); }

 private:
  // Fills the new directory up to the first leaf.
  base::Result<> Begin();
  EvidenceSession() = default;
  EvidenceInputs inputs_;
  RunDirectory directory_;
  evidence::DeploymentKeys keys_;
  evidence::RunFacts facts_;
  bool made_key_ = false;
  std::optional<base::Error> sink_error_;
  std::vector<std::string> notes_;
  std::unique_ptr<Recorder> recorder_;
};

}  // namespace cell
