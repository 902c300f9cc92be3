// SPDX-License-Identifier: Apache-2.0
// Data of the life-cycle, command and process events.
#include "event/lifecycle_events.h"

#include "event/cell_ref_members.h"

namespace event {

std::string_view ToString(Outcome outcome) { return outcome == Outcome::kSucceeded ? "succeeded" : "failed"; }
std::string_view ToString(TerminalState state) { return state == TerminalState::kClean ? "clean" : "forced"; }
std::string_view ToString(ResidueClass residue) {
  return residue == ResidueClass::kNone ? "none" : "documented_exception";
}

Draft StartedEvent(const CellRef& cell, const Started& started) {
  Object object = Begin(cell);
  object.Add("derivationVerified", started.derivation_verified);
  object.Add("firecrackerDigestSha256", started.firecracker_digest);
  object.Add("kernelDigestSha256", started.kernel_digest);
  object.Add("parentRunId", started.parent_run_id);
  AddPlacement(object, started.placement);
  object.Add("planDigest", started.plan_digest);
  object.Add("policyPackDigest", started.policy_pack_digest);
  object.Add("roleRoot", started.role_root);
  object.Add("rootfsDigestSha256", started.rootfs_digest);
  object.Add("specHash", started.spec_hash);
  object.Add("tenantId", TenantOf(cell));
  object.Add("ttlSeconds", started.ttl_seconds);
  return Finish(kStarted, std::move(object));
}

Draft DestroyedEvent(const CellRef& cell, const Destroyed& destroyed) {
  Object object = Begin(cell);
  object.Add("evidenceBundleRef", destroyed.evidence_bundle_ref);
  const auto add_paths = [&object](std::string_view name, const std::vector<std::string>& paths) {
    std::vector<std::string> quoted;
    for (const std::string& path : paths) quoted.push_back(Quoted(path));
    if (!quoted.empty()) object.AddCut(name, quoted, Object::kMaxList / 2);  // there are two
  };
  add_paths("newHookFiles", destroyed.new_hook_files);
  object.Add("outcome", ToString(destroyed.outcome));
  object.AddCut("reason", destroyed.reason);
  object.Add("reasonCode", destroyed.reason_code);
  if (destroyed.residue_class) object.Add("residueClass", ToString(*destroyed.residue_class));
  add_paths("setIdFiles", destroyed.set_id_files);
  if (!destroyed.grants_searched) object.MarkTruncated();
  object.Add("tenantId", TenantOf(cell));
  if (destroyed.terminal_state) object.Add("terminalState", ToString(*destroyed.terminal_state));
  object.Add("ttlSeconds", destroyed.ttl_seconds);
  return Finish(kDestroyed, std::move(object));
}

namespace {

// argv as JSON; true in `cut` when it would not fit and its tail was left out.
std::string ArgvJson(const std::vector<std::string>& argv, bool& cut) {
  std::string out = "[";
  for (const std::string& argument : argv) {
    if (out.size() > 1) out.push_back(',');
    // Escaping makes at most six bytes of one.
    const std::size_t room = Object::kMaxList - std::min(out.size(), Object::kMaxList);
    if (argument.size() > room || Quoted(argument).size() > room) {
      cut = true;
      out.append(Quoted(std::string(CutUtf8(argument, room / 6)) + "…"));
      break;
    }
    out.append(Quoted(argument));
  }
  out.push_back(']');
  return out;
}

}  // namespace

Draft CommandCompletedEvent(const CellRef& cell, const CommandCompleted& completed) {
  Object object = Begin(cell);
  bool cut = false;
  object.Raw("argv", ArgvJson(completed.argv, cut));
  if (cut) {
    object.Add("argc", completed.argv.size());
    object.MarkTruncated();
  }
  object.Add("durationMs", completed.duration_ms);
  object.Add("exitCode", completed.exit_code);
  object.Add("reason", completed.reason);
  object.Add("signal", completed.signal);
  object.AddCut("spawnError", completed.spawn_error);
  return Finish(kCommandCompleted, std::move(object));
}

Draft ProcessSpawnedEvent(const CellRef& cell, std::string_view program, std::uint64_t argc) {
  Object object = Begin(cell);
  object.Add("argc", argc);
  object.AddCut("program", program);
  return Finish(kProcessSpawned, std::move(object));
}

Draft FsTouchExportEvent(const CellRef& cell, std::string_view source_path, std::string_view artifact_name) {
  Object object = Begin(cell);
  object.Add("artifactName", artifact_name);
  object.Add("purpose", "export");
  object.AddCut("sourcePath", source_path);
  return Finish(kFsTouch, std::move(object));
}

Draft ManifestFailedEvent(const ManifestFailed& failed) {
  Object object;
  object.Add("actualSha256", failed.actual_sha256);
  object.Add("cellId", failed.cell_id);
  object.Add("expectedSha256", failed.expected_sha256);
  object.AddCut("manifestPath", std::string_view(failed.manifest_path));
  object.Add("role", failed.role);
  object.Add("runId", failed.run_id);
  Draft draft = Finish(kManifestFailed, std::move(object));
  draft.source = kSourceHostFirecracker;
  return draft;
}

}  // namespace event
