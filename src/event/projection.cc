// SPDX-License-Identifier: Apache-2.0
// The state of a cell as its events tell it.
#include "event/projection.h"

#include <limits>

#include "event/types.h"

namespace event {
namespace {

using Result = std::expected<void, ProjectionError>;
using json::Kind;
using json::Value;

std::unexpected<ProjectionError> Refuse(ProjectionFault fault, std::string message) {
  return std::unexpected(ProjectionError{fault, std::move(message)});
}

std::unexpected<ProjectionError> Illegal(std::string_view what, const Snapshot& state) {
  return Refuse(ProjectionFault::kIllegalTransition,
                std::string(what) + " can't follow in stage " + std::string(ToString(state.lifecycle)));
}

std::optional<std::string> Text(const Value* value) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->string());
}

std::expected<std::string, ProjectionError> RequiredText(const Value& data, std::string_view name) {
  const Value* value = data.Find(name);
  if (value == nullptr) return Refuse(ProjectionFault::kMissingField, "member " + std::string(name) + " is missing");
  if (!value->is_string()) return Refuse(ProjectionFault::kBadField, "member " + std::string(name) + " is no string");
  return std::string(value->string());
}

bool Running(const Snapshot& state) {
  return state.lifecycle == LifecycleStage::kStarted || state.lifecycle == LifecycleStage::kCommandCompleted;
}
// Real streams tell of identities before the start.
bool IdentityMayChange(const Snapshot& state) { return Running(state) || state.lifecycle == LifecycleStage::kPending; }

Result OnStarted(Snapshot& state, const Value&) {
  if (state.lifecycle != LifecycleStage::kPending) return Illegal("started", state);
  state.lifecycle = LifecycleStage::kStarted;
  return {};
}

Result OnMaterialized(Snapshot& state, const Value&) {
  if (!IdentityMayChange(state) || state.identity == IdentityStage::kMaterializeFailed) {
    return Illegal("identity.materialized", state);
  }
  state.identity = IdentityStage::kMaterialized;
  return {};
}

Result OnIdentityFailed(Snapshot& state, const Value& data) {
  auto operation = RequiredText(data, "operation");
  if (!operation) return std::unexpected(operation.error());
  auto reason = RequiredText(data, "reason");
  if (!reason) return std::unexpected(reason.error());
  const bool materialize = *operation == "materialize";
  if (!materialize && *operation != "revoke") {
    return Refuse(ProjectionFault::kUnknownOperation, "identity.failed names an unknown operation");
  }
  if (!IdentityMayChange(state) || (materialize && state.exit_code)) return Illegal("identity.failed", state);
  state.identity = materialize ? IdentityStage::kMaterializeFailed : IdentityStage::kRevokeFailed;
  state.last_error = std::move(*reason);
  return {};
}

Result OnRevoked(Snapshot& state, const Value&) {
  if (!IdentityMayChange(state)) return Illegal("identity.revoked", state);
  state.identity = IdentityStage::kRevoked;
  return {};
}

std::expected<std::int32_t, ProjectionError> ExitCode(const Value& data) {
  const Value* value = data.Find("exitCode");
  if (value == nullptr) return Refuse(ProjectionFault::kMissingField, "member exitCode is missing");
  constexpr std::int64_t kLeast = std::numeric_limits<std::int32_t>::min();
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (value->kind() == Kind::kInt && value->signed_integer() >= kLeast) {
    return static_cast<std::int32_t>(value->signed_integer());
  }
  if (value->kind() == Kind::kUint && value->unsigned_integer() <= kMost) {
    return static_cast<std::int32_t>(value->unsigned_integer());
  }
  return Refuse(ProjectionFault::kBadField, "member exitCode is no 32-bit integer");
}

Result OnCommandCompleted(Snapshot& state, const Value& data) {
  const auto code = ExitCode(data);
  if (!code) return std::unexpected(code.error());
  if (state.lifecycle != LifecycleStage::kStarted || state.exit_code ||
      state.identity == IdentityStage::kMaterializeFailed) {
    return Illegal("command.completed", state);
  }
  state.exit_code = *code;
  state.lifecycle = LifecycleStage::kCommandCompleted;
  return {};
}

Result OnExportCompleted(Snapshot& state, const Value& data) {
  if (state.lifecycle != LifecycleStage::kCommandCompleted) {
    return Refuse(ProjectionFault::kCommandNotCompleted, "an export can't come before the command has completed");
  }
  const Value* receipt = data.Find("receipt");
  const auto member = [&](std::string_view name) {
    const Value* inside = receipt != nullptr ? receipt->Find(name) : nullptr;
    return inside != nullptr ? inside : data.Find(name);
  };
  ExportRecord record;
  if (const Value* kind = member("targetKind")) {
    record.target_kind = Text(kind);
    if (record.target_kind != "local" && record.target_kind != "s3" && record.target_kind != "http") {
      return Refuse(ProjectionFault::kBadField, "member targetKind is none of local, s3, http");
    }
  }
  record.target_name = Text(member("targetName"));
  record.destination = Text(member("destination"));
  if (const Value* bytes = member("bytesWritten"); bytes != nullptr && bytes->kind() == Kind::kUint) {
    record.bytes_written = bytes->unsigned_integer();
  }
  state.exports.push_back(std::move(record));
  state.exports_stage = ExportStage::kCompleted;
  return {};
}

