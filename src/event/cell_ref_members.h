// SPDX-License-Identifier: Apache-2.0
// For the builders of event data only: the shared members, and the draft around a finished object.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "event/cell_ref.h"
#include "event/draft.h"
#include "event/json_object.h"
#include "event/types.h"

namespace event {

// An object that holds the sets C, R and K.
Object Begin(const CellRef& cell);
// Only cellId and runId.
Object BeginShort(const CellRef& cell);
void AddCorrelation(Object& object, const CellRef& cell);
void AddPlacement(Object& object, const std::optional<Placement>& placement);
void AddProvenance(Object& object, const std::optional<Provenance>& provenance);
std::optional<std::string> TenantOf(const CellRef& cell);

// A draft of observer and source supervisor.
Draft Finish(std::string_view type, Object object);

}  // namespace event
