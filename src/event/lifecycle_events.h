// SPDX-License-Identifier: Apache-2.0
// Data of the life-cycle, command and process events (events.md §3; members added by extensions.md §3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct Started {
  std::uint64_t ttl_seconds = 0;
  std::optional<std::string> spec_hash;             // hex of SHA-256 of the document bytes as read, no prefix
  std::optional<bool> derivation_verified;
  std::optional<std::string> role_root, parent_run_id;
  std::optional<std::string> kernel_digest, rootfs_digest, firecracker_digest;  // hex, verified VM manifest only
  std::optional<Placement> placement;
  std::optional<std::string> plan_digest, policy_pack_digest;  // ours: "sha256:…"
};
Draft StartedEvent(const CellRef& cell, const Started& started);

enum class Outcome : std::uint8_t { kSucceeded, kFailed };
enum class TerminalState : std::uint8_t { kClean, kForced };
enum class ResidueClass : std::uint8_t { kNone, kDocumentedException };
std::string_view ToString(Outcome outcome);
std::string_view ToString(TerminalState state);
std::string_view ToString(ResidueClass residue);

struct Destroyed {
  std::uint64_t ttl_seconds = 0;
  Outcome outcome = Outcome::kFailed;
  std::optional<std::string> reason;  // a typed value of events.md §3 where the cause is known; absent on success
  std::optional<TerminalState> terminal_state;
  std::optional<std::string> evidence_bundle_ref;  // EvidenceBundleUrn(run id)
  std::optional<ResidueClass> residue_class;
  std::optional<std::string> reason_code;  // ours: extensions.md §4
  std::vector<std::string> new_hook_files;  // ours: hook and start-up files made or changed in writable grants
  std::vector<std::string> set_id_files;    // ours: privileged files that are in writable grants after the run
  bool grants_searched = true;              // false: there may be more of both; told as `truncated`
};
Draft DestroyedEvent(const CellRef& cell, const Destroyed& destroyed);

struct CommandCompleted {
  std::vector<std::string> argv;
  std::int32_t exit_code = -1;  // −1 for everything but a normal exit
  std::uint64_t duration_ms = 0;
  std::optional<std::string> spawn_error;
  std::optional<std::uint32_t> signal;  // ours
  std::optional<std::string> reason;    // ours: reason code of extensions.md §4
};
// An argv too long for a leaf is cut and says so: `truncated` true, `argc` the original length.
Draft CommandCompletedEvent(const CellRef& cell, const CommandCompleted& completed);

// program = argv[0] and argc of the workload, after exec succeeded.
Draft ProcessSpawnedEvent(const CellRef& cell, std::string_view program, std::uint64_t argc);
Draft FsTouchExportEvent(const CellRef& cell, std::string_view source_path, std::string_view artifact_name);

struct ManifestFailed {
  std::string role;  // kernel | rootfs | firecracker
  std::string expected_sha256, actual_sha256, manifest_path;
  std::optional<std::string> cell_id, run_id;  // ours
};
Draft ManifestFailedEvent(const ManifestFailed& failed);

}  // namespace event
