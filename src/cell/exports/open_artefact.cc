// SPDX-License-Identifier: Apache-2.0
// Opening what a workload left, with no more authority than the workload had.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/encoding.h"
#include "cell/exports/exporter.h"
#include "sys/call.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kMaxName = 255;

// Kernel views look like regular files, but tell of more than the cell wrote.
constexpr long kRefusedFileSystems[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                        SECURITYFS_MAGIC,   DEBUGFS_MAGIC, TRACEFS_MAGIC,      BPF_FS_MAGIC,
                                        BINFMTFS_MAGIC,     SELINUX_MAGIC};

std::string Quoted(std::string_view text) { return "\"" + base::Escape(text) + "\""; }

// File access of the calling thread with other ids; a file-system uid other than 0 also takes root's override away.
class BorrowedIdentity {
 public:
  BorrowedIdentity(std::uint32_t uid, std::uint32_t gid) {
    sys::Raw("setfsgid", SYS_setfsgid, gid);
    sys::Raw("setfsuid", SYS_setfsuid, uid);
    // Neither call reports failure; asking again tells what is in force.
    in_force_ = sys::Raw("setfsuid", SYS_setfsuid, -1) == static_cast<long>(uid) &&
                sys::Raw("setfsgid", SYS_setfsgid, -1) == static_cast<long>(gid);
  }
  BorrowedIdentity(const BorrowedIdentity&) = delete;
  BorrowedIdentity& operator=(const BorrowedIdentity&) = delete;
  // Whoever kept a part of it could neither read nor seal the evidence.
  ~BorrowedIdentity() {
    constexpr int kAttempts = 3;
    const auto uid = static_cast<long>(geteuid()), gid = static_cast<long>(getegid());
    for (int i = 0; i < kAttempts && sys::Raw("setfsuid", SYS_setfsuid, -1) != uid; ++i) {
      sys::Raw("setfsuid", SYS_setfsuid, uid);
    }
    for (int i = 0; i < kAttempts && sys::Raw("setfsgid", SYS_setfsgid, -1) != gid; ++i) {
      sys::Raw("setfsgid", SYS_setfsgid, gid);
    }
  }
  bool in_force() const { return in_force_; }

 private:
  bool in_force_ = false;
};

base::Result<base::UniqueFd> OpenAs(int root, const std::string& path, std::uint32_t uid, std::uint32_t gid) {
  const BorrowedIdentity identity(uid, gid);
  if (!identity.in_force()) {
    return base::Fail(base::ErrorKind::kDenied, "the cell's identity could not be taken for reading");
  }
  // The descriptor exists before anything is known of the file: O_NONBLOCK keeps a FIFO or device from holding us up.
  return sys::OpenAt2(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0, sys::kBeneath);
}

const char* KindName(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return "a directory";
    case S_IFIFO: return "a FIFO";
    case S_IFSOCK: return "a socket";
    case S_IFCHR: return "a character device";
    case S_IFBLK: return "a block device";
    default: return "no regular file";
  }
}

// Root's supplementary groups are still those of root while it borrows an identity.
bool MayRead(const struct stat& status, std::uint32_t uid, std::uint32_t gid) {
  if (status.st_uid == uid) return (status.st_mode & S_IRUSR) != 0;
  if (status.st_gid == gid) return (status.st_mode & S_IRGRP) != 0;
  return (status.st_mode & S_IROTH) != 0;
}

}  // namespace

base::Result<> CheckArtefactName(std::string_view name) {
  const bool fine = !name.empty() && name.size() <= kMaxName && name != "." && name.find("..") == name.npos &&
                    name.front() != '~' && name.find('/') == name.npos && name.find('\\') == name.npos &&
                    std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (fine) return {};
  return base::Fail(base::ErrorKind::kInvalid,
                    Quoted(name) + " can't name an artefact: 1 to 255 bytes without '/', '\\', control characters, "
                                   "\"..\" and a leading '~'");
}

base::Result<base::UniqueFd> OpenArtefact(int root_directory, std::string_view path, std::uint32_t host_uid,
                                          std::uint32_t host_gid) {
  const auto context = "read artifact " + Quoted(path);
  if (!path.starts_with('/') || path.find('\0') != path.npos) {
    return base::Fail(base::ErrorKind::kInvalid, context + ": it must be an absolute path inside the cell");
  }
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  if (path.empty()) return base::Fail(base::ErrorKind::kInvalid, context + ": it is a directory");
  auto file = OpenAs(root_directory, std::string(path), host_uid, host_gid);
  if (!file) {
    auto error = std::move(file).error().With(context);
    if (error.os_errno == ELOOP) error.message += ": a symbolic link is on the way; links are not followed";
    if (error.os_errno == EXDEV) error.message += ": it leaves the cell";
    if (error.os_errno == ENXIO) error.message += ": it is a FIFO, socket or device";
    return std::unexpected(std::move(error));
  }
  const auto status = TRY_WITH(context, sys::Fstat(file->get()));
  if (!S_ISREG(status.st_mode)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      context + ": it is " + KindName(status.st_mode) + "; only regular files are exported");
  }
  struct statfs file_system = {};
  if (::fstatfs(file->get(), &file_system) != 0) return base::FailOs(errno, context + ": fstatfs");
  if (std::count(std::begin(kRefusedFileSystems), std::end(kRefusedFileSystems), file_system.f_type) != 0) {
    return base::Fail(base::ErrorKind::kDenied, context + ": it is a view of the kernel, not a file of the cell");
  }
  if (!MayRead(status, host_uid, host_gid)) {
    return base::Fail(base::ErrorKind::kDenied, context + ": the cell itself may not read it");
  }
  return file;
}

}  // namespace cell
