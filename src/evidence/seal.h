// SPDX-License-Identifier: Apache-2.0
// The seal of a run: an in-toto statement about its log and files, signed by the deployment keys (evidence.md §6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "event/evidence_events.h"
#include "event/run_log.h"
#include "evidence/keys.h"
#include "evidence/opened.h"
#include "evidence/verify/accounts.h"

namespace evidence {

struct FindingCounts {
  std::uint64_t agree = 0, gap = 0;
  std::vector<event::LeafIndex> contradictions;
};

// One secret: the leaves of its secret.delivered and secret.revoked events.
struct SecretLeaves {
  std::string name;
  std::optional<event::LeafIndex> delivered_at, revoked_at;
};

// What lies behind the last proven leaf of a run whose supervisor died.
struct Tail {
  std::uint64_t lines = 0, bytes = 0;
  bool torn = false;  // the last line has no LF
};

// Everything the statement says; JSON texts are JCS values.
struct SealStatement {
  std::string run_id, cell_id, origin, started_on, finished_on;
  std::uint64_t size = 0;
  crypto::Digest root{};
  std::string checkpoint, run_vkey;
  std::optional<std::string> spec_digest, policy_pack_digest, plan_digest;
  std::optional<event::LeafIndex> controls;
  std::string backend = "native";
  std::string outcome_json, sources_json = "[]", coverage_json = "[]";
  bool complete = false;
  FindingCounts findings;
  std::vector<SecretLeaves> secrets;
  std::string software_json, machine_json, previous_seal_json = "null";
  std::optional<Tail> tail;
};

// Digests the files of the open run directory, signs and writes seal.json: temporary file, fsync, rename, fsync of the
// directory. `keys` are those of leaf 0, in its order. kExists when there is a seal already.
base::Result<> WriteSeal(int run_directory, const SealStatement& statement, const std::vector<SealingKey>& keys);

// True when each of `required` stands exactly once in sources and once in coverage, nothing was lost and no interval
// has a hole (evidence.md §5).
bool IsComplete(const std::vector<std::string>& required, const event::Closing& closing);
bool IsComplete(const std::vector<std::string>& required, const std::vector<SourceRow>& sources,
                const std::vector<IntervalRow>& coverage);

// What the supervisor knows at the end, after `closing` was appended and covered by a checkpoint.
struct RunEnd {
  const event::RunLog* log = nullptr;         // not owned; still open
  event::Closing closing;                     // as appended
  std::vector<std::string> required_sources;  // of the plan; of a refused run spec::RequiredSourcesOfRefusal()
  std::optional<event::LeafIndex> controls;   // leaf of effective_controls
  std::string backend = "native";
  FindingCounts findings;
  std::vector<SecretLeaves> secrets;
};
// The ordinary seal. Returns whether the run is complete.
base::Result<bool> SealRun(int run_directory, const RunFacts& facts, const RunEnd& end, const DeploymentKeys& keys);

}  // namespace evidence
