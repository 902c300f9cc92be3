// SPDX-License-Identifier: Apache-2.0
// The state of a cell as its events tell it (events.md §11).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "json/value.h"

namespace event {

enum class ProjectionFault : std::uint8_t {
  kMissingData, kMissingField, kBadField, kIdentityMismatch, kIllegalTransition, kCommandNotCompleted,
  kUnknownOperation,
};
std::string_view ToString(ProjectionFault fault);  // e.g. "missing_data"

struct ProjectionError {
  ProjectionFault fault;
  std::string message;
};

enum class LifecycleStage : std::uint8_t { kPending, kStarted, kCommandCompleted, kDestroyed };
enum class IdentityStage : std::uint8_t { kUnknown, kMaterialized, kMaterializeFailed, kRevoked, kRevokeFailed };
enum class ExportStage : std::uint8_t { kNone, kCompleted, kFailed };
enum class CellState : std::uint8_t {
  kPending, kStarted, kIdentityReady, kIdentityFailed, kCommandSucceeded, kCommandFailed, kExportSucceeded,
  kExportFailed, kDestroyed, kDestroyFailed,
};
std::string_view ToString(LifecycleStage stage);
std::string_view ToString(IdentityStage stage);
std::string_view ToString(ExportStage stage);
std::string_view ToString(CellState state);  // e.g. "commandSucceeded"

struct ExportRecord {
  std::optional<std::string> target_kind, target_name, destination;
  std::optional<std::uint64_t> bytes_written;
};

struct Snapshot {
  std::optional<std::string> spec_id, cell_id, run_id;
  std::optional<Placement> placement;
  LifecycleStage lifecycle = LifecycleStage::kPending;
  IdentityStage identity = IdentityStage::kUnknown;
  ExportStage exports_stage = ExportStage::kNone;
  std::optional<std::int32_t> exit_code;
  std::optional<std::string> destroy_reason, last_error;
  std::optional<bool> succeeded;  // `outcome` of destroyed
  std::vector<ExportRecord> exports;
  std::uint64_t processed = 0;

  CellState State() const;
  std::string ToJson() const;
};

// Applies events one by one. A refused event changes nothing, and its id may come again.
class Projection {
 public:
  // `event`: a CloudEvent object, of a run log or published. True when it changed the state; false when it was known or
  // is of no type that matters here.
  std::expected<bool, ProjectionError> Apply(const json::Value& event);
  const Snapshot& snapshot() const { return snapshot_; }

 private:
  Snapshot snapshot_;
  std::set<std::string, std::less<>> applied_;  // ids
};

}  // namespace event
