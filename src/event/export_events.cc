// SPDX-License-Identifier: Apache-2.0
// Data of the export events, version 2.
#include "event/export_events.h"

#include "event/cell_ref_members.h"

namespace event {

Draft ExportCompletedEvent(const CellRef& cell, const ExportCompleted& completed) {
  Object receipt;
  receipt.Add("bytesWritten", completed.bytes_written);
  receipt.AddCut("destination", std::string_view(completed.destination));
  receipt.Add("sha256", completed.sha256);
  receipt.Add("targetKind", completed.target_kind);
  receipt.AddOrNull("targetName", completed.target_name);
  Object object = Begin(cell);
  object.Add("artifactName", completed.artifact_name);
  AddProvenance(object, completed.provenance);
  object.Raw("receipt", receipt.Take());
  return Finish(kExportCompleted, std::move(object));
}

Draft ExportFailedEvent(const CellRef& cell, const ExportFailed& failed) {
  Object object = Begin(cell);
  object.Add("artifactName", failed.artifact_name);
  object.AddCut("destination", failed.destination);
  AddProvenance(object, failed.provenance);
  object.AddCut("reason", std::string_view(failed.reason));
  object.Add("targetKind", failed.target_kind);
  object.Add("targetName", failed.target_name);
  return Finish(kExportFailed, std::move(object));
}

}  // namespace event
