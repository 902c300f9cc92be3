// SPDX-License-Identifier: Apache-2.0
// Leaf 0 of a run log: what the run is, which keys will seal it, and the certificate of its run key (evidence.md §2,
// §4).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/draft.h"
#include "evidence/keys.h"

namespace evidence {

// The running binaries: name to hex SHA-256.
struct Software {
  std::string version;
  std::map<std::string, std::string> binaries;
};
struct Machine {
  std::string boot_id, kernel, arch;
};

// What a run is from its admission on; the same in leaf 0, certificate and seal.
struct RunFacts {
  std::string run_id, cell_id;
  std::optional<std::string> spec_digest, policy_pack_digest, plan_digest;  // "sha256:<hex>"
  Software software;
  Machine machine;
};

// "<deployment name>/runs/<run id>".
std::string OriginOf(std::string_view deployment_name, std::string_view run_id);

// The signed note that lets `run_vkey` sign this run's checkpoints. `ttl` 0 where there is no document.
std::string RunKeyCertificate(const RunFacts& facts, const DeploymentKeys& keys, std::string_view run_vkey,
                              base::WallTime now, std::chrono::seconds ttl);

// The draft of leaf 0, certificate included. Append it first.
event::Draft OpenedEvent(const RunFacts& facts, const DeploymentKeys& keys, std::string_view run_vkey,
                         base::WallTime now, std::chrono::seconds ttl);

// JCS texts shared with the seal.
std::string SoftwareJson(const Software& software);
std::string MachineJson(const Machine& machine);
std::string DeploymentKeysJson(const DeploymentKeys& keys);

// Hex SHA-256 of each open binary (name, descriptor at any offset). `cache_directory` (open, or -1) keeps digests by
// device, inode, size, mtime and ctime, so that a start reads no binary twice; a cache that can't be used costs only
// time.
base::Result<std::map<std::string, std::string>> DigestBinaries(
    const std::vector<std::pair<std::string, int>>& binaries, int cache_directory);

}  // namespace evidence
