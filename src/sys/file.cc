// SPDX-License-Identifier: Apache-2.0
// Files and descriptors: opening, names, metadata, locks, directories. Bytes in and out: file_io.cc.
#include "sys/file.h"

#include <dirent.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

namespace sys {
namespace {

base::Result<> Done(long result, const char* name, std::string_view object = {}) {
  if (result < 0) return std::unexpected(CallError(result, name, object));
  return {};
}

base::Result<base::UniqueFd> Owned(long result, const char* name, std::string_view object = {}) {
  if (result < 0) return std::unexpected(CallError(result, name, object));
  return base::UniqueFd(static_cast<int>(result));
}

}  // namespace

base::Result<base::UniqueFd> OpenAt(int directory, CText path, int flags, mode_t mode) {
  return Owned(Raw("openat", SYS_openat, directory, path.text, flags | O_CLOEXEC, mode), "openat", path.text);
}

base::Result<base::UniqueFd> OpenAt2(int directory, CText path, int flags, mode_t mode, std::uint64_t resolve) {
  open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  return Owned(Raw("openat2", SYS_openat2, directory, path.text, &how, sizeof how), "openat2", path.text);
}

base::Result<> Fsync(int fd) { return Done(Raw("fsync", SYS_fsync, fd), "fsync"); }
base::Result<> Fdatasync(int fd) { return Done(Raw("fdatasync", SYS_fdatasync, fd), "fdatasync"); }

base::Result<> Fallocate(int fd, int mode, std::uint64_t offset, std::uint64_t length) {
  return Done(Raw("fallocate", SYS_fallocate, fd, mode, offset, length), "fallocate");
}

base::Result<> Ftruncate(int fd, std::uint64_t length) {
  return Done(Raw("ftruncate", SYS_ftruncate, fd, length), "ftruncate");
}

base::Result<std::uint64_t> Seek(int fd, std::int64_t offset, int whence) {
  const long result = Raw("lseek", SYS_lseek, fd, offset, whence);
  if (result < 0) return std::unexpected(CallError(result, "lseek"));
  return static_cast<std::uint64_t>(result);
}

base::Result<> RenameAt(int from_directory, CText from, int to_directory, CText to, unsigned flags) {
  return Done(Raw("renameat2", SYS_renameat2, from_directory, from.text, to_directory, to.text, flags), "renameat2",
              to.text);
}

base::Result<> LinkAt(int from_directory, CText from, int to_directory, CText to, int flags) {
  return Done(Raw("linkat", SYS_linkat, from_directory, from.text, to_directory, to.text, flags), "linkat", to.text);
}

base::Result<> SymlinkAt(CText target, int directory, CText path) {
  return Done(Raw("symlinkat", SYS_symlinkat, target.text, directory, path.text), "symlinkat", path.text);
}

base::Result<std::string> ReadLinkAt(int directory, CText path) {
  char target[4096];
  const long result = Raw("readlinkat", SYS_readlinkat, directory, path.text, target, sizeof target);
  if (result < 0) return std::unexpected(CallError(result, "readlinkat", path.text));
  return std::string(target, static_cast<std::size_t>(result));
}

base::Result<> MkdirAt(int directory, CText path, mode_t mode) {
  return Done(Raw("mkdirat", SYS_mkdirat, directory, path.text, mode), "mkdirat", path.text);
}

base::Result<> UnlinkAt(int directory, CText path, int flags) {
  return Done(Raw("unlinkat", SYS_unlinkat, directory, path.text, flags), "unlinkat", path.text);
}

base::Result<struct stat> Fstat(int fd) {
  struct stat status;
  const long result = Raw("fstat", SYS_fstat, fd, &status);
  if (result < 0) return std::unexpected(CallError(result, "fstat"));
  return status;
}

base::Result<struct stat> StatAt(int directory, CText path, int flags) {
  struct stat status;
  const long result = Raw("newfstatat", SYS_newfstatat, directory, path.text, &status, flags);
  if (result < 0) return std::unexpected(CallError(result, "newfstatat", path.text));
  return status;
}

base::Result<struct statx> Statx(int directory, CText path, int flags, unsigned mask) {
  struct statx status;
  const long result = Raw("statx", SYS_statx, directory, path.text, flags, mask, &status);
  if (result < 0) return std::unexpected(CallError(result, "statx", path.text));
  return status;
}

base::Result<> Fchmod(int fd, mode_t mode) { return Done(Raw("fchmod", SYS_fchmod, fd, mode), "fchmod"); }

base::Result<> Fchown(int fd, uid_t uid, gid_t gid) {
  return Done(Raw("fchown", SYS_fchown, fd, uid, gid), "fchown");
}

base::Result<> ChmodAt(int directory, CText path, mode_t mode) {
  return Done(Raw("fchmodat", SYS_fchmodat, directory, path.text, mode), "fchmodat", path.text);
}

base::Result<bool> TryFlock(int fd, Lock lock) {
  const int operation = (lock == Lock::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  const long result = Raw("flock", SYS_flock, fd, operation);
  if (result == -EWOULDBLOCK) return false;
  if (result < 0) return std::unexpected(CallError(result, "flock"));
  return true;
}

base::Result<base::UniqueFd> Memfd(CText name, unsigned extra_flags) {
  return Owned(Raw("memfd_create", SYS_memfd_create, name.text, MFD_CLOEXEC | MFD_ALLOW_SEALING | extra_flags),
               "memfd_create", name.text);
}

base::Result<> SealAll(int memfd) {
  const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  return Done(Raw("fcntl", SYS_fcntl, memfd, F_ADD_SEALS, seals), "fcntl F_ADD_SEALS");
}

base::Result<> SealSize(int memfd) {
  const int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  return Done(Raw("fcntl", SYS_fcntl, memfd, F_ADD_SEALS, seals), "fcntl F_ADD_SEALS");
}

base::Result<PipeEnds> Pipe(int flags) {
  int ends[2];
  const long result = Raw("pipe2", SYS_pipe2, ends, flags | O_CLOEXEC);
  if (result < 0) return std::unexpected(CallError(result, "pipe2"));
  return PipeEnds{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

base::Result<base::UniqueFd> Dup(int fd, int at_least) {
  return Owned(Raw("fcntl", SYS_fcntl, fd, F_DUPFD_CLOEXEC, at_least), "fcntl F_DUPFD_CLOEXEC");
}

base::Result<int> GetFlags(int fd) {
  const long flags = Raw("fcntl", SYS_fcntl, fd, F_GETFL);
  if (flags < 0) return std::unexpected(CallError(flags, "fcntl F_GETFL"));
  return static_cast<int>(flags);
}

base::Result<> SetNonblocking(int fd) {
  const int flags = TRY(GetFlags(fd));
  return Done(Raw("fcntl", SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK), "fcntl F_SETFL");
}

base::Result<> ForEachEntry(int directory, const std::function<bool(const DirectoryEntry&)>& visit) {
  struct Record {  // getdents64(2)
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    unsigned char type;
    char name[];
  };
  TRY(Seek(directory, 0, SEEK_SET));
  alignas(Record) std::array<char, 8192> buffer;
  for (;;) {
    const long bytes = Raw("getdents64", SYS_getdents64, directory, buffer.data(), buffer.size());
    if (bytes < 0) return std::unexpected(CallError(bytes, "getdents64"));
    if (bytes == 0) return {};
    for (long at = 0; at < bytes;) {
      const auto* record = reinterpret_cast<const Record*>(buffer.data() + at);
      at += record->length;
      const std::string_view name = record->name;
      if (name == "." || name == "..") continue;
      if (!visit({std::string(name), record->inode, record->type})) return {};
    }
  }
}

base::Result<std::vector<DirectoryEntry>> ListDirectory(int directory, std::size_t max_entries) {
  std::vector<DirectoryEntry> entries;
  bool too_many = false;
  TRY(ForEachEntry(directory, [&](const DirectoryEntry& entry) {
    too_many = entries.size() == max_entries;
    if (!too_many) entries.push_back(entry);
    return !too_many;
  }));
  if (too_many) {
    return base::Fail(base::ErrorKind::kLimit,
                      "getdents64: the directory has more than " + std::to_string(max_entries) + " entries");
  }
  return entries;
}

}  // namespace sys
