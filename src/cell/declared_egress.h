// SPDX-License-Identifier: Apache-2.0
// What a document declares about its network, as events tell it.
#pragma once

#include <vector>

#include "cell/recorder.h"
#include "cell/settings.h"
#include "event/compliance_events.h"
#include "spec/cell_document.h"

namespace cell {

std::vector<event::EgressRule> DeclaredEgress(const spec::CellSpec& spec);

// The decisions that follow from the document alone (events.md §2, rows 4 and 6): each egress rule as declared where the
// trust plane is told of, each allowlist entry and each blocked rule for port 53 where the L7 gate is.
base::Result<> TellDeclaredEgress(const spec::CellSpec& spec, const Settings& settings, Recorder& recorder);

}  // namespace cell
