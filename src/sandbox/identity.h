// SPDX-License-Identifier: Apache-2.0
// Identity maps: of the cell's user namespace, and of the mounts that a cell started by root is granted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/plan.h"

namespace sandbox {

// Maps plan::kCellUid and kCellGid of the fresh user namespace of process `pid` to the host ids. `deny_groups` for an
// ordinary user, who may map only itself and only without setgroups (user_namespaces(7)). `seen_uid`, by root only: one
// more user, as kCellUid + 1.
base::Result<> WriteIdMaps(pid_t pid, std::uint32_t host_uid, std::uint32_t host_gid, bool deny_groups,
                           std::optional<std::uint32_t> seen_uid = std::nullopt);

// For each HostFacts::grants a detached clone of its mount in which the owner and group of the source appear as the
// cell's ids (mount_setattr(2), MOUNT_ATTR_IDMAP); empty descriptors for grants that no step mounts. Root only. The
// path is opened without links and must still be what was resolved for the plan. An error has step "mount".
base::Result<std::vector<base::UniqueFd>> CloneGrants(const plan::Plan& plan, std::uint32_t host_uid,
                                                      std::uint32_t host_gid);

}  // namespace sandbox
