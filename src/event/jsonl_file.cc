// SPDX-License-Identifier: Apache-2.0
// Events as JSON lines.
#include "event/jsonl_file.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <thread>

#include "base/encoding.h"
#include "event/types.h"
#include "sys/file.h"
#include "sys/poll.h"

namespace event {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetryOpen{20};

bool IsLifecycle(std::string_view type) {
  return type == kStarted || type == kDestroyed || type == kCommandCompleted || type == kPolicyRejected ||
         type == kAuthzRejected || type == kAdmissionRefused || type == kClosing;
}

bool IsDiskFull(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

base::Result<std::unique_ptr<JsonlFile>> JsonlFile::Open(std::string path, Options options) {
  if (options.clock == nullptr) options.clock = &base::SystemClock();
  std::unique_ptr<JsonlFile> file(new JsonlFile(std::move(path), options));
  TRY(file->OpenFile(options.deadline));
  return file;
}

base::Error JsonlFile::Told(base::Error error, std::string_view call) const {
  if (IsDiskFull(error.os_errno)) {
    error.message = "event sink: sink full: " + base::Escape(path_) + " (" + error.message + ")";
    return error;
  }
  return std::move(error).With("jsonl " + std::string(call));
}

// O_NONBLOCK: a FIFO without reader answers ENXIO at once instead of holding up the start.
base::Result<> JsonlFile::OpenFile(milliseconds deadline) {
  const base::BootTime end = options_.clock->Boot() + deadline;
  for (;;) {
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    auto opened = sys::OpenAt(AT_FDCWD, path_, kFlags, 0600);
    if (opened) {
      fd_ = std::move(*opened);
      break;
    }
    if (opened.error().os_errno == ELOOP) {
      opened.error().message += "; a symbolic link is not followed, name the file itself";
    }
    if (opened.error().os_errno == ENXIO) opened.error().message += "; nobody reads this FIFO";
    if (opened.error().os_errno != ENXIO || options_.clock->Boot() >= end) {
      return std::unexpected(Told(std::move(opened).error(), "open"));
    }
    std::this_thread::sleep_for(kRetryOpen);
  }
  const struct stat info = TRY(sys::Fstat(fd_.get()));
  regular_ = S_ISREG(info.st_mode);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  torn_ = false;
  return regular_ ? RecoverTail() : base::Result<>{};
}

// Only where no other writer lives (each holds a shared lock) can a last line without LF be nothing but torn.
base::Result<> JsonlFile::RecoverTail() {
  const bool alone = TRY(sys::TryFlock(fd_.get(), sys::Lock::kExclusive));
  const struct stat info = TRY(sys::Fstat(fd_.get()));
  if (alone && info.st_size > 0) {
    base::UniqueFd reader = TRY(sys::OpenAt(AT_FDCWD, path_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    const struct stat same = TRY(sys::Fstat(reader.get()));
    const auto size = static_cast<std::uint64_t>(info.st_size);
    const std::uint64_t window = std::min<std::uint64_t>(size, kMaxJsonlBytes + 1);
    std::string tail(window, '\0');
    if (same.st_ino == info.st_ino && same.st_dev == info.st_dev) {
      TRY(sys::ReadFullAt(reader.get(), tail, size - window));
      const std::size_t last = tail.rfind('\n');
      const std::size_t torn = last == std::string::npos ? tail.size() : tail.size() - last - 1;
      if (last == std::string::npos && window < size) {
        torn_ = true;  // no line of ours is that long: leave it, and begin on a line of our own
      } else if (torn > 0) {
        TRY(sys::Ftruncate(fd_.get(), size - torn));
        recovered_ = "cut a torn last line of " + std::to_string(torn) + " bytes from " + base::Escape(path_);
      }
    }
  }
  TRY(sys::TryFlock(fd_.get(), sys::Lock::kShared));
  return {};
}

base::Result<> JsonlFile::Reopen() {
  const auto now = sys::StatAt(AT_FDCWD, path_, AT_SYMLINK_NOFOLLOW);
  if (fd_ && now && now->st_ino == inode_ && now->st_dev == device_) return {};
  fd_.Reset();
  return OpenFile(milliseconds(0));
}

base::Result<> JsonlFile::WaitWritable() {
  pollfd entry{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
  // Once a reader has let the deadline pass, nobody waits for it again until it takes a line.
  if (TRY(sys::Poll({&entry, 1}, stuck_ ? milliseconds(0) : options_.deadline)) > 0) return {};
  stuck_ = true;
  return base::Fail(base::ErrorKind::kDeadline, base::Escape(path_) + " takes nothing: its reader does not read");
}

// Ends a line that was written in part.
void JsonlFile::TakeBack(std::size_t written) {
  if (written == 0) return;
  torn_ = true;
  if (!regular_) return;
  const auto alone = sys::TryFlock(fd_.get(), sys::Lock::kExclusive);
  if (alone && *alone) {
    const auto info = sys::Fstat(fd_.get());
    if (info && sys::Ftruncate(fd_.get(), static_cast<std::uint64_t>(info->st_size) - written)) torn_ = false;
  }
  static_cast<void>(sys::TryFlock(fd_.get(), sys::Lock::kShared));
}

base::Result<> JsonlFile::WriteLine(std::string_view line) {
  std::size_t done = 0;
  while (done < line.size()) {
    auto wrote = sys::Write(fd_.get(), line.substr(done));
    if (!wrote && wrote.error().os_errno == EAGAIN) {
      if (auto waited = WaitWritable(); !waited) {
        TakeBack(done);
        return std::unexpected(Told(std::move(waited).error(), "write"));
      }
      continue;
    }
    if (!wrote) {
      TakeBack(done);
      if (wrote.error().os_errno == EPIPE) fd_.Reset();
      return std::unexpected(Told(std::move(wrote).error(), "write"));
    }
    done += *wrote;
  }
  torn_ = false;
  stuck_ = false;
  return {};
}

base::Result<> JsonlFile::Send(const Outgoing& event) {
  if (event.text.size() > kMaxJsonlBytes) {
    return base::Fail(base::ErrorKind::kLimit, "jsonl event too large: " + std::to_string(event.text.size()) +
                                                   " bytes exceeds MAX_EVENT_BYTES (1048576 bytes)");
  }
  TRY(Reopen());
  std::string line;
  line.reserve(event.text.size() + 2);
  if (torn_) line.push_back('\n');
  line.append(event.text).push_back('\n');
  TRY(WriteLine(line));
  return IsLifecycle(event.type) ? Flush() : base::Result<>{};
}

base::Result<> JsonlFile::Flush() {
  if (!fd_ || !regular_) return {};
  if (auto synced = sys::Fdatasync(fd_.get()); !synced) return std::unexpected(Told(std::move(synced).error(), "flush"));
  return {};
}

}  // namespace event
