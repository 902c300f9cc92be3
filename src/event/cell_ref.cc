// SPDX-License-Identifier: Apache-2.0
// Writes the members that most event data share.
#include "event/cell_ref_members.h"

namespace event {
namespace {

// A document's labels may be far larger than a leaf; beyond this they are left out of every event.
constexpr std::size_t kMaxLabels = 8192;
constexpr std::size_t kMaxExternalId = 1024;

void AddCutOrNull(Object& object, std::string_view name, const std::optional<std::string>& text) {
  if (text) {
    object.AddCut(name, std::string_view(*text), kMaxExternalId);
  } else {
    object.Raw(name, "null");
  }
}

std::string ToJson(const Correlation& correlation) {
  Object object;
  object.AddCut("correlationId", correlation.correlation_id, kMaxExternalId);
  AddCutOrNull(object, "externalJobId", correlation.external_job_id);
  AddCutOrNull(object, "externalRunId", correlation.external_run_id);
  std::string labels = correlation.labels ? ObjectOf(*correlation.labels) : "null";
  if (labels.size() > kMaxLabels) {
    object.MarkTruncated();
    object.Add("labelsBytes", labels.size());
    labels = "null";
  }
  object.Raw("labels", labels);
  AddCutOrNull(object, "platform", correlation.platform);
  object.AddCut("tenantId", correlation.tenant_id, kMaxExternalId);
  return object.Take();
}

}  // namespace

void AddCorrelation(Object& object, const CellRef& cell) {
  if (cell.correlation) object.Raw("correlation", ToJson(*cell.correlation));
}

Object Begin(const CellRef& cell) {
  Object object;
  object.Add("cellId", cell.cell_id);
  AddCorrelation(object, cell);
  object.Add("runId", cell.run_id);
  object.Add("specId", cell.spec_id);
  return object;
}

Object BeginShort(const CellRef& cell) {
  Object object;
  object.Add("cellId", cell.cell_id);
  object.Add("runId", cell.run_id);
  return object;
}

void AddPlacement(Object& object, const std::optional<Placement>& placement) {
  if (!placement || (!placement->pool_id && !placement->kubernetes_namespace && !placement->queue_name)) return;
  Object inner;
  inner.Add("kubernetesNamespace", placement->kubernetes_namespace);
  inner.Add("poolId", placement->pool_id);
  inner.Add("queueName", placement->queue_name);
  object.Raw("placement", inner.Take());
}

void AddProvenance(Object& object, const std::optional<Provenance>& provenance) {
  if (!provenance) return;
  Object inner;
  inner.Add("parent", provenance->parent).Add("parentType", provenance->parent_type);
  object.Raw("provenance", inner.Take());
}

std::optional<std::string> TenantOf(const CellRef& cell) {
  return cell.correlation ? cell.correlation->tenant_id : std::nullopt;
}

Draft Finish(std::string_view type, Object object) {
  return {.type = type, .source = kSourceSupervisor, .data = object.Take()};
}

}  // namespace event
