// SPDX-License-Identifier: Apache-2.0
// The descriptor-based mount interface.
#include "sys/mount.h"

#include <sys/syscall.h>

namespace sys {
namespace {

base::Result<> Done(long result, const char* name, std::string_view object = {}) {
  if (result < 0) return std::unexpected(CallError(result, name, object));
  return {};
}

base::Result<base::UniqueFd> Owned(long result, const char* name, std::string_view object) {
  if (result < 0) return std::unexpected(CallError(result, name, object));
  return base::UniqueFd(static_cast<int>(result));
}

}  // namespace

base::Result<base::UniqueFd> CloneTree(int directory, CText path, bool recursive) {
  const unsigned flags = kOpenTreeClone | kOpenTreeCloexec | kAtEmptyPath | (recursive ? kAtRecursive : 0);
  return Owned(Raw("open_tree", SYS_open_tree, directory, path.text, flags), "open_tree", path.text);
}

base::Result<> MoveMount(int tree, int directory, CText path) {
  const unsigned flags = kMoveEmptySource | (path.text[0] == 0 ? kMoveEmptyTarget : 0);
  return Done(Raw("move_mount", SYS_move_mount, tree, "", directory, path.text, flags), "move_mount", path.text);
}

base::Result<> MountSetattr(int tree, CText path, unsigned flags, const MountAttributes& attributes) {
  return Done(Raw("mount_setattr", SYS_mount_setattr, tree, path.text, flags, &attributes, sizeof attributes),
              "mount_setattr", path.text);
}

base::Result<base::UniqueFd> NewMount(CText type, const std::vector<std::pair<std::string, std::string>>& options,
                                      std::uint64_t attributes) {
  const base::UniqueFd context = TRY(Owned(Raw("fsopen", SYS_fsopen, type.text, 1), "fsopen", type.text));
  for (const auto& [key, value] : options) {
    const bool flag = value.empty();
    TRY(Done(Raw("fsconfig", SYS_fsconfig, context.get(), flag ? kFsconfigFlag : kFsconfigString, key.c_str(),
                 flag ? nullptr : value.c_str(), 0),
             "fsconfig", key));
  }
  TRY(Done(Raw("fsconfig", SYS_fsconfig, context.get(), kFsconfigCreate, nullptr, nullptr, 0), "fsconfig create",
           type.text));
  return Owned(Raw("fsmount", SYS_fsmount, context.get(), 1, attributes), "fsmount", type.text);
}

base::Result<> Umount2(CText path, int flags) {
  return Done(Raw("umount2", SYS_umount2, path.text, flags), "umount2", path.text);
}

base::Result<> PivotRoot(CText new_root, CText put_old) {
  return Done(Raw("pivot_root", SYS_pivot_root, new_root.text, put_old.text), "pivot_root", new_root.text);
}

}  // namespace sys
