// SPDX-License-Identifier: Apache-2.0
// The descriptor-based mount interface: open_tree(2), move_mount(2), mount_setattr(2), fsopen(2) and friends.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

namespace sys {

// Constants of <linux/mount.h>, which can't be included beside glibc's <sys/mount.h>.
inline constexpr unsigned kOpenTreeClone = 1, kOpenTreeCloexec = 02000000;
inline constexpr unsigned kMoveEmptySource = 0x4, kMoveEmptyTarget = 0x40;
inline constexpr std::uint64_t kMountReadOnly = 0x1, kMountNoSuid = 0x2, kMountNoDev = 0x4, kMountNoExec = 0x8,
                               kMountNoAtime = 0x10, kMountIdMap = 0x100000, kMountNoSymFollow = 0x200000;
inline constexpr unsigned kFsconfigFlag = 0, kFsconfigString = 1, kFsconfigCreate = 6;
inline constexpr unsigned kAtRecursive = 0x8000, kAtEmptyPath = 0x1000;

struct MountAttributes {  // struct mount_attr
  std::uint64_t set = 0, clear = 0, propagation = 0, user_namespace = 0;
};

// A detached copy of the mount at `path` (empty: of `directory` itself), with what lies below it when `recursive`.
base::Result<base::UniqueFd> CloneTree(int directory, CText path, bool recursive);
// Attaches a detached mount on `path` below `directory`.
base::Result<> MoveMount(int tree, int directory, CText path);
base::Result<> MountSetattr(int tree, CText path, unsigned flags, const MountAttributes& attributes);
// A new detached file system of `type` with `options` (flag options have an empty value) and mount attributes.
base::Result<base::UniqueFd> NewMount(CText type, const std::vector<std::pair<std::string, std::string>>& options,
                                      std::uint64_t attributes);
base::Result<> Umount2(CText path, int flags);
base::Result<> PivotRoot(CText new_root, CText put_old);

}  // namespace sys
