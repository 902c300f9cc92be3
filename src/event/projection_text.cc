// SPDX-License-Identifier: Apache-2.0
// Names and JSON of a cell's projected state.
#include "event/json_object.h"
#include "event/projection.h"

namespace event {

std::string_view ToString(ProjectionFault fault) {
  constexpr std::string_view kNames[] = {"missing_data", "missing_field", "bad_field", "identity_mismatch",
                                         "illegal_transition", "command_not_completed", "unknown_operation"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view ToString(LifecycleStage stage) {
  constexpr std::string_view kNames[] = {"pending", "started", "commandCompleted", "destroyed"};
  return kNames[static_cast<std::size_t>(stage)];
}

std::string_view ToString(IdentityStage stage) {
  constexpr std::string_view kNames[] = {"unknown", "materialized", "materializeFailed", "revoked", "revokeFailed"};
  return kNames[static_cast<std::size_t>(stage)];
}

std::string_view ToString(ExportStage stage) {
  constexpr std::string_view kNames[] = {"none", "completed", "failed"};
  return kNames[static_cast<std::size_t>(stage)];
}

std::string_view ToString(CellState state) {
  constexpr std::string_view kNames[] = {"pending", "started", "identityReady", "identityFailed", "commandSucceeded",
                                         "commandFailed", "exportSucceeded", "exportFailed", "destroyed",
                                         "destroyFailed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string Snapshot::ToJson() const {
  std::vector<std::string> records;
  for (const ExportRecord& record : exports) {
    Object row;
    row.AddOrNull("bytesWritten", record.bytes_written);
    row.AddOrNull("destination", record.destination);
    row.AddOrNull("targetKind", record.target_kind);
    row.AddOrNull("targetName", record.target_name);
    records.push_back(row.Take());
  }
  std::string placement_json = "null";
  if (placement) {
    Object inner;
    inner.Add("kubernetesNamespace", placement->kubernetes_namespace);
    inner.Add("poolId", placement->pool_id);
    inner.Add("queueName", placement->queue_name);
    placement_json = inner.Take();
  }
  Object object;
  object.AddOrNull("cellId", cell_id);
  object.AddOrNull("commandExitCode", exit_code);
  object.Add("currentState", ToString(State()));
  object.AddOrNull("destroyReason", destroy_reason);
  object.Add("exportStage", ToString(exports_stage));
  object.Raw("exports", ArrayOfRaw(records));
  object.Add("identityStage", ToString(identity));
  object.AddOrNull("lastError", last_error);
  object.Add("lifecycleStage", ToString(lifecycle));
  object.Raw("placement", placement_json);
  object.Add("processedEvents", processed);
  object.AddOrNull("runId", run_id);
  object.AddOrNull("specId", spec_id);
  return object.Take();
}

}  // namespace event
