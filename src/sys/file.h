// SPDX-License-Identifier: Apache-2.0
// Files and descriptors: one typed wrapper per system call. Every error names its call and object; EINTR never shows.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

namespace sys {

// openat(2). O_CLOEXEC is always added.
base::Result<base::UniqueFd> OpenAt(int directory, CText path, int flags, mode_t mode = 0);

// openat2(2) with `resolve` RESOLVE_…; O_CLOEXEC is always added. kBeneath: stays below `directory`, follows no link of
// any kind and crosses no magic link.
inline constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
base::Result<base::UniqueFd> OpenAt2(int directory, CText path, int flags, mode_t mode, std::uint64_t resolve);

// Reads until `buffer` is full or the end of file; the count read.
base::Result<std::size_t> ReadFull(int fd, std::span<char> buffer);
// One read(2): 0 at the end. A would-block is an error with os_errno EAGAIN.
base::Result<std::size_t> Read(int fd, std::span<char> buffer);
// pread(2) until full or the end.
base::Result<std::size_t> ReadFullAt(int fd, std::span<char> buffer, std::uint64_t offset);
// Everything up to the end of file; kLimit when there are more than `max_bytes`.
base::Result<std::string> ReadAll(int fd, std::size_t max_bytes);
base::Result<std::string> ReadFile(int directory, CText path, std::size_t max_bytes);
// Writes all of `bytes`. On error some may have been written.
base::Result<> WriteAll(int fd, std::string_view bytes);
base::Result<> WriteAllAt(int fd, std::string_view bytes, std::uint64_t offset);
// One write(2). A would-block is an error with os_errno EAGAIN.
base::Result<std::size_t> Write(int fd, std::string_view bytes);
// Opens an existing file for writing and writes `bytes` with one write(2): for files of proc, sysfs, cgroup.
base::Result<> WriteControl(int directory, CText path, std::string_view bytes);

base::Result<> Fsync(int fd);
base::Result<> Fdatasync(int fd);
base::Result<> Fallocate(int fd, int mode, std::uint64_t offset, std::uint64_t length);
base::Result<> Ftruncate(int fd, std::uint64_t length);
base::Result<std::uint64_t> Seek(int fd, std::int64_t offset, int whence);

base::Result<> RenameAt(int from_directory, CText from, int to_directory, CText to, unsigned flags = 0);
base::Result<> LinkAt(int from_directory, CText from, int to_directory, CText to, int flags = 0);
base::Result<> SymlinkAt(CText target, int directory, CText path);
base::Result<std::string> ReadLinkAt(int directory, CText path);
base::Result<> MkdirAt(int directory, CText path, mode_t mode);
// unlinkat(2); `flags` AT_REMOVEDIR for a directory.
base::Result<> UnlinkAt(int directory, CText path, int flags = 0);
base::Result<struct stat> Fstat(int fd);
// fstatat(2); `flags` AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
base::Result<struct stat> StatAt(int directory, CText path, int flags = 0);
base::Result<struct statx> Statx(int directory, CText path, int flags, unsigned mask);
base::Result<> Fchmod(int fd, mode_t mode);
base::Result<> Fchown(int fd, uid_t uid, gid_t gid);
// A mode by path; follows no final link is not offered by this call, so `path` must be of our own making.
base::Result<> ChmodAt(int directory, CText path, mode_t mode);

enum class Lock : std::uint8_t { kShared, kExclusive };
// flock(2) without waiting: false when another holds it.
base::Result<bool> TryFlock(int fd, Lock lock);

// memfd_create(2) with close-on-exec and sealing allowed.
base::Result<base::UniqueFd> Memfd(CText name, unsigned extra_flags = 0);
// Adds every seal: no write, grow, shrink, further seal.
base::Result<> SealAll(int memfd);
// Adds the seals that keep the size as it is, and allow no further ones; the content stays writable.
base::Result<> SealSize(int memfd);

struct PipeEnds {
  base::UniqueFd read, write;
};
// pipe2(2) with O_CLOEXEC and `flags`.
base::Result<PipeEnds> Pipe(int flags = 0);
// A close-on-exec duplicate, numbered at least `at_least`.
base::Result<base::UniqueFd> Dup(int fd, int at_least = 3);
base::Result<> SetNonblocking(int fd);
base::Result<int> GetFlags(int fd);

struct DirectoryEntry {
  std::string name;    // never "." or ".."
  std::uint64_t inode;
  unsigned char type;  // DT_…; DT_UNKNOWN where the file system does not say
};
// Calls `visit` for each entry of the open directory, from its start; stops early when it returns false. Bounded memory.
base::Result<> ForEachEntry(int directory, const std::function<bool(const DirectoryEntry&)>& visit);
// All entries; kLimit when there are more than `max_entries`.
base::Result<std::vector<DirectoryEntry>> ListDirectory(int directory, std::size_t max_entries);

}  // namespace sys
