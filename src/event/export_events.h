// SPDX-License-Identifier: Apache-2.0
// Data of the export events, version 2 (events.md §4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "event/cell_ref.h"
#include "event/draft.h"

namespace event {

struct ExportCompleted {
  std::string artifact_name;
  std::string target_kind = "local";       // local | s3 | http
  std::optional<std::string> target_name;  // null in the receipt when absent
  std::string destination;                 // local: "<cell id>/<artifact name>"
  std::uint64_t bytes_written = 0;
  std::optional<std::string> sha256;       // ours: hex of the delivered bytes, inside the receipt
  std::optional<Provenance> provenance;
};
Draft ExportCompletedEvent(const CellRef& cell, const ExportCompleted& completed);

struct ExportFailed {
  std::string artifact_name;
  std::string target_kind = "local";
  std::string reason;
  std::optional<std::string> target_name, destination;
  std::optional<Provenance> provenance;
};
Draft ExportFailedEvent(const CellRef& cell, const ExportFailed& failed);

}  // namespace event