Result OnExportFailed(Snapshot& state, const Value& data) {
  if (state.lifecycle != LifecycleStage::kCommandCompleted) {
    return Refuse(ProjectionFault::kCommandNotCompleted, "an export can't come before the command has completed");
  }
  auto reason = RequiredText(data, "reason");
  if (!reason) return std::unexpected(reason.error());
  state.exports_stage = ExportStage::kFailed;
  state.last_error = std::move(*reason);
  return {};
}

// Legal in any stage: a start that fails early ends in it too.
Result OnDestroyed(Snapshot& state, const Value& data) {
  state.lifecycle = LifecycleStage::kDestroyed;
  state.destroy_reason = Text(data.Find("reason"));
  if (state.destroy_reason) state.last_error = state.destroy_reason;
  const std::string_view outcome = data.StringOr("outcome", "");
  state.succeeded = outcome.empty() ? std::nullopt : std::optional(outcome == "succeeded");
  return {};
}

struct Rule {
  std::string_view type;
  Result (*apply)(Snapshot&, const Value&);
};
constexpr Rule kRules[] = {
    {kStarted, OnStarted},
    {kIdentityMaterialized, OnMaterialized},
    {kIdentityFailed, OnIdentityFailed},
    {kIdentityRevoked, OnRevoked},
    {kCommandCompleted, OnCommandCompleted},
    {kExportCompleted, OnExportCompleted},
    {kExportFailed, OnExportFailed},
    {kDestroyed, OnDestroyed},
};

Result Bind(std::optional<std::string>& bound, const Value& data, std::string_view name) {
  auto seen = Text(data.Find(name));
  if (!seen) return {};
  if (bound && *bound != *seen) {
    return Refuse(ProjectionFault::kIdentityMismatch, std::string(name) + " differs from the one seen before");
  }
  bound = std::move(seen);
  return {};
}

bool Same(const Placement& a, const Placement& b) {
  return a.pool_id == b.pool_id && a.kubernetes_namespace == b.kubernetes_namespace && a.queue_name == b.queue_name;
}

Result BindPlacement(Snapshot& state, const Value& data) {
  const Value* value = data.Find("placement");
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_object()) return Refuse(ProjectionFault::kBadField, "member placement is no object");
  Placement placement;
  for (const auto& [name, into] : {std::pair("poolId", &placement.pool_id),
                                   std::pair("kubernetesNamespace", &placement.kubernetes_namespace),
                                   std::pair("queueName", &placement.queue_name)}) {
    const Value* member = value->Find(name);
    if (member == nullptr || member->is_null()) continue;
    if (!member->is_string()) return Refuse(ProjectionFault::kBadField, "placement." + std::string(name));
    *into = std::string(member->string());
  }
  if (state.placement && !Same(*state.placement, placement)) {
    return Refuse(ProjectionFault::kIdentityMismatch, "placement differs from the one seen before");
  }
  state.placement = std::move(placement);
  return {};
}

Result BindAll(Snapshot& state, const Value& data) {
  for (const auto& [name, bound] : {std::pair("specId", &state.spec_id), std::pair("cellId", &state.cell_id),
                                    std::pair("runId", &state.run_id)}) {
    if (auto done = Bind(*bound, data, name); !done) return done;
  }
  return BindPlacement(state, data);
}

}  // namespace

std::expected<bool, ProjectionError> Projection::Apply(const Value& event) {
  const std::string_view id = event.StringOr("id", "");
  if (applied_.contains(id)) return false;
  const Value* data = event.Find("data");
  if (data == nullptr || data->is_null()) return Refuse(ProjectionFault::kMissingData, "an event without data");
  if (!Text(data->Find("specId")) && !Text(data->Find("cellId"))) return false;

  const std::string_view type = event.StringOr("type", "");
  for (const Rule& rule : kRules) {
    if (rule.type != type) continue;
    Snapshot next = snapshot_;
    auto done = BindAll(next, *data);
    if (done) done = rule.apply(next, *data);
    if (!done) return std::unexpected(std::move(done).error());
    ++next.processed;
    snapshot_ = std::move(next);
    applied_.emplace(id);
    return true;
  }
  return false;
}

CellState Snapshot::State() const {
  if (lifecycle == LifecycleStage::kDestroyed) {
    return succeeded.value_or(!destroy_reason) ? CellState::kDestroyed : CellState::kDestroyFailed;
  }
  if (exports_stage == ExportStage::kCompleted) return CellState::kExportSucceeded;
  if (exports_stage == ExportStage::kFailed) return CellState::kExportFailed;
  if (exit_code) return *exit_code == 0 ? CellState::kCommandSucceeded : CellState::kCommandFailed;
  if (identity == IdentityStage::kMaterialized) return CellState::kIdentityReady;
  if (identity == IdentityStage::kMaterializeFailed) return CellState::kIdentityFailed;
  return lifecycle == LifecycleStage::kStarted ? CellState::kStarted : CellState::kPending;
}

}  // namespace event
