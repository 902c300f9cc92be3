// SPDX-License-Identifier: Apache-2.0
// Finding the files of a run.
#include "evidence/verify/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/encoding.h"
#include "evidence/verify/ustar.h"
#include "sys/file.h"

namespace evidence {
namespace {

constexpr std::string_view kExports = "exports/";
// Files of a run, besides exports.
constexpr std::string_view kFiles[] = {"document.json", "plan.json", "events.jsonl",   "checkpoints",
                                       "frames",        "seal.json", "seal.tlog-proof"};

// Held for the seal; a name stays only where a supervisor died between making the file and unlinking it.
constexpr std::string_view kReserve = ".reserve-";

bool IsFileOfRun(std::string_view name) { return std::ranges::find(kFiles, name) != std::end(kFiles); }

bool IsExportName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && !name.contains('/') && !name.contains('\0');
}

std::unexpected<base::Error> Invalid(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

// Last component of a path as it was written.
std::string LastName(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

// The name of an open directory, whatever way it was reached.
std::string NameOfDirectory(int fd, const std::string& path) {
  const auto target = sys::ReadLinkAt(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd));
  return LastName(target && target->starts_with('/') ? *target : path);
}

base::Result<> CheckBundleEntry(const UstarEntry& entry, std::string_view inner) {
  if (entry.directory) {
    if (inner == "exports") return {};
  } else if (IsFileOfRun(inner)) {
    return {};
  } else if (inner.starts_with(kExports) && IsExportName(inner.substr(kExports.size()))) {
    return {};
  }
  return Invalid(fmt::format("the bundle holds \"{}\", which is no file of a run", base::Escape(entry.name)));
}

}  // namespace

base::Result<std::size_t> FileView::ReadAt(std::uint64_t position, std::span<char> buffer) const {
  if (position >= size_) return std::size_t{0};
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - position));
  const std::size_t got = TRY(sys::ReadFullAt(fd_->get(), buffer.first(wanted), offset_ + position));
  if (got < wanted) return base::Fail(base::ErrorKind::kIo, "a file became shorter while it was read; try again");
  return got;
}

base::Result<std::string> FileView::ReadAll(std::size_t max_bytes) const {
  if (size_ > max_bytes) {
    return base::Fail(base::ErrorKind::kLimit, fmt::format("it has {} bytes; at most {} are read", size_, max_bytes));
  }
  std::string content(size_, '\0');
  TRY(ReadAt(0, content));
  return content;
}

base::Result<crypto::Digest> FileView::Digest() const {
  crypto::Sha256 hash;
  std::array<char, 64 * 1024> buffer;
  for (std::uint64_t position = 0; position < size_;) {
    const std::size_t got = TRY(ReadAt(position, buffer));
    hash.Update(std::string_view(buffer.data(), got));
    position += got;
  }
  return hash.Finish();
}

