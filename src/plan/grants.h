// SPDX-License-Identifier: Apache-2.0
// authority.filesystem as planned grants: what is refused, what wins where grants overlap, what stays read-only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"
#include "spec/cell_document.h"

namespace plan {

// One grant, judged. `index` is its place in HostFacts::grants.
struct PlannedGrant {
  std::size_t index = 0;
  std::string target;   // clean
  bool read_only = true;
};

// Refuses sources and targets that no document may grant: `..`, the kernel's file systems, the root itself, state
// directories, sockets and devices, writable ones over where events go, targets over what the cell needs for itself, one
// target twice. The result is ordered so that a grant comes after every grant it lies in: the narrower wins.
base::Result<std::vector<PlannedGrant>> JudgeGrants(const spec::CellDocument& document, const base::HostFacts& facts);

// Mounts of the grants in order, each followed by what applies beneath it: hidden sockets and state, protected files,
// readable grants that a writable one shows too. What could not be pinned goes into `warnings`.
void AddGrantMounts(const std::vector<PlannedGrant>& grants, const base::HostFacts& facts, std::vector<Mount>& mounts,
                    std::vector<std::string>& warnings);

// `host_path` as the cell sees it through the narrowest grant that holds it; nullopt when none does.
std::optional<std::string> SeenThroughGrant(std::string_view host_path, const std::vector<PlannedGrant>& grants,
                                            const base::HostFacts& facts);

// True for targets that the cell's own tree needs: "/", /proc, /dev, /sys, /usr and its links, /run/cellos, /etc files.
bool IsControlTarget(std::string_view target, const base::HostFacts& facts);

}  // namespace plan
