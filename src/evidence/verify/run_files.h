// SPDX-License-Identifier: Apache-2.0
// The files of a run, from its directory or from a bundle (a ustar archive of it), read by descriptor and never loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "crypto/sha256.h"

namespace evidence {

// A part of an open file: size as it was when opened.
class FileView {
 public:
  FileView(std::shared_ptr<base::UniqueFd> fd, std::uint64_t offset, std::uint64_t size)
      : fd_(std::move(fd)), offset_(offset), size_(size) {}

  std::uint64_t size() const { return size_; }
  // Fills `buffer` from `position`, shorter only at the end of the view. A file that shrank meanwhile is kIo.
  base::Result<std::size_t> ReadAt(std::uint64_t position, std::span<char> buffer) const;
  // All of it; kLimit when it is longer than `max_bytes`.
  base::Result<std::string> ReadAll(std::size_t max_bytes) const;
  // SHA-256 of all of it, in pieces.
  base::Result<crypto::Digest> Digest() const;

 private:
  std::shared_ptr<base::UniqueFd> fd_;
  std::uint64_t offset_, size_;
};

// Names are those of evidence.md §1: "events.jsonl", "exports/<name>". Errors of kind kInvalid mean that the evidence
// is malformed (a link, an entry of another kind, a broken archive); kNotFound and kIo that it could not be read at
// all.
class RunFiles {
 public:
  // At most this many exports, and entries of a bundle.
  static constexpr std::size_t kMaxEntries = 100'000;

  static base::Result<RunFiles> OpenDirectory(const std::string& path);
  // Of a directory that is open already.
  static base::Result<RunFiles> FromDirectory(int directory, std::string name);
  static base::Result<RunFiles> OpenBundle(const std::string& path);
  // By what `path` is.
  static base::Result<RunFiles> Open(const std::string& path);

  // Name of the directory itself: must be the run id.
  const std::string& name() const { return name_; }
  bool is_bundle() const { return directory_ == nullptr; }

  // nullopt when there is none.
  base::Result<std::optional<FileView>> Find(const std::string& file) const;
  // Up to `most` names in the directory that are no files of a run: nothing signed speaks of them. A bundle has none, it was
  // refused for that when it was opened.
  base::Result<std::vector<std::string>> Strangers(std::size_t most) const;
  // Calls `visit` for every entry of exports/ until it fails.
  base::Result<> ForEachExport(const std::function<base::Result<>(const std::string& name)>& visit) const;

 private:
  RunFiles() = default;
  struct Entry {
    std::uint64_t offset, size;
  };
  std::string name_;
  std::shared_ptr<base::UniqueFd> directory_;  // null for a bundle
  std::shared_ptr<base::UniqueFd> archive_;
  std::map<std::string, Entry> entries_;  // of a bundle
};

}  // namespace evidence
