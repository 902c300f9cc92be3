// SPDX-License-Identifier: Apache-2.0
// One append-only file of a run.
#include "event/log_file.h"

#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>

#include "sys/file.h"

namespace event {
namespace {

constexpr std::uint64_t kFirstChunk = 32u << 10;
constexpr std::uint64_t kLargestChunk = 4u << 20;

bool CannotReserve(int error) { return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == ENODEV; }

}  // namespace

base::Result<LogFile> LogFile::Create(int directory, sys::CText name) {
  base::UniqueFd fd =
      TRY(sys::OpenAt(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  return LogFile(std::move(fd), name.text);
}

base::Result<> LogFile::CheckAlive() const {
  if (!dead_) return {};
  return std::unexpected(base::Error{base::ErrorKind::kIo, name_ + " failed before: " + why_dead_, errno_dead_});
}

base::Error LogFile::Die(base::Error error) {
  dead_ = true;
  why_dead_ = error.message;
  errno_dead_ = error.os_errno;
  return error;
}

// Sees to it that `bytes` more than what was accepted, and the reserve behind them, are allocated.
base::Result<> LogFile::MakeRoom(std::size_t bytes) {
  const std::uint64_t accepted = written_ + buffer_.size();
  const std::uint64_t need = accepted + bytes + reserve_;
  if (!reserving_ || need <= allocated_) return {};
  const std::uint64_t ahead = std::clamp(accepted, kFirstChunk, kLargestChunk);
  for (const std::uint64_t target : {need + ahead, need}) {
    const auto done = sys::Fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, allocated_, target - allocated_);
    if (done) {
      allocated_ = target;
      return {};
    }
    if (CannotReserve(done.error().os_errno)) {
      TRY(Flush());
      reserving_ = false;
      return {};
    }
    if (target == need) return std::unexpected(done.error());
  }
  return {};
}

base::Result<> LogFile::Add(std::string_view bytes) {
  TRY(CheckAlive());
  TRY(MakeRoom(bytes.size()));
  if (!reserving_) return AddAtOnce(bytes);
  buffer_.append(bytes);
  return {};
}

base::Result<> LogFile::AddAtOnce(std::string_view bytes) {
  auto wrote = sys::WriteAll(fd_.get(), bytes);
  if (wrote) {
    written_ += bytes.size();
    return {};
  }
  if (!sys::Ftruncate(fd_.get(), written_)) return std::unexpected(Die(std::move(wrote).error()));
  return wrote;
}

base::Result<> LogFile::TakeBack(std::size_t bytes) {
  TRY(CheckAlive());
  if (bytes <= buffer_.size()) {
    buffer_.resize(buffer_.size() - bytes);
    return {};
  }
  // Written at once: this file system can't set space aside.
  auto cut = sys::Ftruncate(fd_.get(), written_ - bytes);
  if (!cut) return std::unexpected(Die(std::move(cut).error()));
  written_ -= bytes;
  return {};
}

base::Result<> LogFile::Flush() {
  TRY(CheckAlive());
  if (buffer_.empty()) return {};
  if (auto wrote = sys::WriteAll(fd_.get(), buffer_); !wrote) return std::unexpected(Die(std::move(wrote).error()));
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

base::Result<> LogFile::Sync() {
  TRY(Flush());
  if (auto synced = sys::Fdatasync(fd_.get()); !synced) return std::unexpected(Die(std::move(synced).error()));
  return {};
}

base::Result<> LogFile::Reserve(std::size_t bytes) {
  reserve_ = bytes;
  return MakeRoom(0);
}

void LogFile::ReleaseReserve() { reserve_ = 0; }

base::Result<> LogFile::Close() {
  if (!fd_) return {};
  auto flushed = Flush();
  // Cutting a file to its own length frees what was allocated beyond it.
  auto trimmed = reserving_ && !dead_ ? sys::Ftruncate(fd_.get(), written_) : base::Result<>{};
  fd_.Reset();
  TRY(std::move(flushed));
  return trimmed;
}

}  // namespace event
