// SPDX-License-Identifier: Apache-2.0
// Streaming copy into a nameless file that gets its name only when it is complete and synced.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "base/encoding.h"
#include "cell/exports/exporter.h"
#include "crypto/sha256.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

struct Copied {
  std::uint64_t bytes = 0;
  std::string sha256;
};

bool IsZero(std::string_view bytes) {
  return !bytes.empty() && bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

base::Error TooLarge(std::uint64_t max_bytes) {
  return base::Error{base::ErrorKind::kLimit, "it has more than " + std::to_string(max_bytes) +
                                                  " bytes, the limit of one export and what is left for the run"};
}

// Holes stay holes, so that a sparse file can't fill the host's disk with zeros.
base::Result<Copied> Copy(int source, int target, const PushLimits& limits) {
  const auto buffer = std::make_unique<char[]>(kChunk);
  crypto::Sha256 digest;
  Copied copied;
  for (;;) {
    if (limits.deadline.count() != 0 && base::SystemClock().Boot() > limits.deadline) {
      return base::Fail(base::ErrorKind::kDeadline, "the time for exports is over");
    }
    const auto size = TRY_WITH("read", sys::ReadFull(source, std::span(buffer.get(), kChunk)));
    if (size == 0) break;
    const std::string_view chunk(buffer.get(), size);
    if (copied.bytes + size > limits.max_bytes) return std::unexpected(TooLarge(limits.max_bytes));
    digest.Update(chunk);
    if (!IsZero(chunk)) TRY(sys::WriteAllAt(target, chunk, copied.bytes));
    copied.bytes += size;
  }
  TRY(sys::Ftruncate(target, copied.bytes));
  TRY(sys::Fsync(target));
  copied.sha256 = crypto::Hex(digest.Finish());
  return copied;
}

bool Differ(const struct stat& a, const struct stat& b) {
  return a.st_size != b.st_size || a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec;
}

// A file without a name where the file system offers that, else one with a name of its own that is removed unless it
// was given its final one.
class PartFile {
 public:
  static base::Result<PartFile> Make(int directory, int scratch) {
    PartFile part;
    auto nameless = sys::OpenAt(directory, ".", O_TMPFILE | O_WRONLY, 0600);
    if (nameless) {
      part.fd_ = std::move(*nameless);
      return part;
    }
    const int error = nameless.error().os_errno;
    if (error != EOPNOTSUPP && error != EISDIR && error != ENOENT && error != EINVAL) {
      return std::unexpected(std::move(nameless).error());
    }
    static std::atomic<unsigned> counter = 0;
    part.scratch_ = scratch;
    part.name_ = ".export-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    auto named = sys::OpenAt(scratch, part.name_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!named) {
      part.name_.clear();
      return std::unexpected(std::move(named).error());
    }
    part.fd_ = std::move(*named);
    return part;
  }
  PartFile(PartFile&& other) noexcept
      : fd_(std::move(other.fd_)), scratch_(other.scratch_), name_(std::exchange(other.name_, {})) {}
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile() {
    if (!name_.empty()) (void)sys::UnlinkAt(scratch_, name_);
  }

  int fd() const { return fd_.get(); }

  // Never over something that is there.
  base::Result<> GiveName(int directory, const std::string& name) {
    if (name_.empty()) {
      return sys::LinkAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(fd()), directory, name, AT_SYMLINK_FOLLOW);
    }
    TRY(sys::RenameAt(scratch_, name_, directory, name, RENAME_NOREPLACE));
    name_.clear();
    return {};
  }

 private:
  PartFile() = default;
  base::UniqueFd fd_;
  int scratch_ = -1;
  std::string name_;
};

}  // namespace

LocalSink::LocalSink(int directory, std::string directory_path, std::string cell_id, int scratch_directory)
    : directory_(directory),
      scratch_directory_(scratch_directory),
      directory_path_(std::move(directory_path)),
      cell_id_(std::move(cell_id)) {}

std::string LocalSink::DestinationHint(std::string_view name) const { return cell_id_ + "/" + std::string(name); }

base::Result<ExportReceipt> LocalSink::Push(std::string_view name, int source, const PushLimits& limits) {
  TRY(CheckArtefactName(name));
  ExportReceipt receipt{.target_kind = "local", .destination = DestinationHint(name)};
  receipt.path = directory_path_ + "/" + std::string(name);
  const auto context = "export copy -> " + base::Escape(receipt.path);
  const auto before = TRY_WITH(context, sys::Fstat(source));
  if (static_cast<std::uint64_t>(before.st_size) > limits.max_bytes) {
    return std::unexpected(TooLarge(limits.max_bytes).With(context));
  }
  auto part = TRY_WITH(context, PartFile::Make(directory_, scratch_directory_));
  const auto copied = TRY_WITH(context, Copy(source, part.fd(), limits));
  const auto after = TRY_WITH(context, sys::Fstat(source));
  TRY_WITH(context, part.GiveName(directory_, std::string(name)));
  if (auto synced = sys::Fsync(directory_); !synced) {
    (void)sys::UnlinkAt(directory_, std::string(name));
    return std::unexpected(std::move(synced).error().With(context));
  }
  receipt.bytes = copied.bytes;
  receipt.sha256 = copied.sha256;
  receipt.changed_while_read = Differ(before, after) || copied.bytes != static_cast<std::uint64_t>(before.st_size);
  return receipt;
}

}  // namespace cell
