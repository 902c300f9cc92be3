// SPDX-License-Identifier: Apache-2.0
// One append-only file of a run: bytes gathered and written together, disk space set aside before they are accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

namespace event {

// Move-only; used by one thread.
//
// Space: while the file system can set space aside (fallocate(2), FALLOC_FL_KEEP_SIZE), everything accepted lies in
// space that is ours already, and what Reserve sets aside beyond it stays untouched until ReleaseReserve. So a full disk
// refuses in Add, before anything is accepted. Where it can't, each Add writes at once and takes back what it wrote in part.
//
// Failure: a write or a sync that fails leaves the file dead; every later call returns that error. After a failed
// fdatasync the kernel may have dropped the pages, so trying again would prove nothing.
class LogFile {
 public:
  // Makes `name` below `directory`: O_EXCL, O_NOFOLLOW, 0600, append only. kExists when it is there.
  static base::Result<LogFile> Create(int directory, sys::CText name);

  // Accepts `bytes` behind all others. ENOSPC and its like: nothing was accepted and the file lives on.
  base::Result<> Add(std::string_view bytes);
  // Takes back the last `bytes` accepted, of the last Add and not yet handed on.
  base::Result<> TakeBack(std::size_t bytes);
  // Hands everything accepted to the kernel.
  base::Result<> Flush();
  // Flush and fdatasync(2).
  base::Result<> Sync();
  // Sets `bytes` aside behind everything accepted, now and from now on.
  base::Result<> Reserve(std::size_t bytes);
  // From now on the reserve may be used.
  void ReleaseReserve();
  // Flush, and gives back the space beyond the end.
  base::Result<> Close();

  std::size_t unwritten() const { return buffer_.size(); }
  bool dead() const { return dead_; }

 private:
  LogFile(base::UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  base::Result<> MakeRoom(std::size_t bytes);
  base::Result<> AddAtOnce(std::string_view bytes);
  base::Error Die(base::Error error);
  base::Result<> CheckAlive() const;

  base::UniqueFd fd_;
  std::string name_;
  std::size_t reserve_ = 0;
  std::string buffer_;
  std::uint64_t written_ = 0;    // bytes in the kernel
  std::uint64_t allocated_ = 0;  // bytes of space that is ours
  bool reserving_ = true;        // false: this file system can't set space aside
  bool dead_ = false;
  std::string why_dead_;
  int errno_dead_ = 0;
};

}  // namespace event