base::Result<RunFiles> RunFiles::OpenDirectory(const std::string& path) {
  base::UniqueFd directory = TRY(sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  RunFiles files;
  files.name_ = NameOfDirectory(directory.get(), path);
  files.directory_ = std::make_shared<base::UniqueFd>(std::move(directory));
  return files;
}

base::Result<RunFiles> RunFiles::FromDirectory(int directory, std::string name) {
  RunFiles files;
  files.name_ = std::move(name);
  files.directory_ = std::make_shared<base::UniqueFd>(TRY(sys::Dup(directory)));
  return files;
}

base::Result<RunFiles> RunFiles::OpenBundle(const std::string& path) {
  RunFiles files;
  files.archive_ = std::make_shared<base::UniqueFd>(TRY(sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY)));
  const struct stat status = TRY(sys::Fstat(files.archive_->get()));
  if (!S_ISREG(status.st_mode)) {
    return base::Fail(base::ErrorKind::kNotFound,
                      fmt::format("\"{}\" is neither a run directory nor a bundle", base::Escape(path)));
  }
  const FileView archive(files.archive_, 0, static_cast<std::uint64_t>(status.st_size));
  const auto add = [&](const UstarEntry& entry) -> base::Result<> {
    const std::string top = entry.name.substr(0, entry.name.find('/'));
    if (files.name_.empty()) files.name_ = top;
    if (top.empty() || top != files.name_) return Invalid("the bundle has more than one top directory");
    if (entry.name.size() == top.size()) {
      if (entry.directory) return {};
      return Invalid(fmt::format("\"{}\" of the bundle is a file, not a directory", base::Escape(top)));
    }
    const std::string inner = entry.name.substr(top.size() + 1);
    TRY(CheckBundleEntry(entry, inner));
    if (entry.directory) return {};
    if (files.entries_.size() == kMaxEntries) return Invalid("the bundle has more than 100,000 entries");
    if (!files.entries_.emplace(inner, Entry{entry.offset, entry.size}).second) {
      return Invalid(fmt::format("the bundle holds \"{}\" twice", base::Escape(entry.name)));
    }
    return {};
  };
  TRY(ForEachUstarEntry(archive, add));
  return files;
}

base::Result<RunFiles> RunFiles::Open(const std::string& path) {
  const struct stat status = TRY(sys::StatAt(AT_FDCWD, path));
  return S_ISDIR(status.st_mode) ? OpenDirectory(path) : OpenBundle(path);
}

base::Result<std::optional<FileView>> RunFiles::Find(const std::string& file) const {
  if (is_bundle()) {
    const auto entry = entries_.find(file);
    if (entry == entries_.end()) return std::nullopt;
    return FileView(archive_, entry->second.offset, entry->second.size);
  }
  auto opened = sys::OpenAt2(directory_->get(), file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, sys::kBeneath);
  if (!opened) {
    if (opened.error().kind == base::ErrorKind::kNotFound) return std::nullopt;
    if (opened.error().os_errno == ELOOP) return Invalid(fmt::format("{} is a link", base::Escape(file)));
    return std::unexpected(std::move(opened).error());
  }
  const struct stat status = TRY(sys::Fstat(opened->get()));
  if (!S_ISREG(status.st_mode)) return Invalid(fmt::format("{} is no regular file", base::Escape(file)));
  return FileView(std::make_shared<base::UniqueFd>(*std::move(opened)), 0, static_cast<std::uint64_t>(status.st_size));
}

base::Result<std::vector<std::string>> RunFiles::Strangers(std::size_t most) const {
  std::vector<std::string> names;
  if (is_bundle()) return names;
  TRY(sys::ForEachEntry(directory_->get(), [&](const sys::DirectoryEntry& entry) {
    const bool known = IsFileOfRun(entry.name) || entry.name == "exports" || entry.name.starts_with(kReserve);
    if (!known) names.push_back(entry.name);
    return names.size() < most;
  }));
  return names;
}

base::Result<> RunFiles::ForEachExport(const std::function<base::Result<>(const std::string& name)>& visit) const {
  if (is_bundle()) {
    for (auto entry = entries_.lower_bound(std::string(kExports));
         entry != entries_.end() && entry->first.starts_with(kExports); ++entry) {
      TRY(visit(entry->first.substr(kExports.size())));
    }
    return {};
  }
  const auto exports = sys::OpenAt2(directory_->get(), "exports", O_RDONLY | O_DIRECTORY, 0, sys::kBeneath);
  if (!exports) {
    if (exports.error().kind == base::ErrorKind::kNotFound) return {};
    return Invalid("exports is no directory");
  }
  base::Result<> done;
  std::size_t count = 0;
  TRY(sys::ForEachEntry(exports->get(), [&](const sys::DirectoryEntry& entry) {
    done = ++count > kMaxEntries ? Invalid("exports has more than 100,000 entries") : visit(entry.name);
    return done.has_value();
  }));
  return done;
}

}  // namespace evidence
