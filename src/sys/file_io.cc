// SPDX-License-Identifier: Apache-2.0
// Bytes in and out of descriptors.
#include <sys/syscall.h>

#include <algorithm>

#include "sys/file.h"

namespace sys {

base::Result<std::size_t> Read(int fd, std::span<char> buffer) {
  const long count = Raw("read", SYS_read, fd, buffer.data(), buffer.size());
  if (count < 0) return std::unexpected(CallError(count, "read"));
  return static_cast<std::size_t>(count);
}

base::Result<std::size_t> ReadFull(int fd, std::span<char> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const std::size_t count = TRY(Read(fd, buffer.subspan(done)));
    if (count == 0) break;
    done += count;
  }
  return done;
}

base::Result<std::size_t> ReadFullAt(int fd, std::span<char> buffer, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const long count =
        Raw("pread64", SYS_pread64, fd, buffer.data() + done, buffer.size() - done, offset + done);
    if (count < 0) return std::unexpected(CallError(count, "pread64"));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

base::Result<std::string> ReadAll(int fd, std::size_t max_bytes) {
  constexpr std::size_t kFirst = 4096;
  std::string content;
  for (;;) {
    const std::size_t have = content.size();
    const std::size_t step = std::min(std::max(kFirst, have), max_bytes + 1 - have);
    content.resize(have + step);
    const std::size_t count = TRY(Read(fd, {content.data() + have, step}));
    content.resize(have + count);
    if (count == 0) return content;
    if (content.size() > max_bytes) {
      return base::Fail(base::ErrorKind::kLimit, "read: more than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

base::Result<std::string> ReadFile(int directory, CText path, std::size_t max_bytes) {
  const base::UniqueFd fd = TRY(OpenAt(directory, path, O_RDONLY | O_NOCTTY));
  return TRY_WITH(path.text, ReadAll(fd.get(), max_bytes));
}

base::Result<std::size_t> Write(int fd, std::string_view bytes) {
  const long count = Raw("write", SYS_write, fd, bytes.data(), bytes.size());
  if (count < 0) return std::unexpected(CallError(count, "write"));
  if (count == 0 && !bytes.empty()) return base::Fail(base::ErrorKind::kIo, "write: the kernel took no byte");
  return static_cast<std::size_t>(count);
}

base::Result<> WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(TRY(Write(fd, bytes)));
  return {};
}

base::Result<> WriteAllAt(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const long count = Raw("pwrite64", SYS_pwrite64, fd, bytes.data(), bytes.size(), offset);
    if (count < 0) return std::unexpected(CallError(count, "pwrite64"));
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

base::Result<> WriteControl(int directory, CText path, std::string_view bytes) {
  const base::UniqueFd fd = TRY(OpenAt(directory, path, O_WRONLY | O_NOCTTY));
  const std::size_t count = TRY_WITH(path.text, Write(fd.get(), bytes));
  if (count != bytes.size()) {
    return base::Fail(base::ErrorKind::kIo, std::string("write \"") + path.text + "\": the kernel took only a part");
  }
  return {};
}

}  // namespace sys
