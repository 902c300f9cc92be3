// SPDX-License-Identifier: Apache-2.0
// Which observers a run must have had for its evidence to be complete: a pure rule that a stranger can apply again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/cell_document.h"

namespace spec {

// Of an admitted run: what the document, the backend ("native", "gvisor", "qemu", "firecracker") and the plan's cgroup
// leaf demand. Observer names, each once, in the order of the closed list.
enum class CgroupLeaf : std::uint8_t { kAbsent, kPresent };
std::vector<std::string> RequiredSources(const CellSpec& spec, std::string_view backend, CgroupLeaf leaf);

// Of a run that was refused at admission.
std::vector<std::string> RequiredSourcesOfRefusal();

}  // namespace spec
